/**
 * The page's one state and who wants to hear of its changes. Holds; does not decide (see reduce.js) and does not draw.
 */

/** `preferred` is the contract to show first, if it is still listed. */
export function initialState(instruments, preferred) {
  const first = instruments.find((one) => one.instrument_id === preferred) ?? instruments[0];
  return {
    instruments,
    selected: first?.instrument_id ?? null,
    connection: { phase: 'connecting', closeCode: null, latency: null },
    session: { phase: 'anonymous', userId: null, problem: null },
    books: {},
    ticks: {},
    tape: {},
    orders: new Map(),
    fills: [],
    account: null,
    positions: null,
    cancelling: new Set(),
    ticket: { phase: 'idle' },
    notices: [],
  };
}

/** What belongs to a user and must be gone when the user is. */
export const privateState = () => ({
  orders: new Map(),
  fills: [],
  account: null,
  positions: null,
  cancelling: new Set(),
  ticket: { phase: 'idle' },
});

export class Store {
  /** `later(run)` decides when listeners run; the page hands in requestAnimationFrame, so that a burst is drawn once. */
  constructor(state, later) {
    this.state = state;
    this.later = later;
    this.listeners = [];
    this.changed = new Set();
  }

  /** Calls `listener(state)` once now and after each change of one of `keys`. */
  watch(keys, listener) {
    this.listeners.push({ keys, listener });
    listener(this.state);
  }

  /** Replaces the given parts of the state. */
  set(patch) {
    const keys = Object.keys(patch).filter((key) => patch[key] !== this.state[key]);
    if (keys.length === 0) return;
    this.state = { ...this.state, ...patch };
    if (this.changed.size === 0) this.later(() => this.#tell());
    keys.forEach((key) => this.changed.add(key));
  }

  #tell() {
    const changed = this.changed;
    this.changed = new Set();
    for (const { keys, listener } of this.listeners) {
      if (keys.some((key) => changed.has(key))) listener(this.state);
    }
  }
}
