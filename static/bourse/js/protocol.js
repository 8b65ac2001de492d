/**
 * The public WebSocket protocol v1.0, as a client speaks it: every frame it may send, every word and code it may hear.
 * Pure. Knows no socket, no page and no state.
 */

export const DIRECTIONS = ['BUY', 'SELL'];
export const OFFSETS = ['OPEN', 'CLOSE', 'CLOSETODAY', 'CLOSEYESTERDAY'];
export const ORDER_TYPES = ['LIMIT', 'MARKET'];
export const TIME_CONDITIONS = ['GFD', 'GTC', 'GTD', 'IOC', 'FOK'];
export const STATUSES = ['Waiting', 'Submitted', 'PartiallyFilled', 'Filled', 'Cancelled'];

/** Codes of refusals; `words/` has a sentence for each in every language. */
export const ERROR_CODES = [
  400, 401, 403, 404, 409, 429, 503,
  1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015,
];
export const NOT_AUTHENTICATED = 401;
export const TOO_FAST = 429;
export const BUSY = 503;
export const ORDER_NOT_FOUND = 1002;

/** Close codes that mean something to a person; `words/` explains them. */
export const CLOSE_CODES = [1012, 4408, 4409];

/** The server drops a client that is silent for 10 s; the protocol recommends a ping every 5 s. */
export const HEARTBEAT_MS = 5000;

/** The server pings every 5 s, so a longer silence than this means the line is dead, whatever TCP believes. */
export const SILENCE_MS = 12000;

const FINAL = new Set(['Filled', 'Cancelled']);

/** Whether an order in this status can never change again. */
export const isFinal = (status) => FINAL.has(status);

export const ping = () => ({ type: 'ping' });
export const auth = (userId, token) => ({ type: 'auth', user_id: userId, token });
export const subscribe = (channels, instruments) => ({ type: 'subscribe', channels, instruments });
export const unsubscribe = (channels, instruments) => ({ type: 'unsubscribe', channels, instruments });
export const cancelOrder = (orderId) => ({ type: 'cancel_order', order_id: orderId });
export const queryOrder = (orderId) => ({ type: 'query_order', order_id: orderId });
export const queryAccount = () => ({ type: 'query_account' });
export const queryPosition = () => ({ type: 'query_position' });

/**
 * An order as a frame. A MARKET order carries neither price nor time condition: it takes what there is, and the exchange
 * cancels the rest. `client_order_id` lets the same order be sent twice without becoming two.
 */
export function submitOrder(order) {
  const frame = {
    type: 'submit_order',
    instrument_id: order.instrument_id,
    direction: order.direction,
    offset: order.offset,
    volume: order.volume,
    order_type: order.order_type,
    client_order_id: order.client_order_id,
  };
  if (order.order_type === 'MARKET') return frame;
  return { ...frame, price: order.price, time_condition: order.time_condition };
}

/** A server frame as an object with a `type`, or null for anything else; it never throws. */
export function parse(text) {
  try {
    const frame = JSON.parse(text);
    return frame && typeof frame.type === 'string' ? frame : null;
  } catch {
    return null;
  }
}

/** Where the exchange of this page listens; `user_id` is a wish that the later `auth` makes good. */
export function socketUrl(location, userId) {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const query = userId ? `?user_id=${encodeURIComponent(userId)}` : '';
  return `${scheme}//${location.host}/ws${query}`;
}

/** A fresh id for an order. `crypto.randomUUID` is missing on plain-http pages, `getRandomValues` is not. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
