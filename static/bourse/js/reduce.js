/**
 * What each server frame does to the state: pure functions from (state, frame) to a patch for the store.
 * They take the server's word for everything and invent nothing.
 */
import { isFinal } from './protocol.js';

export const MOST_TICKS = 40;
export const MOST_FILLS = 200;
export const MOST_ORDERS = 100;
const MOST_NOTICES = 4;

export function book(state, frame) {
  const { instrument_id: id, bids, asks, timestamp } = frame;
  return { books: { ...state.books, [id]: { bids, asks, timestamp, stale: false } } };
}

/** After a lost connection every book is a memory until the exchange sends it again. */
export function staleBooks(state) {
  const entries = Object.entries(state.books).map(([id, value]) => [id, { ...value, stale: true }]);
  return { books: Object.fromEntries(entries) };
}

/** The last price of a contract, and whether it moved up, down or not since the one before. */
export function tick(state, frame) {
  const { instrument_id: id, last_price: price, volume, timestamp } = frame;
  const before = state.ticks[id];
  if (before && before.timestamp === timestamp && before.price === price && before.volume === volume && before.replayable) {
    return { ticks: { ...state.ticks, [id]: { ...before, replayable: false } } };
  }
  const move = moveOf(before, price);
  const now = { price, volume, timestamp, move };
  const trades = [now, ...(state.tape[id] ?? [])].slice(0, MOST_TICKS);
  return { ticks: { ...state.ticks, [id]: now }, tape: { ...state.tape, [id]: trades } };
}

/** A new subscription repeats the last tick; marking the known ones keeps the repeat off the tape. */
export function replayableTicks(state) {
  const entries = Object.entries(state.ticks).map(([id, value]) => [id, { ...value, replayable: true }]);
  return { ticks: Object.fromEntries(entries) };
}

function moveOf(before, price) {
  if (!before) return 'flat';
  if (price > before.price) return 'up';
  return price < before.price ? 'down' : before.move;
}

/** Puts what is known of an order into the list; newest first, finished ones dropped beyond the bound. */
export function order(state, known) {
  const before = state.orders.get(known.order_id);
  const placed = before?.placed ?? known.timestamp;
  const merged = { ...(before ? mergeOrder(before, known) : known), placed };
  const orders = before ? new Map(state.orders) : new Map([[known.order_id, merged], ...state.orders]);
  orders.set(known.order_id, merged);
  return { orders: trimmed(orders), cancelling: settledCancels(state, merged) };
}

/** Several orders at once, in the given sequence behind those already known. */
export function orderIds(state, ids) {
  const orders = new Map(state.orders);
  ids.filter((id) => !orders.has(id)).forEach((id) => orders.set(id, { order_id: id }));
  return { orders };
}

export function forgetOrder(state, orderId) {
  const orders = new Map(state.orders);
  orders.delete(orderId);
  return { orders };
}

/** A query's answer may be older than a push that overtook it: progress never goes backwards. */
function mergeOrder(before, after) {
  const older = (after.filled_volume ?? 0) < (before.filled_volume ?? 0);
  const undone = isFinal(before.status) && after.status !== undefined && !isFinal(after.status);
  if (!older && !undone) return { ...before, ...after };
  const { status, filled_volume, remaining_volume } = before;
  return { ...before, ...after, status, filled_volume, remaining_volume };
}

function trimmed(orders) {
  for (const id of [...orders.keys()].reverse()) {
    if (orders.size <= MOST_ORDERS) break;
    if (isFinal(orders.get(id).status)) orders.delete(id);
  }
  return orders;
}

function settledCancels(state, changed) {
  if (!isFinal(changed.status)) return state.cancelling;
  return without(state.cancelling, changed.order_id);
}

export function cancelling(state, orderId) {
  return { cancelling: new Set([...state.cancelling, orderId]) };
}

export function notCancelling(state, orderId) {
  return { cancelling: without(state.cancelling, orderId) };
}

function without(set, value) {
  if (!set.has(value)) return set;
  const rest = new Set(set);
  rest.delete(value);
  return rest;
}

/** A fill, once: both sides of a self-made match share a trade id, so the order id is part of its name. */
export function fill(state, frame) {
  const known = state.fills.some((one) => one.trade_id === frame.trade_id && one.order_id === frame.order_id);
  return known ? {} : { fills: [frame, ...state.fills].slice(0, MOST_FILLS) };
}

export function account(state, data) {
  return { account: { ...state.account, ...data } };
}

export function notice(state, one) {
  return { notices: [...state.notices, one].slice(-MOST_NOTICES) };
}

export function noticeGone(state, id) {
  return { notices: state.notices.filter((one) => one.id !== id) };
}

/** The orders that may still trade or be cancelled. */
export const working = (orders) => [...orders.values()].filter((one) => one.status && !isFinal(one.status));
