/**
 * What each frame about the user does to the state (see reduce_market.js for the rest): pure functions from (state, frame) to a patch for the store.
 * They take the server's word for everything and invent nothing.
 */
import { isFinal, timeOfId } from '../line/protocol.js';
import { marketOf } from './selectors.js';

const MOST_ORDERS = 2000;
const MOST_NOTICES = 4;

/**
 * Puts what is known of an order into the list; newest first, finished ones dropped beyond the bound.
 * @param {State} state
 * @param {Omit<OwnOrder, 'placed'>} known
 */
export function order(state, known) {
  const before = state.orders.get(known.order_id);
  const placed = timeOfId(known.order_id);
  const merged = { ...(before ? mergeOrder(before, known) : known), placed };
  const orders = before ? new Map(state.orders) : new Map([[known.order_id, merged], ...state.orders]);
  orders.set(known.order_id, merged);
  return { orders: trimmed(orders), cancelling: settledCancels(state, merged) };
}

/**
 * @param {State} state
 * @param {string} orderId
 */
export function forgetOrder(state, orderId) {
  const orders = new Map(state.orders);
  orders.delete(orderId);
  return { orders };
}

/**
 * A query's answer may be older than a push that overtook it: progress never goes backwards.
 * @param {OwnOrder} before
 * @param {Omit<OwnOrder, 'placed'>} after
 */
function mergeOrder(before, after) {
  const older = (after.filled_volume ?? 0) < (before.filled_volume ?? 0);
  const undone = isFinal(before.status) && after.status !== undefined && !isFinal(after.status);
  if (!older && !undone) return { ...before, ...after };
  const { status, filled_volume, remaining_volume } = before;
  return { ...before, ...after, status, filled_volume, remaining_volume };
}

/** @param {Map<string, OwnOrder>} orders */
function trimmed(orders) {
  for (const id of [...orders.keys()].reverse()) {
    if (orders.size <= MOST_ORDERS) break;
    if (isFinal(orders.get(id)?.status)) orders.delete(id);
  }
  return orders;
}

/**
 * @param {State} state
 * @param {OwnOrder} changed
 */
function settledCancels(state, changed) {
  if (!isFinal(changed.status)) return state.cancelling;
  return without(state.cancelling, changed.order_id);
}

/**
 * @param {Set<string>} set
 * @param {string} value
 */
function without(set, value) {
  if (!set.has(value)) return set;
  const rest = new Set(set);
  rest.delete(value);
  return rest;
}

/**
 * Of the first market, or of another that is named.
 * @param {State} state
 * @param {AccountUpdate | AccountData | Portfolio} data
 * @param {string} [market]
 */
export function account(state, data, market) {
  if (!market) return { account: { ...state.account, ...data } };
  return { furtherAccounts: { ...state.furtherAccounts, [market]: { ...state.furtherAccounts[market], ...data } } };
}

/**
 * What is held at one market, in place of what was; what is held elsewhere stays.
 * @param {State} state
 * @param {PositionData[]} told
 * @param {string} [market]
 */
export function positions(state, told, market) {
  const elsewhere = (state.positions ?? []).filter((one) => marketOf(state, one.instrument_id) !== market);
  return { positions: [...elsewhere, ...told] };
}

/**
 * @param {State} state
 * @param {Notice} one
 */
export function notice(state, one) {
  return { notices: [...state.notices, one].slice(-MOST_NOTICES) };
}

/**
 * @param {State} state
 * @param {number} id
 */
export function noticeGone(state, id) {
  return { notices: state.notices.filter((one) => one.id !== id) };
}
