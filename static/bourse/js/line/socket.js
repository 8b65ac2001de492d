/**
 * One WebSocket that stays connected: back-off, heartbeat, and a watchdog for lines that died in silence.
 * Carries frames; knows nothing of what they say beyond `ping`.
 */
import { parse, ping } from './protocol.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;

/**
 * How long to wait before try number `attempt` (from 1): doubling, bounded, spread so that a crowd does not return at once.
 * @param {number} attempt
 * @param {() => number} [random]
 */
export function backOff(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return ceiling / 2 + (random() * ceiling) / 2;
}

const ON_THE_WAY_MS = 2000;

/**
 * How often to ping, and how long a silence means that the line is dead, whatever TCP believes (ms). The server pings every
 * `ping_seconds` and drops a client that is silent for `idle_seconds`: one ping may be late, and two pongs be missing.
 * @param {Pick<ExchangeSettings, 'ping_seconds' | 'idle_seconds'>} parts
 */
export function paceFor({ ping_seconds: pings, idle_seconds: idle }) {
  const beatMs = Math.min(pings, idle / 2) * 1000;
  return { beatMs, silenceMs: 2 * beatMs + ON_THE_WAY_MS };
}

export class Connection {
  /**
   * `pace`: see paceFor. `onOpen()`, `onFrame(frame)`, `onClose(code, attempt)` and `onLatency(ms)` are called for the present socket only.
   * @param {{ pace: Pace, onOpen: () => void, onFrame: (frame: ServerFrame) => void, onClose: (code: number, attempt: number) => void, onLatency: (ms: number) => void }} parts
   */
  constructor({ pace, onOpen, onFrame, onClose, onLatency }) {
    this.pace = pace;
    this.onOpen = onOpen;
    this.onFrame = onFrame;
    this.onClose = onClose;
    this.onLatency = onLatency;
    /** @type {string | undefined} */
    this.url = undefined;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.attempt = 0;
    /** @type {number | undefined} */
    this.retryTimer = undefined;
    /** @type {number | undefined} */
    this.beatTimer = undefined;
    this.heardAt = 0;
    this.pingedAt = 0;
    this.awaitingPong = false;
  }

  /**
   * Connects to `url`, leaving whatever was there before.
   * @param {string} url
   */
  open(url) {
    this.url = url;
    this.attempt = 0;
    this.#leave();
    this.#connect();
  }

  /** Drops the line and comes back after the usual wait. */
  bounce() {
    const socket = this.socket;
    this.#leave();
    if (socket) this.#lost(1000);
  }

  /** Ends the wait for the next try; for when the network has come back. */
  hurry() {
    if (this.socket || !this.url) return;
    clearTimeout(this.retryTimer);
    this.#connect();
  }

  /** Says that the connection proved useful, so that the next loss starts with the shortest wait again. */
  settled() {
    this.attempt = 0;
  }

  /**
   * Sends one message; false if there is no open line to carry it.
   * @param {ClientFrame} message
   */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  #connect() {
    const socket = new WebSocket(/** @type {string} */ (this.url));
    this.socket = socket;
    this.heardAt = performance.now();
    this.beatTimer = setInterval(() => this.#beat(), this.pace.beatMs);
    socket.onopen = () => this.onOpen();
    socket.onmessage = (event) => this.#heard(event.data);
    socket.onclose = (event) => {
      this.#leave();
      this.#lost(event.code);
    };
  }

  /** Forgets the present socket. Its handlers go first: a socket that is left must not speak again. */
  #leave() {
    clearTimeout(this.retryTimer);
    clearInterval(this.beatTimer);
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** @param {number} code */
  #lost(code) {
    this.attempt += 1;
    this.retryTimer = setTimeout(() => this.#connect(), backOff(this.attempt));
    this.onClose(code, this.attempt);
  }

  #beat() {
    if (performance.now() - this.heardAt > this.pace.silenceMs) this.bounce();
    else this.#ping();
  }

  #ping() {
    if (!this.send(ping())) return;
    this.pingedAt = performance.now();
    this.awaitingPong = true;
  }

  /** @param {string} text */
  #heard(text) {
    this.heardAt = performance.now();
    const frame = parse(text);
    if (!frame) return;
    if (frame.type === 'pong') this.#ponged();
    else if (frame.type === 'ping') this.#pinged();
    else this.onFrame(frame);
  }

  #ponged() {
    if (!this.awaitingPong) return;
    this.awaitingPong = false;
    this.onLatency(performance.now() - this.pingedAt);
  }

  /**
   * Browsers slow the timers of hidden tabs to one a minute, far beyond the server's patience, but they deliver messages.
   * So the server's own ping keeps a hidden tab alive.
   */
  #pinged() {
    if (performance.now() - this.pingedAt > this.pace.beatMs) this.#ping();
  }
}
