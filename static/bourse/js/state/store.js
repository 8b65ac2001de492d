/**
 * The page's one state and who wants to hear of its changes. Holds; does not decide (see reduce_*.js) and does not draw.
 */
import { PERIODS } from '../line/protocol.js';
import { noBars } from './reduce_market.js';

/**
 * `preferred`: the contract and the period to show first, where there still are such. `venue`: what the server's settings
 * make of the exchange: whether it gives demo accounts, and the risk ratios at which an account is warned and liquidated.
 * @param {Instrument[]} instruments
 * @param {Record<string, any>} preferred
 * @param {State['venue']} venue
 * @returns {State}
 */
export function initialState(instruments, preferred, venue) {
  const first = instruments.find((one) => one.instrument_id === preferred.contract) ?? instruments[0];
  const selected = first?.instrument_id ?? null;
  return {
    instruments,
    selected,
    connection: { phase: 'connecting', attempt: 0, closeCode: null, latency: null },
    session: { phase: 'anonymous', userId: null, problem: null },
    books: {},
    days: {},
    ticks: {},
    tickCount: 0,
    tape: [],
    bars: noBars(selected, PERIODS[preferred.period] ? preferred.period : '1m'),
    ...privateState(),
    venue,
    resetting: false,
    away: new Set(),
    notices: [],
    announcements: { list: [], ahead: 0 },
  };
}

/**
 * What belongs to a user and must be gone when the user is.
 * @type {() => PrivateState}
 */
export const privateState = () => ({
  orders: new Map(),
  ordersNext: null,
  fills: [],
  fillsNext: null,
  statements: null,
  account: null,
  furtherAccounts: {},
  accountMissing: false,
  equity: [],
  positions: null,
  amending: new Set(),
  cancelling: new Set(),
  demoAccount: false,
  ticket: { phase: 'idle' },
});

export class Store {
  /**
   * `later(run)` decides when listeners run; the page hands in requestAnimationFrame, so that a burst is drawn once.
   * @param {State} state
   * @param {(run: () => void) => void} later
   */
  constructor(state, later) {
    this.state = state;
    this.later = later;
    /** @type {{ keys: StateKey[], listener: (state: State) => void }[]} */
    this.listeners = [];
    /** @type {Set<StateKey>} */
    this.changed = new Set();
  }

  /**
   * Calls `listener(state)` once now and after each change of one of `keys`.
   * @param {StateKey[]} keys
   * @param {(state: State) => void} listener
   */
  watch(keys, listener) {
    this.listeners.push({ keys, listener });
    listener(this.state);
  }

  /**
   * Replaces the given parts of the state.
   * @param {Patch} patch
   */
  set(patch) {
    const keys = /** @type {StateKey[]} */ (Object.keys(patch)).filter((key) => patch[key] !== this.state[key]);
    if (keys.length === 0) return;
    this.state = { ...this.state, ...patch };
    if (this.changed.size === 0) this.later(() => this.#tell());
    keys.forEach((key) => this.changed.add(key));
  }

  /** A listener that fails does not leave the others with what was before. */
  #tell() {
    const changed = this.changed;
    this.changed = new Set();
    for (const { keys, listener } of this.listeners) {
      if (!keys.some((key) => changed.has(key))) continue;
      try {
        listener(this.state);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
