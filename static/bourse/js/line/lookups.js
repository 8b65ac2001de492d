/**
 * Questions about single orders, a few at a time, so that coming back with a hundred orders is no burst.
 * Knows ids and pace only.
 */

const AT_ONCE = 4;
const PAUSE_MS = 1000;

export class Lookups {
  /**
   * `ask(orderId)` sends the question and says whether it could.
   * @param {(orderId: string) => boolean} ask
   */
  constructor(ask) {
    this.ask = ask;
    /** @type {Set<string>} */
    this.waiting = new Set();
    /** @type {Set<string>} */
    this.asked = new Set();
    /** @type {number | undefined} */
    this.pause = undefined;
  }

  /** @param {string[]} ids */
  add(ids) {
    ids.filter((id) => !this.asked.has(id)).forEach((id) => this.waiting.add(id));
    this.#pump();
  }

  /**
   * The exchange answered, in whatever way, the question about `id`.
   * @param {string} id
   */
  answered(id) {
    this.asked.delete(id);
    this.#pump();
  }

  /**
   * The exchange had no time: the question is put again after a pause.
   * @param {string} id
   */
  postponed(id) {
    this.asked.delete(id);
    this.waiting.add(id);
    this.pause ??= setTimeout(() => {
      this.pause = undefined;
      this.#pump();
    }, PAUSE_MS);
  }

  clear() {
    clearTimeout(this.pause);
    this.pause = undefined;
    this.waiting.clear();
    this.asked.clear();
  }

  #pump() {
    if (this.pause !== undefined) return;
    for (const id of this.waiting) {
      if (this.asked.size >= AT_ONCE || !this.ask(id)) return;
      this.waiting.delete(id);
      this.asked.add(id);
    }
  }
}
