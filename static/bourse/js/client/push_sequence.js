/**
 * The private pushes of one account, in order and without holes: each is taken once, what is missing is asked for, and
 * where the exchange cannot answer just now it is asked again.
 */
import * as protocol from '../line/protocol.js';

const RESUME_AGAIN_MS = 1000;

export class PushSequence {
  /**
   * `ask(lastSeq)` asks for what came after a push, or, of null, for how everything is; it says whether there was a line.
   * @param {(lastSeq: number | null) => boolean} ask
   */
  constructor(ask) {
    this.ask = ask;
    /**
     * The last push that was taken; null before the first.
     * @type {number | null}
     */
    this.last = null;
    this.resuming = false;
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  /** Asks for what was missed since the last push; at first, for how everything is. */
  resume() {
    clearTimeout(this.timer);
    this.resuming = this.ask(this.last);
  }

  /** The line is gone, and with it what was asked. */
  lost() {
    clearTimeout(this.timer);
    this.resuming = false;
  }

  /** It is nobody's any more. */
  forget() {
    this.lost();
    this.last = null;
  }

  /**
   * Whether a push is the next one; those before the answer to `resume` come again after it.
   * @param {number} seq
   */
  isNext(seq) {
    const { last } = this;
    if (this.resuming || last === null || seq <= last) return false;
    if (seq > last + 1) this.resume();
    else this.last = seq;
    return seq === last + 1;
  }

  /**
   * How everything is after push `seq` was told.
   * @param {number} seq
   */
  stands(seq) {
    this.last = seq;
  }

  /** @param {boolean} success */
  resumed(success) {
    this.resuming = false;
    if (!success) this.last = null;
  }

  /**
   * Says whether the refusal passes, and it will be asked again.
   * @param {number} code
   */
  refused(code) {
    this.resuming = false;
    if (!protocol.PASSING.has(code)) return false;
    this.timer = setTimeout(() => this.resume(), RESUME_AGAIN_MS);
    return true;
  }
}
