/**
 * Which markets take no orders just now. The first refusal with 503 says so, and the exchange does as soon as it knows;
 * then the page asks, by subscribing anew to what it follows already, until orders are taken again.
 * Decides when to ask; the line belongs to the client.
 */
import * as protocol from '../line/protocol.js';
import * as reduce from '../state/reduce_market.js';
import { marketOf } from '../state/selectors.js';

const AGAIN_MS = 2000;

export class Doors {
  /**
   * `ask(question, message)` sends and remembers why; `opened()` hears that a market takes orders again.
   * @param {Store} store
   * @param {(question: Question, message: ClientFrame) => boolean} ask
   * @param {() => void} opened
   */
  constructor(store, ask, opened) {
    this.store = store;
    this.ask = ask;
    this.opened = opened;
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  /**
   * Something of an instrument was refused with 503.
   * @param {string | null | undefined} instrumentId
   */
  refused(instrumentId) {
    this.#closed(marketOf(this.store.state, instrumentId));
  }

  /** Asks each market whether it takes orders. */
  look() {
    const { instruments } = this.store.state;
    new Map(instruments.map((one) => [one.market, one.instrument_id])).forEach((instrumentId, market) => {
      this.ask({ kind: 'door', market }, protocol.subscribe(['instruments'], [instrumentId]));
    });
  }

  /**
   * @param {Question} question
   * @param {number | undefined} code of a refusal
   */
  answered({ market }, code) {
    if (code === protocol.UNAVAILABLE) this.#closed(market);
    else if (code !== undefined) this.#again();
    else if (this.store.state.away.has(market)) this.#open(market);
  }

  /** The line is gone, and with it what was known. */
  lost() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.store.set(reduce.noneAway(this.store.state));
  }

  /** @param {string | undefined} market */
  #closed(market) {
    this.store.set(reduce.away(this.store.state, market, true));
    this.#again();
  }

  /** @param {string | undefined} market */
  #open(market) {
    this.store.set(reduce.away(this.store.state, market, false));
    this.opened();
  }

  #again() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.look();
    }, AGAIN_MS);
  }
}
