/** What answers about the own orders, trades and days do to the state: pure functions to a patch for the store. */

import { timeOfId } from '../line/protocol.js';

const MOST_POINTS = 2000;
const MOST_FILLS = 5000;

/** @param {OwnFill | Trade | TradeBroken} one */
const keyOf = (one) => `${one.trade_id} ${one.order_id}`;

/**
 * Fills with those that were told, by their ids, newest first. What a query tells of a fill is added to its push.
 * @param {OwnFill[]} known
 * @param {(OwnFill | Trade)[]} told
 */
function joined(known, told) {
  const all = new Map(known.map((one) => [keyOf(one), one]));
  told.forEach((one) => all.set(keyOf(one), { ...all.get(keyOf(one)), ...one }));
  return [...all.values()].sort((one, other) => (one.trade_id < other.trade_id ? 1 : -1));
}

/**
 * A fill as it happens. It may come twice: pushed, and as the answer to a question.
 * @param {State} state
 * @param {Trade} frame
 */
export function fill(state, frame) {
  const known = state.fills.some((one) => keyOf(one) === keyOf(frame));
  return known ? {} : { fills: joined(state.fills, [frame]).slice(0, MOST_FILLS) };
}

/**
 * The news of an order's fills as one: all its lots at their average price; null if there is none yet to add to.
 * @param {State} state
 * @param {Trade} frame
 */
export function joinedFill(state, frame) {
  const before = state.notices.find((one) => one.kind === 'fill' && one.data.order_id === frame.order_id);
  if (!before) return null;
  const volume = before.data.volume + frame.volume;
  const price = (before.data.price * before.data.volume + frame.price * frame.volume) / volume;
  const after = { ...before, data: { ...before.data, volume, price } };
  return { notices: state.notices.map((one) => (one === before ? after : one)) };
}

/**
 * A trade that was taken back stays, and says so.
 * @param {State} state
 * @param {TradeBroken} frame
 */
export const tradeBroken = (state, frame) => ({
  fills: state.fills.map((one) => (keyOf(one) === keyOf(frame) ? { ...one, broken: true } : one)),
});

/**
 * A page of fills. `first`: the newest page, behind which the older ones are asked for anew.
 * @param {State} state
 * @param {{ trades: TradeData[], next: string | null }} parts
 * @param {boolean} first
 */
export function fillsPage(state, { trades, next }, first) {
  return { fills: joined(first ? [] : state.fills, trades), fillsNext: next };
}

/**
 * The newest fills once more, with what their pushes did not say.
 * @param {State} state
 * @param {{ trades: TradeData[] }} parts
 */
export function fillsAgain(state, { trades }) {
  return { fills: joined(state.fills, trades) };
}

/**
 * A page of orders, behind those that are known.
 * @param {State} state
 * @param {{ orders: OrderData[], next: string | null }} parts
 */
export function ordersPage(state, { orders: told, next }) {
  const orders = new Map(state.orders);
  told.forEach((one) => orders.has(one.order_id) || orders.set(one.order_id, { ...one, placed: timeOfId(one.order_id) }));
  return { orders, ordersNext: next };
}

/**
 * A settled day, newest first.
 * @param {State} state
 * @param {Statement} frame
 */
export function statement(state, frame) {
  const others = (state.statements ?? []).filter((one) => one.day !== frame.day);
  return { statements: [frame, ...others].sort((one, other) => other.day - one.day) };
}

/**
 * The balance at a moment; one point a second is enough for the eye.
 * @param {State} state
 * @param {number} time
 * @param {number} balance
 */
export function equityPoint(state, time, balance) {
  const last = state.equity.at(-1);
  if (last && last.balance === balance) return {};
  const before = last && time - last.time < 1000 && state.equity.length > 1 ? state.equity.slice(0, -1) : state.equity;
  return { equity: [...before, { time, balance }].slice(-MOST_POINTS) };
}
