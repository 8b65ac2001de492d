/**
 * Markets beside the first, each with an account and pushes of its own: what was missed there is asked for, and what comes
 * is taken in order. Which there are the list of instruments tells. Decides when to ask; the line belongs to the client.
 */
import * as protocol from '../line/protocol.js';

const RESUME_AGAIN_MS = 1000;
const PASSING = new Set([protocol.TOO_FAST, protocol.BUSY]);

export class FurtherMarkets {
  /**
   * `ask(question, message)` sends and remembers why; it says whether there was a line.
   * @param {Store} store
   * @param {(question: Question, message: ClientFrame) => boolean} ask
   */
  constructor(store, ask) {
    this.store = store;
    this.ask = ask;
    /**
     * The last push that was taken in, by market; null before the first.
     * @type {Map<string, number | null>}
     */
    this.last = new Map();
    /** @type {Set<string>} */
    this.resuming = new Set();
  }

  /** Somebody has signed in, or again: what was missed at each market is asked for. */
  entered() {
    this.resuming.clear();
    this.last.forEach((_, market) => this.#resume(market));
    this.look();
  }

  /** Nobody is signed in any more. */
  left() {
    this.last.clear();
    this.resuming.clear();
  }

  /** Markets that the instruments tell of, and that were not known yet, are followed. */
  look() {
    if (this.store.state.session.phase !== 'signed-in') return;
    for (const { market } of this.store.state.instruments) {
      if (!market || this.last.has(market)) continue;
      this.last.set(market, null);
      this.#resume(market);
      this.ask({ kind: 'account', market }, protocol.queryAccount(market));
    }
  }

  askForFunds() {
    this.last.forEach((_, market) => this.ask({ kind: 'account', market }, protocol.queryAccount(market)));
  }

  /**
   * There is an account at a market: it may have been opened since its pushes were asked for.
   * @param {string} market
   */
  found(market) {
    if (this.last.get(market) === null && !this.resuming.has(market)) this.#resume(market);
  }

  /** @param {string} market */
  #resume(market) {
    if (this.ask({ kind: 'resume', market }, protocol.resume(this.last.get(market) ?? null, market))) this.resuming.add(market);
  }

  /**
   * Whether a private push of a market is the next one; those before the answer to `resume` come again after it.
   * @param {string} market
   * @param {number} seq
   */
  isNext(market, seq) {
    const last = this.last.get(market) ?? null;
    if (this.resuming.has(market) || last === null || seq <= last) return false;
    if (seq > last + 1) this.#resume(market);
    else this.last.set(market, seq);
    return seq === last + 1;
  }

  /**
   * How everything is at a market, after its push `seq`.
   * @param {string} market
   * @param {number} seq
   */
  stands(market, seq) {
    this.last.set(market, seq);
  }

  /**
   * @param {string} market
   * @param {boolean} success
   */
  resumed(market, success) {
    this.resuming.delete(market);
    if (!success) this.last.set(market, null);
  }

  /**
   * Where a user has no account nothing is told, and nothing is missing.
   * @param {Question} question
   * @param {number} code
   */
  refused({ kind, market = '' }, code) {
    if (kind !== 'resume') return;
    this.resuming.delete(market);
    if (PASSING.has(code)) setTimeout(() => this.last.has(market) && this.#resume(market), RESUME_AGAIN_MS);
  }
}
