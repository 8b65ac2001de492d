/**
 * What each frame of market data does to the state: pure functions from (state, frame) to a patch for the store.
 * They take the server's word for everything and invent nothing.
 */
import { applied } from './depth.js';

export const MOST_TICKS = 50;

/**
 * What operators announce, in the place of what they announced before; `now` is this machine's clock.
 * @param {Omit<Announcements, 'type'>} frame
 * @param {number} now
 */
export const announced = (frame, now) => ({ announcements: { list: frame.announcements, ahead: frame.timestamp - now } });

// --- books

/**
 * The whole book of an `orderbook_delta` without `prev_seq`, or the known one with its changes; null where one is missing.
 * @param {State} state
 * @param {OrderBookDelta} frame
 */
export function delta(state, frame) {
  const { instrument_id: id, seq, prev_seq: before } = frame;
  const known = state.books[id];
  if (before !== null && (known?.seq ?? null) === null) return {}; // the whole book is on its way
  if (before !== null && seq <= /** @type {number} */ (known.seq)) return {};
  if (before !== null && before !== known.seq) return null;
  const whole = before === null;
  const book = {
    bids: whole ? frame.bids : applied(known.bids, frame.bids, 'bid'),
    asks: whole ? frame.asks : applied(known.asks, frame.asks, 'ask'),
    timestamp: frame.timestamp,
    phase: frame.phase ?? 'continuous',
    indicative: frame.indicative_price === undefined ? null : { price: frame.indicative_price, volume: frame.indicative_volume },
    seq,
    stale: false,
  };
  return { books: { ...state.books, [id]: book }, ...phase(state, id, book.phase) };
}

/**
 * A book of which a change was missed is a memory until it comes whole again.
 * @param {State} state
 * @param {string} id
 */
export function lostBook(state, id) {
  return { books: { ...state.books, [id]: { ...state.books[id], seq: null, stale: true } } };
}

/**
 * After a lost connection every book is.
 * @param {State} state
 */
export function staleBooks(state) {
  const entries = Object.entries(state.books).map(([id, book]) => [id, { ...book, seq: null, stale: true }]);
  return { books: Object.fromEntries(entries) };
}

// --- instruments

/**
 * Instruments as a query tells them; what the page came with is overwritten, new ones are added.
 * @param {State} state
 * @param {InstrumentData[]} told
 */
export function instruments(state, told) {
  const known = new Map(state.instruments.map((one) => [one.instrument_id, one]));
  told.forEach((one) => known.set(one.instrument_id, { ...known.get(one.instrument_id), ...one }));
  return { instruments: [...known.values()] };
}

/**
 * An instrument is in another phase of trading.
 * @param {State} state
 * @param {string} id
 * @param {Phase} now
 */
export function phase(state, id, now) {
  const known = state.instruments.find((one) => one.instrument_id === id);
  if (!known || known.phase === now) return {};
  return { instruments: state.instruments.map((one) => (one === known ? { ...one, phase: now } : one)) };
}

/**
 * The trading day of instruments in figures.
 * @param {State} state
 * @param {StatisticsData[]} days
 */
export function statistics(state, days) {
  return { days: { ...state.days, ...Object.fromEntries(days.map((day) => [day.instrument_id, day])) } };
}

// --- trades

/**
 * The last trade of a contract; `tape` has those of the contract on view, newest first.
 * @param {State} state
 * @param {Ticker} frame
 */
export function tick(state, frame) {
  const { instrument_id: id, last_price: price, volume, timestamp, direction = null, day } = frame;
  const before = state.ticks[id];
  if (before?.replayable && before.timestamp === timestamp && before.price === price && before.volume === volume) {
    return { ...lastTrade(state, id, { ...before, replayable: false }), ...(day ? statistics(state, [day]) : {}) };
  }
  const now = { key: state.tickCount, price, volume, timestamp, direction, move: moveOf(before, price) };
  const onTape = id === state.selected ? { tape: [now, ...state.tape].slice(0, MOST_TICKS) } : {};
  return { ...lastTrade(state, id, now), ...onTape, tickCount: state.tickCount + 1, ...(day ? statistics(state, [day]) : {}) };
}

/**
 * @param {State} state
 * @param {string} id
 * @param {LastTrade} now
 */
const lastTrade = (state, id, now) => ({ ticks: { ...state.ticks, [id]: now } });

/**
 * The last trades of the contract on view, as a query tells them: newest first.
 * @param {State} state
 * @param {PublicTradeData[]} trades
 */
export function tape(state, trades) {
  const count = state.tickCount + trades.length;
  return { tape: trades.slice(0, MOST_TICKS).map((one, index) => ({ ...one, key: count - 1 - index })), tickCount: count };
}

/**
 * A new subscription repeats the last tick; marking the known ones keeps the repeat off the tape.
 * @param {State} state
 */
export function replayableTicks(state) {
  const entries = Object.entries(state.ticks).map(([id, value]) => [id, { ...value, replayable: true }]);
  return { ticks: Object.fromEntries(entries) };
}

/**
 * @param {LastTrade | undefined} before
 * @param {number} price
 */
function moveOf(before, price) {
  if (!before) return 'flat';
  if (price > before.price) return 'up';
  return price < before.price ? 'down' : before.move;
}

// --- bars

/**
 * No bars yet of what the chart is to show. `more`: whether there may be older ones.
 * @param {string | null} instrumentId
 * @param {string} period
 */
export const noBars = (instrumentId, period) => ({ instrumentId, period, list: [], more: true, asked: false, loaded: false });

/**
 * The bar so far of a `kline`.
 * @param {State} state
 * @param {Kline} frame
 */
export function bar(state, frame) {
  const { bars } = state;
  if (frame.instrument_id !== bars.instrumentId || frame.period !== bars.period) return {};
  const last = bars.list.at(-1);
  if (last && frame.start < last.start) return {};
  const list = last?.start === frame.start ? bars.list.slice(0, -1) : [...bars.list];
  list.push(frame);
  return { bars: { ...bars, list } };
}

/**
 * Bars as a query tells them, newest first, put in among those known. `limit`: how many were asked for. After a pause that
 * was longer than they reach, those known before it would leave a hole and are given up.
 * @param {State} state
 * @param {Question} parts
 * @param {BarData[]} told
 */
export function moreBars(state, { instrumentId, period, limit, older }, told) {
  const { bars } = state;
  if (instrumentId !== bars.instrumentId || period !== bars.period) return {};
  const fresh = [...told].reverse();
  const isFull = told.length === limit;
  const last = bars.list.at(-1);
  const hole = !older && isFull && last !== undefined && last.start < fresh[0].start;
  const known = hole ? [] : bars.list;
  const list = older ? [...fresh, ...known] : newest(known, fresh);
  const more = older || hole || !bars.loaded ? isFull : bars.more;
  return { bars: { ...bars, list, more, asked: false, loaded: true } };
}

/**
 * The present bar may be a second behind in the answer of a query: where both know one, the push is newer.
 * @param {BarData[]} list
 * @param {BarData[]} fresh
 */
function newest(list, fresh) {
  if (fresh.length === 0) return list;
  const [{ start: first }, { start: last }] = [fresh[0], fresh[fresh.length - 1]];
  const before = list.filter((one) => one.start < first);
  const pushed = list.filter((one) => one.start >= last);
  return [...before, ...(pushed.length > 0 ? fresh.filter((one) => one.start < pushed[0].start) : fresh), ...pushed];
}

/**
 * A market takes no orders just now, or takes them again.
 * @param {State} state
 * @param {string | undefined} market undefined: the first
 * @param {boolean} is
 */
export function away(state, market, is) {
  if (state.away.has(market) === is) return {};
  const markets = new Set(state.away);
  if (is) markets.add(market);
  else markets.delete(market);
  return { away: markets };
}

/**
 * Nobody knows, or all take orders.
 * @param {State} state
 * @returns {Patch}
 */
export const noneAway = (state) => (state.away.size === 0 ? {} : { away: new Set() });
