/**
 * Markets beside the first, each with an account and pushes of its own: what was missed there is asked for, and what comes
 * is taken in order. Which there are the list of instruments tells. Decides when to ask; the line belongs to the client.
 */
import * as protocol from '../line/protocol.js';
import { PushSequence } from './push_sequence.js';

export class FurtherMarkets {
  /**
   * `ask(question, message)` sends and remembers why; it says whether there was a line.
   * @param {Store} store
   * @param {(question: Question, message: ClientFrame) => boolean} ask
   */
  constructor(store, ask) {
    this.store = store;
    this.ask = ask;
    /** @type {Map<string, PushSequence>} */
    this.pushes = new Map();
  }

  /** Somebody has signed in, or again: what was missed at each market is asked for. */
  entered() {
    this.pushes.forEach((pushes) => pushes.resume());
    this.look();
  }

  lost() {
    this.pushes.forEach((pushes) => pushes.lost());
  }

  /** Nobody is signed in any more. */
  left() {
    this.lost();
    this.pushes.clear();
  }

  /** Markets that the instruments tell of, and that were not known yet, are followed. */
  look() {
    if (this.store.state.session.phase !== 'signed-in') return;
    for (const { market } of this.store.state.instruments) {
      if (!market || this.pushes.has(market)) continue;
      const pushes = new PushSequence((lastSeq) => this.ask({ kind: 'resume', market }, protocol.resume(lastSeq, market)));
      this.pushes.set(market, pushes);
      pushes.resume();
      this.#askForFunds(market);
    }
  }

  askForFunds() {
    for (const market of this.pushes.keys()) this.#askForFunds(market);
  }

  /** @param {string} market */
  #askForFunds(market) {
    this.ask({ kind: 'account', market }, protocol.queryAccount(market));
  }

  /**
   * There is an account at a market: it may have been opened since its pushes were asked for.
   * @param {string} market
   */
  found(market) {
    const pushes = this.pushes.get(market);
    if (pushes && pushes.last === null && !pushes.resuming) pushes.resume();
  }

  /**
   * @param {string} market
   * @param {number} seq
   */
  isNext(market, seq) {
    return this.pushes.get(market)?.isNext(seq) ?? false;
  }

  /**
   * How everything is at a market, after its push `seq`.
   * @param {string} market
   * @param {number} seq
   */
  stands(market, seq) {
    this.pushes.get(market)?.stands(seq);
  }

  /**
   * @param {string} market
   * @param {boolean} success
   */
  resumed(market, success) {
    this.pushes.get(market)?.resumed(success);
  }

  /**
   * Where a user has no account nothing is told, and nothing is missing.
   * @param {Question} question
   * @param {number} code
   */
  refused({ kind, market = '' }, code) {
    if (kind === 'resume') this.pushes.get(market)?.refused(code);
  }
}
