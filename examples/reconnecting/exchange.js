// A connection that comes back by itself, and loses nothing on the way:
//
//  - it connects again after a growing, random pause, signs in again, and subscribes to what it had subscribed to;
//  - it asks for the private pushes that it has missed (`resume`), and hands on each push once and in order;
//  - an order whose answer it has not seen is sent again under its `client_order_id`: there is never a second order.
//
//   const exchange = new Exchange({ url, userId, token, onFrame, onStatus, onUncertain });
//   exchange.connect();
//   exchange.subscribe(['orderbook'], ['IX2301']);
//   const id = exchange.submitOrder({ instrument_id: 'IX2301', direction: 'BUY', ... });
//   exchange.close();
//
// An order waits here while there is no connection. Give it a `valid_until` (Unix ms) if it must not come late.

const PING_EVERY = 5000; // The server closes a connection (code 4408) from which nothing has come for ten seconds.
const DEAD_AFTER = 15000; // The server pings every five seconds. Whoever is silent for three of them is gone.
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10000;
const TOKEN_ENDED = 4401;
const TRY_AGAIN = new Set([429, 503, 504]); // The same order may be sent again: under its own id it is done once.
const OURS = 'session'; // The request_id of what this class asks for by itself.
const PRIVATE = new Set([
  'trade', 'order_status', 'account_update', 'risk_warning', 'liquidation', 'position_expired', 'statement',
]);

export class Exchange {
  #settings;
  #socket = null;
  #timer = null; // Of the heartbeat while there is a connection, of the pause while there is none.
  #heardAt = 0;
  #pauses = 0;
  #wanted = new Map(); // What is subscribed to: as text -> message.
  #lastSeq = null; // The last private push that was handed on.
  #resuming = true; // From the request until its answer. Pushes that come meanwhile come again after it.
  #caughtUp = null; // The number of the push that the server had at that moment.
  #signedIn = false;
  #ready = false; // Signed in, and nothing missed: orders may go out.
  #day = null; // The trading day, as far as it is known,
  #daysSeen = 0; // and how often it has changed.
  #pending = new Map(); // client_order_id -> { order, day } whose answer has not come; `day` is null until it is sent.
  #later = 0; // How many orders wait to be sent again, because the server was asked too often.

  constructor({ url, userId, token, onFrame, onStatus = () => {}, onUncertain = () => {} }) {
    this.#settings = { url, userId, token, onFrame, onStatus, onUncertain };
  }

  // --- what its user calls

  connect() {
    const { url, userId, token, onStatus } = this.#settings;
    this.#leave();
    onStatus('connecting');
    // With the user's id in the address the user's trades come too, and so the numbers of the pushes have no holes.
    const socket = new WebSocket(`${url}?user_id=${encodeURIComponent(userId)}`);
    this.#socket = socket;
    this.#heardAt = Date.now();
    this.#timer = setInterval(() => this.#beat(), PING_EVERY);
    socket.onopen = () => this.#send({ type: 'auth', user_id: userId, token, request_id: OURS });
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event.code);
  }

  subscribe(channels, instruments) {
    const message = { type: 'subscribe', channels, instruments, request_id: OURS };
    this.#wanted.set(JSON.stringify([channels, instruments]), message);
    if (this.#signedIn) this.#send(message);
  }

  unsubscribe(channels, instruments) {
    this.#wanted.delete(JSON.stringify([channels, instruments]));
    if (this.#signedIn) this.#send({ type: 'unsubscribe', channels, instruments });
  }

  // The order's id. What becomes of it is told by frames that carry it: `order_response`, the first `order_status`.
  submitOrder(order) {
    const id = order.client_order_id ?? `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    this.#pending.set(id, { order: { ...order, client_order_id: id }, day: null });
    if (this.#ready) this.#submit(id);
    return id;
  }

  close() {
    this.#leave();
    this.#settings.onStatus('closed');
  }

  // --- the connection

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #beat() {
    if (Date.now() - this.#heardAt > DEAD_AFTER) this.#lost(null);
    else this.#send({ type: 'ping' });
  }

  // Nothing more is heard of the present connection, and it is closed if it is not yet.
  #leave() {
    clearTimeout(this.#timer); // Clears an interval too.
    this.#signedIn = this.#ready = false;
    this.#resuming = true;
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
    this.#socket = null;
  }

  #lost(code) {
    this.#leave();
    if (code === TOKEN_ENDED) {
      this.#settings.onStatus('refused', 'the token is not valid any more');
      return;
    }
    // Random, so that all the clients of a server that was restarted do not come back in the same moment.
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#pauses) * (0.5 + Math.random() / 2);
    this.#pauses += 1;
    this.#timer = setTimeout(() => this.connect(), pause);
    this.#settings.onStatus('waiting', `closed ${code}`);
  }

  // --- what comes in

  #hear(frame) {
    this.#heardAt = Date.now();
    if (PRIVATE.has(frame.type) && !this.#isNext(frame.seq)) return;
    switch (frame.type) {
      case 'ping': // In a hidden tab a timer may run once a minute only. What the server sends is heard even there.
        this.#send({ type: 'pong' });
        return;
      case 'auth_response':
        if (frame.success) this.#begin();
        else this.#refused(frame.message);
        break;
      case 'resume_response':
        this.#resuming = false;
        this.#caughtUp = frame.last_seq;
        break;
      case 'snapshot': // In place of pushes that are not kept any more.
        this.#lastSeq = this.#caughtUp = frame.seq;
        if (frame.trading_day !== this.#day) this.#daysSeen += 1;
        this.#day = frame.trading_day;
        for (const order of frame.orders) this.#pending.delete(order.client_order_id);
        break;
      case 'statement':
        this.#daysSeen += 1;
        this.#day = null;
        break;
      case 'order_response':
        this.#answered(frame.client_order_id, frame.success ? null : frame.error_code, frame.retry_after);
        break;
      case 'error':
        if (frame.request_id !== OURS) this.#answered(frame.request_id, frame.code, frame.retry_after);
        else if (TRY_AGAIN.has(frame.code)) this.#lost(frame.code);
        else this.#refused(frame.message);
        break;
      case 'order_status':
        this.#pending.delete(frame.client_order_id);
    }
    this.#settings.onFrame(frame);
    if (!this.#ready && !this.#resuming && this.#lastSeq === this.#caughtUp) this.#isReady();
  }

  #begin() {
    this.#signedIn = true;
    for (const message of this.#wanted.values()) this.#send(message);
    this.#resume();
  }

  #refused(message) {
    this.#leave();
    this.#settings.onStatus('refused', message);
  }

  // Without a number the answer is a snapshot: how everything is now.
  #resume() {
    this.#ready = false;
    this.#resuming = true;
    this.#send({ type: 'resume', request_id: OURS, ...(this.#lastSeq !== null && { last_seq: this.#lastSeq }) });
  }

  // Whether this push is the next one. One that was handed on already is not; a hole is asked for.
  #isNext(seq) {
    if (this.#resuming || seq <= this.#lastSeq) return false;
    if (seq > this.#lastSeq + 1) {
      this.#resume();
      return false;
    }
    this.#lastSeq = seq;
    return true;
  }

  #isReady() {
    this.#ready = true;
    this.#pauses = 0;
    this.#settings.onStatus('ready');
    for (const id of [...this.#pending.keys()]) this.#submit(id);
  }

  // --- orders

  // An own id is known for its trading day. After that, a resend might be a second order: its user has to look.
  #submit(id) {
    const pending = this.#pending.get(id);
    if (!pending) return;
    if (pending.day !== null && pending.day !== this.#daysSeen) {
      this.#pending.delete(id);
      this.#settings.onUncertain(pending.order);
      return;
    }
    pending.day = this.#daysSeen;
    this.#send({ type: 'submit_order', ...pending.order, request_id: id });
  }

  // `code` is null where the order was accepted.
  #answered(id, code, retryAfter = 1) {
    if (!this.#pending.has(id)) return;
    if (TRY_AGAIN.has(code)) this.#submitLater(id, retryAfter * 1000);
    else this.#pending.delete(id);
  }

  // One after another, not all at the end of the same pause.
  #submitLater(id, pause) {
    this.#later += 1;
    setTimeout(() => {
      this.#later -= 1;
      if (this.#ready) this.#submit(id);
    }, pause * this.#later);
  }
}
