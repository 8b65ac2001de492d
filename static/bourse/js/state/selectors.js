/** What several modules read off the state. Pure. */
import { isFinal } from '../line/protocol.js';

/** @type {PositionSide[]} */
const SIDES = ['long', 'short'];

/**
 * Whether the data on view can be trusted to be current.
 * @param {State} state
 */
export const isLive = (state) => state.connection.phase === 'live';

/**
 * @param {State} state
 * @param {string | null | undefined} id
 */
export const instrumentOf = (state, id) => state.instruments.find((one) => one.instrument_id === id);

/**
 * @param {State} state
 * @param {string | null | undefined} id
 */
export const tickOf = (state, id) => instrumentOf(state, id)?.tick ?? 1;

/**
 * Where an instrument is listed; undefined: at the first market.
 * @param {State} state
 * @param {string | null | undefined} id
 */
export const marketOf = (state, id) => instrumentOf(state, id)?.market;

/**
 * Whether the market of an instrument takes no orders just now.
 * @param {State} state
 * @param {string | null | undefined} id
 */
export const isAway = (state, id) => state.away.has(marketOf(state, id));

/**
 * The account out of which an instrument is traded: each market has its own.
 * @param {State} state
 * @param {string | null | undefined} id
 */
export function accountOf(state, id) {
  const market = marketOf(state, id);
  return market ? state.furtherAccounts[market] ?? null : state.account;
}

/**
 * The orders that may still trade or be cancelled.
 * @param {Map<string, OwnOrder>} orders
 */
export const working = (orders) => [...orders.values()].filter((one) => one.status && !isFinal(one.status));

/**
 * The sides of positions that are held.
 * @param {PositionData[] | null} positions
 */
export function legsOf(positions) {
  return (positions ?? []).flatMap((position) => SIDES
    .filter((side) => position[`volume_${side}`] > 0)
    .map((side) => ({ position, side, key: `${position.instrument_id} ${side}` })));
}
