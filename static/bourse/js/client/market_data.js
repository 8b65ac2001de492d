/**
 * What the page asks of the market and hears from it: which subscriptions are open, which bars are still to be fetched.
 * Decides when to ask; the line belongs to the client, the state to the store.
 */
import * as storage from '../base/storage.js';
import * as protocol from '../line/protocol.js';
import * as reduce from '../state/reduce_market.js';

const FIRST_BARS = 500;
const MORE_BARS = 500;
/** All pages hear of a change at once; they need not all ask at once. */
const SOON_MS = 1000;
const AGAIN_MS = 2000;

export class MarketData {
  /**
   * `ask(question, message)` sends and remembers why; it says whether there was a line.
   * @param {Store} store
   * @param {(question: Question, message: ClientFrame) => boolean} ask
   */
  constructor(store, ask) {
    this.store = store;
    this.ask = ask;
    /** @type {number | undefined} */
    this.soon = undefined;
  }

  // --- what a person can do

  /** @param {string} instrumentId */
  select(instrumentId) {
    const { selected, bars } = this.store.state;
    if (selected === instrumentId) return;
    storage.savePreference('contract', instrumentId);
    if (selected !== null) {
      this.#say(protocol.unsubscribe(['orderbook_delta'], [selected]));
      this.#say(protocol.unsubscribeBars(selected, bars.period));
    }
    this.store.set({
      selected: instrumentId,
      tape: [],
      bars: reduce.noBars(instrumentId, bars.period),
      ...reduce.staleBooks(this.store.state),
    });
    this.#follow();
  }

  /** @param {string} period */
  setPeriod(period) {
    const { selected, bars } = this.store.state;
    if (selected === null || bars.period === period) return;
    storage.savePreference('period', period);
    this.#say(protocol.unsubscribeBars(selected, bars.period));
    this.store.set({ bars: reduce.noBars(selected, period) });
    this.#followBars();
  }

  /** Fetches bars before those on view, once for each page of them. */
  older() {
    const { bars } = this.store.state;
    if (!bars.loaded || !bars.more || bars.asked || bars.list.length === 0) return;
    if (!this.#askForBars(MORE_BARS, bars.list[0].start)) return;
    this.store.set({ bars: { ...bars, asked: true } });
  }

  // --- the line

  /** The line is open: what is shown is asked for, and followed from then on. */
  opened() {
    const { instruments, selected } = this.store.state;
    this.store.set(reduce.replayableTicks(this.store.state));
    this.#say(protocol.subscribe(['announcements'], [])); // apart: a market that is closed gives this, and nothing else
    this.#say(protocol.subscribe(['instruments'], []));
    this.#look();
    if (selected === null) return;
    this.#say(protocol.subscribe(['ticker'], instruments.map((one) => one.instrument_id)));
    this.#follow();
  }

  /** The line is gone: what is shown is a memory. */
  closed() {
    const { bars } = this.store.state;
    this.store.set({ ...reduce.staleBooks(this.store.state), bars: { ...bars, asked: false } });
  }

  /**
   * Takes in a frame of market data; false if it is none.
   * @param {ServerFrame} frame
   */
  heard(frame) {
    switch (frame.type) {
      case 'orderbook_delta': this.#bookChanged(frame); return true;
      case 'ticker': this.store.set(reduce.tick(this.store.state, frame)); return true;
      case 'kline': this.store.set(reduce.bar(this.store.state, frame)); return true;
      case 'instrument_status':
        this.store.set(reduce.phase(this.store.state, frame.instrument_id, frame.phase));
        this.lookSoon();
        return true;
      case 'instrument_state': this.lookSoon(); return true;
      case 'announcements': this.store.set(reduce.announced(frame, Date.now())); return true;
      default: return false;
    }
  }

  /**
   * Takes in the data of a query's answer.
   * @param {Question | undefined} question
   * @param {QueryData} data
   */
  answered(question, data) {
    const { state } = this.store;
    if (data.instruments) this.#listed(data.instruments);
    if (data.statistics) this.store.set(reduce.statistics(state, data.statistics));
    if (data.public_trades && question?.instrumentId === state.selected) this.store.set(reduce.tape(state, data.public_trades));
    if (data.bars && question) this.store.set(reduce.moreBars(state, question, data.bars));
  }

  /**
   * The exchange had no time for a question: without the list of instruments and without bars nothing is right, so those
   * are asked for again.
   * @param {Question} parts
   */
  refused({ kind, instrumentId, period, older }) {
    const { bars } = this.store.state;
    if (kind === 'market' && instrumentId === undefined) setTimeout(() => this.lookSoon(), AGAIN_MS);
    if (kind !== 'bars' || bars.instrumentId !== instrumentId || bars.period !== period) return;
    if (older) this.store.set({ bars: { ...bars, asked: false } });
    else setTimeout(() => this.store.state.bars.instrumentId === instrumentId && this.#askForBars(FIRST_BARS), AGAIN_MS);
  }

  // --- asking

  /** @param {ClientFrame} message */
  #say(message) {
    return this.ask({ kind: 'subscribe' }, message);
  }

  /** Something about the instruments has changed, or may have: what is not in a push is asked for. */
  lookSoon() {
    this.soon ??= setTimeout(() => {
      this.soon = undefined;
      this.#look();
    }, Math.random() * SOON_MS);
  }

  /** Terms, limits, phases and the day's figures of all instruments: pushes tell of the one on view only. */
  #look() {
    this.ask({ kind: 'market' }, protocol.queryInstruments());
    this.ask({ kind: 'market' }, protocol.queryStatistics());
  }

  #follow() {
    const { selected } = this.store.state;
    if (selected === null) return;
    this.#say(protocol.subscribe(['orderbook_delta'], [selected]));
    this.ask({ kind: 'market', instrumentId: selected }, protocol.queryPublicTrades(selected));
    this.#followBars();
  }

  #followBars() {
    const { selected, bars } = this.store.state;
    if (selected === null) return;
    this.#say(protocol.subscribeBars(selected, bars.period));
    this.#askForBars(FIRST_BARS);
  }

  /**
   * @param {number} limit
   * @param {number | null} [before]
   */
  #askForBars(limit, before = null) {
    const { instrumentId, period } = this.store.state.bars;
    if (instrumentId === null) return false;
    const question = { kind: 'bars', instrumentId, period, limit, older: before !== null };
    return this.ask(question, protocol.queryBars(instrumentId, period, limit, before));
  }

  // --- hearing

  /** @param {OrderBookDelta} frame */
  #bookChanged(frame) {
    if (frame.instrument_id !== this.store.state.selected) return;
    const patch = reduce.delta(this.store.state, frame);
    if (patch) this.store.set(patch);
    else this.#bookLost(frame.instrument_id);
  }

  /** @param {string} instrumentId */
  #bookLost(instrumentId) {
    this.store.set(reduce.lostBook(this.store.state, instrumentId));
    this.#say(protocol.subscribe(['orderbook_delta'], [instrumentId]));
  }

  /**
   * An instrument that was listed while the page was open is followed like the others.
   * @param {InstrumentData[]} told
   */
  #listed(told) {
    const { state } = this.store;
    const known = new Set(state.instruments.map((one) => one.instrument_id));
    const added = told.map((one) => one.instrument_id).filter((id) => !known.has(id));
    this.store.set(reduce.instruments(state, told));
    if (added.length === 0) return;
    this.#say(protocol.subscribe(['ticker'], added));
    if (this.store.state.selected === null) this.#first(added[0]);
  }

  /** @param {string} instrumentId */
  #first(instrumentId) {
    const { bars } = this.store.state;
    this.store.set({ selected: instrumentId, bars: reduce.noBars(instrumentId, bars.period) });
    this.#follow();
  }
}
