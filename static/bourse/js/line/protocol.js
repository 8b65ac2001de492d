/**
 * The public WebSocket protocol, as a client speaks it: every frame it may send or hear, every word and code in them.
 * Pure. Knows no socket, no page and no state.
 */

export const DIRECTIONS = ['BUY', 'SELL'];
export const OFFSETS = ['OPEN', 'CLOSE', 'CLOSETODAY', 'CLOSEYESTERDAY'];
export const ORDER_TYPES = ['LIMIT', 'MARKET'];
export const TIME_CONDITIONS = ['GFD', 'GTC', 'GTD', 'IOC', 'FOK'];
export const STATUSES = ['Waiting', 'Submitted', 'PartiallyFilled', 'Filled', 'Cancelled'];
export const CANCEL_REASONS = [
  'UNFILLED', 'NO_TRADE', 'SELF_TRADE', 'OCO', 'EXPIRED', 'COUNTDOWN', 'DISCONNECT', 'REFUSED', 'SETTLEMENT', 'AUCTION',
  'LIQUIDATION', 'OPERATOR',
];
export const PHASES = ['continuous', 'auction', 'halted', 'closed', 'delisted'];

/** Lengths of bars, and their milliseconds; `1d` is the trading day. */
/** @type {Record<string, number>} */
export const PERIODS = { '1m': 60e3, '5m': 300e3, '15m': 900e3, '1h': 3600e3, '1d': 86400e3 };

/** Codes of refusals; `locales/` has a sentence for each in every language. */
export const ERROR_CODES = [
  400, 401, 403, 404, 409, 429, 503, 504,
  1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 1016,
];
export const NOT_AUTHENTICATED = 401;
export const ORDER_NOT_FOUND = 1002;
export const ACCOUNT_NOT_FOUND = 1003;
/** The exchange cannot do it now; nothing was done. */
export const UNAVAILABLE = 503;
/** Nobody knows whether it was done. */
export const UNKNOWN_OUTCOME = 504;
/** Asked too fast, or the exchange is busy: the same may be asked again. */
export const PASSING = new Set([429, UNAVAILABLE]);

/** Close codes that mean something to a person; `locales/` explains them. */
export const CLOSE_CODES = [1012, 4408, 4409];

/** Entries of a history that are asked for at a time. */
const PAGE_LENGTH = 100;

/** @type {Set<string | undefined>} */
const FINAL = new Set(['Filled', 'Cancelled']);

/**
 * Whether an order in this status can never change again.
 * @param {OrderStatus | undefined} status
 */
export const isFinal = (status) => FINAL.has(status);

// --- frames

/**
 * @param {string} required
 * @param {string} [optional]
 */
const fields = (required, optional = '') => ({ required: words(required), optional: words(optional) });
/** @param {string} text */
const words = (text) => text.split(' ').filter(Boolean);

const ORDER = 'instrument_id direction offset volume order_type';
const HANDLING = 'price time_condition client_order_id expires_at valid_until post_only reduce_only display_volume '
  + 'stop_price stop_kind trigger trail oco_group stp price_levels';
const PAGE = 'instrument_id from_time to_time before limit';

/** What a client may say: the fields of each message. Any may carry a `request_id`. */
export const CLIENT_FRAMES = {
  auth: fields('user_id token'),
  subscribe: fields('channels', 'instruments period'),
  unsubscribe: fields('channels', 'instruments period'),
  submit_order: fields(ORDER, HANDLING),
  cancel_order: fields('order_id'),
  query_order: fields('order_id'),
  query_account: fields('', 'market'),
  query_position: fields('', 'instrument_id lots'),
  ping: fields(''),
  pong: fields(''),
  amend_order: fields('order_id', 'price volume valid_until'),
  cancel_all: fields('', 'instrument_id direction'),
  cancel_after: fields('timeout_ms'),
  submit_orders: fields('orders'),
  cancel_orders: fields('order_ids'),
  resume: fields('', 'last_seq market'),
  set_session: fields('cancel_on_disconnect', 'grace_ms'),
  logout: fields(''),
  query_orders: fields('', `${PAGE} status`),
  query_trades: fields('', `${PAGE} order_id`),
  query_instruments: fields('', 'instrument_id'),
  query_statements: fields('', 'from_day to_day limit market'),
  query_bars: fields('instrument_id', 'period before limit'),
  query_public_trades: fields('instrument_id', 'limit'),
  query_statistics: fields('', 'instrument_id'),
};

const VERDICT = 'success error_code error_message';
const RISK = 'risk_ratio margin balance timestamp seq';
/** Of another market than the first, where an exchange has several. */
const ELSEWHERE = 'market market_seq';
const BOOK = 'instrument_id bids asks timestamp';
const IN_AUCTION = 'phase indicative_price indicative_volume';

/** What a server may say. Any may carry the `request_id` of what it answers. */
export const SERVER_FRAMES = {
  auth_response: fields('success user_id message'),
  subscribe_response: fields('success channels instruments message', 'error_code'),
  order_response: fields(`${VERDICT} order_id`, 'client_order_id status filled_volume retry_after'),
  trade: fields('trade_id order_id instrument_id direction offset price volume timestamp', `seq commission is_maker ${ELSEWHERE}`),
  order_status: fields(
    'order_id status filled_volume remaining_volume timestamp',
    'seq price volume reason error_code error_message instrument_id direction offset order_type client_order_id '
      + `time_condition post_only reduce_only average_price stop_price stop_kind trigger trail price_levels ${ELSEWHERE}`,
  ),
  account_update: fields('balance available frozen margin profit risk_ratio timestamp', `seq ${ELSEWHERE}`),
  portfolio: fields('balance available frozen margin profit position_profit risk_ratio timestamp'),
  orderbook: fields(BOOK, IN_AUCTION),
  ticker: fields('instrument_id last_price volume timestamp', 'direction day'),
  query_response: fields('request_type data'),
  error: fields('code message', 'retry_after'),
  pong: fields(''),
  ping: fields(''),
  orders_response: fields('results', 'retry_after'),
  cancel_all_response: fields(`${VERDICT} cancelled`, 'retry_after'),
  cancel_after_response: fields(`${VERDICT} deadline`, 'retry_after'),
  resume_response: fields('success last_seq'),
  snapshot: fields('seq account positions orders trading_day', 'market'),
  set_session_response: fields('success cancel_on_disconnect grace_ms'),
  logout_response: fields('success'),
  risk_warning: fields(RISK, ELSEWHERE),
  liquidation: fields(`status ${RISK}`, ELSEWHERE),
  position_expired: fields('instrument_id volume_long volume_short price close_profit timestamp seq', ELSEWHERE),
  statement: fields(
    'day opening deposits withdrawals close_profit position_profit commission closing margin positions timestamp',
    `seq ${ELSEWHERE}`,
  ),
  instrument_status: fields('instrument_id phase timestamp'),
  instrument_state: fields('instrument_id state timestamp'),
  orderbook_delta: fields(`${BOOK} seq prev_seq`, IN_AUCTION),
  kline: fields('instrument_id period start open high low close volume turnover trades open_interest'),
  announcement: fields('message timestamp'),
  trade_broken: fields(
    'trade_id order_id instrument_id direction offset price volume commission close_profit timestamp seq',
    ELSEWHERE,
  ),
  announcements: fields('announcements timestamp'),
};

/** Pushes about the own account, which `seq` numbers without holes. */
export const PRIVATE_PUSHES = new Set([
  'trade', 'order_status', 'account_update', 'risk_warning', 'liquidation', 'position_expired', 'statement',
  'trade_broken',
]);

/**
 * The fields that a frame lacks; null if it is of a type that this page does not know.
 * @param {{ type: string }} frame
 * @param {FrameTable} [known]
 */
export function missing(frame, known = SERVER_FRAMES) {
  return known[frame.type]?.required.filter((name) => !(name in frame)) ?? null;
}

/**
 * The fields that the tables above do not know; the server may be newer than this page.
 * @param {{ type: string }} frame
 * @param {FrameTable} [known]
 */
export function unknown(frame, known = SERVER_FRAMES) {
  const { required, optional } = known[frame.type];
  const ours = new Set(['type', 'request_id', ...required, ...optional]);
  return Object.keys(frame).filter((name) => !ours.has(name));
}

/**
 * A server frame as an object that has all fields of its type, or null for anything else; it never throws.
 * @param {string} text
 */
export function parse(text) {
  try {
    const frame = JSON.parse(text);
    return frame && missing(frame)?.length === 0 ? frame : null;
  } catch {
    return null;
  }
}

// --- what the page says

export const ping = () => ({ type: 'ping' });
/**
 * @param {string} userId
 * @param {string} token
 */
export const auth = (userId, token) => ({ type: 'auth', user_id: userId, token });
/**
 * @param {string[]} channels
 * @param {string[]} instruments
 */
export const subscribe = (channels, instruments) => ({ type: 'subscribe', channels, instruments });
/**
 * @param {string[]} channels
 * @param {string[]} instruments
 */
export const unsubscribe = (channels, instruments) => ({ type: 'unsubscribe', channels, instruments });
/**
 * @param {string} id
 * @param {string} period
 */
export const subscribeBars = (id, period) => ({ ...subscribe(['kline'], [id]), period });
/**
 * @param {string} id
 * @param {string} period
 */
export const unsubscribeBars = (id, period) => ({ ...unsubscribe(['kline'], [id]), period });
/** @param {string} orderId */
export const cancelOrder = (orderId) => ({ type: 'cancel_order', order_id: orderId });
/** @param {string} orderId */
export const queryOrder = (orderId) => ({ type: 'query_order', order_id: orderId });
/** @param {string} [market] The first, where none is named. */
export const queryAccount = (market) => ({ type: 'query_account', ...(market && { market }) });
export const queryPosition = () => ({ type: 'query_position', lots: true });
export const queryInstruments = () => ({ type: 'query_instruments' });
export const queryStatistics = () => ({ type: 'query_statistics' });
/** @param {string} id */
export const queryPublicTrades = (id) => ({ type: 'query_public_trades', instrument_id: id });

/**
 * Bars that start before `before` (Unix ms), or the newest.
 * @param {string} id
 * @param {string} period
 * @param {number} limit
 * @param {number | null} [before]
 */
export function queryBars(id, period, limit, before = null) {
  const frame = { type: 'query_bars', instrument_id: id, period, limit };
  return before === null ? frame : { ...frame, before };
}

/**
 * Asks for what was missed since the push `lastSeq`, or, if that is null, for how everything is.
 * At the first market, or at one that is named.
 * @param {number | null} lastSeq
 * @param {string} [market]
 */
export const resume = (lastSeq, market) => ({ type: 'resume', ...(lastSeq !== null && { last_seq: lastSeq }), ...(market && { market }) });

/**
 * An order as the exchange takes it: fields without a value are left out. `client_order_id` lets the same order be sent twice without becoming two.
 * @param {OrderOptions} order
 */
function orderFields(order) {
  const known = new Set([...CLIENT_FRAMES.submit_order.required, ...CLIENT_FRAMES.submit_order.optional]);
  return Object.fromEntries(Object.entries(order).filter(([name, value]) => known.has(name) && value !== null && value !== false));
}

/**
 * One order, or several that reach the engine one after another with nothing in between.
 * @param {OrderOptions[]} orders
 */
export function submit(orders) {
  if (orders.length === 1) return { type: 'submit_order', ...orderFields(orders[0]) };
  return { type: 'submit_orders', orders: orders.map(orderFields) };
}

/**
 * @param {string} orderId
 * @param {{ price?: number, volume?: number }} changes
 */
export const amendOrder = (orderId, changes) => ({ type: 'amend_order', order_id: orderId, ...changes });
export const cancelAll = () => ({ type: 'cancel_all' });
export const queryStatements = () => ({ type: 'query_statements', limit: PAGE_LENGTH });
/** @param {string | null} [before] */
export const queryOrders = (before = null) => ({ type: 'query_orders', limit: PAGE_LENGTH, ...(before ? { before } : {}) });
/** @param {string | null} [before] */
export const queryTrades = (before = null) => ({ type: 'query_trades', limit: PAGE_LENGTH, ...(before ? { before } : {}) });

/**
 * When the exchange gave this order or trade its id (Unix ms).
 * @param {string} id
 */
export const timeOfId = (id) => Number(id.slice(1, 14));

/**
 * Where the exchange of this page listens; `user_id` is a wish that the later `auth` makes good.
 * @param {Location} location
 * @param {string | undefined} userId
 */
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
