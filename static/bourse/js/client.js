/**
 * The conversation with the exchange: signs in, subscribes, asks, and turns frames into changes of the store.
 * Decides when to speak; knows no words of any language and draws nothing.
 */
import { Connection } from './socket.js';
import { Lookups } from './lookups.js';
import * as protocol from './protocol.js';
import * as reduce from './reduce.js';
import * as storage from './storage.js';
import { privateState } from './store.js';

const ANSWER_PATIENCE_MS = 10000;
const AFTER_FILL_MS = 150;
const AFTER_TICK_MS = 2000;
const NOTICE_MS = 5000;

const PASSING = new Set([protocol.TOO_FAST, protocol.BUSY]);

/** A function that runs `run` once, `ms` after the first of a burst of calls. */
function gathered(ms, run) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      run();
    }, ms);
  };
}

export class Client {
  constructor({ store, location }) {
    this.store = store;
    this.location = location;
    this.credentials = null;
    this.asked = new Map();
    this.lastRequest = 0;
    this.lastNotice = 0;
    this.lookups = new Lookups((orderId) => this.#lookUp(orderId));
    this.refreshAfterFill = gathered(AFTER_FILL_MS, () => this.#askFor('position', protocol.queryPosition()));
    this.refreshAfterTick = gathered(AFTER_TICK_MS, () => this.#askForFunds());
    this.connection = new Connection({
      onOpen: () => this.#opened(),
      onFrame: (frame) => this.#heard(frame),
      onClose: (code) => this.#closed(code),
      onLatency: (latency) => this.#connectionIs({ latency }),
    });
  }

  // --- what a person can do

  /** Connects: as the user this tab remembers, else as a visitor who may watch. */
  start() {
    const remembered = storage.loadSession();
    if (remembered) this.#enter({ ...remembered, proven: true });
    else this.#connect();
  }

  signIn(userId, token) {
    this.#enter({ userId, token, proven: false });
  }

  /** Leaves: the token is forgotten, everything private with it, and the line becomes a visitor's. */
  signOut(problem = null) {
    storage.clearSession(this.store.state.session.userId);
    this.credentials = null;
    this.#forgetQuestions();
    this.store.set({ ...privateState(), session: { phase: 'anonymous', userId: null, problem } });
    this.#connect();
  }

  select(instrumentId) {
    const before = this.store.state.selected;
    if (before === instrumentId) return;
    storage.savePreference('contract', instrumentId);
    this.store.set({ selected: instrumentId, ...reduce.staleBooks(this.store.state) });
    this.connection.send(protocol.unsubscribe(['orderbook'], [before]));
    this.#askFor('subscribe', protocol.subscribe(['orderbook'], [instrumentId]));
  }

  submit(order) {
    this.#sendOrder({ ...order, client_order_id: protocol.freshId() }, false);
  }

  /** Sends the order without an answer again, under its old id: the exchange answers as it did or would have. */
  resend() {
    this.#sendOrder(this.store.state.ticket.order, true);
  }

  forgetUncertain() {
    this.store.set({ ticket: { phase: 'idle' } });
  }

  cancel(orderId) {
    if (!this.#ask({ kind: 'cancel', orderId }, protocol.cancelOrder(orderId))) return;
    this.store.set(reduce.cancelling(this.store.state, orderId));
  }

  dismiss(noticeId) {
    this.store.set(reduce.noticeGone(this.store.state, noticeId));
  }

  hurry() {
    this.connection.hurry();
  }

  // --- the line

  #enter(credentials) {
    this.credentials = credentials;
    const phase = credentials.proven ? 'restoring' : 'signing-in';
    this.store.set({ session: { phase, userId: credentials.userId, problem: null } });
    this.#connect();
  }

  #connect() {
    this.#connectionIs({ phase: 'connecting', closeCode: null, latency: null });
    this.store.set(reduce.staleBooks(this.store.state));
    this.connection.open(protocol.socketUrl(this.location, this.credentials?.userId));
  }

  #opened() {
    if (this.credentials) this.#ask({ kind: 'auth' }, protocol.auth(this.credentials.userId, this.credentials.token));
    this.#subscribe();
    if (!this.credentials) this.#live();
  }

  #live() {
    this.connection.settled();
    this.#connectionIs({ phase: 'live', closeCode: null });
  }

  #closed(code) {
    const wasLive = this.store.state.connection.phase === 'live';
    const unanswered = [...this.asked.values()];
    this.#forgetQuestions();
    this.#connectionIs({ phase: 'reconnecting', closeCode: code, latency: null });
    this.store.set(reduce.staleBooks(this.store.state));
    unanswered.forEach((question) => this.#dropped(question));
    if (wasLive && protocol.CLOSE_CODES.includes(code)) this.#notice('closed', { code });
  }

  #forgetQuestions() {
    this.asked.clear();
    this.lookups.clear();
  }

  #dropped(question) {
    if (question.kind === 'submit') this.store.set({ ticket: { phase: 'uncertain', order: question.order } });
    if (question.kind !== 'cancel') return;
    this.store.set(reduce.notCancelling(this.store.state, question.orderId));
    this.#notice('cancel-dropped', {});
  }

  #connectionIs(patch) {
    this.store.set({ connection: { ...this.store.state.connection, ...patch } });
  }

  // --- asking

  /** Sends `message` under a request id of its own, remembering why; false if there is no line. */
  #ask(question, message) {
    this.lastRequest += 1;
    const requestId = `r${this.lastRequest}`;
    if (!this.connection.send({ ...message, request_id: requestId })) return false;
    this.asked.set(requestId, question);
    return true;
  }

  #askFor(kind, message) {
    return this.#ask({ kind }, message);
  }

  #askForFunds() {
    if (this.store.state.session.phase !== 'signed-in') return;
    this.#askFor('account', protocol.queryAccount());
    this.#askFor('position', protocol.queryPosition());
  }

  #lookUp(orderId) {
    return this.#ask({ kind: 'order', orderId }, protocol.queryOrder(orderId));
  }

  /** The last trades of every contract, the book of the one on view. */
  #subscribe() {
    const { instruments, selected } = this.store.state;
    if (selected === null) return;
    this.store.set(reduce.replayableTicks(this.store.state));
    this.#askFor('subscribe', protocol.subscribe(['ticker'], instruments.map((one) => one.instrument_id)));
    this.#askFor('subscribe', protocol.subscribe(['orderbook'], [selected]));
  }

  #sendOrder(order, again) {
    if (!this.#ask({ kind: 'submit', order, again }, protocol.submitOrder(order))) return;
    const ticket = { phase: 'sending', order };
    this.store.set({ ticket });
    setTimeout(() => {
      if (this.store.state.ticket === ticket) this.store.set({ ticket: { phase: 'uncertain', order } });
    }, ANSWER_PATIENCE_MS);
  }

  // --- hearing

  #heard(frame) {
    const question = this.asked.get(frame.request_id);
    this.asked.delete(frame.request_id);
    switch (frame.type) {
      case 'auth_response': return this.#authAnswered(frame);
      case 'subscribe_response': return this.#subscribeAnswered(frame);
      case 'order_response': return this.#orderAnswered(question, frame);
      case 'query_response': return this.#queryAnswered(question, frame.data);
      case 'error': return this.#refused(question, frame);
      case 'orderbook': return this.store.set(reduce.book(this.store.state, frame));
      case 'ticker': return this.#ticked(frame);
      case 'order_status': return this.#statusChanged(frame);
      case 'trade': return this.#filled(frame);
      case 'account_update': return this.store.set(reduce.account(this.store.state, frame));
      default: return undefined; // A newer server may say more; an older page need not mind.
    }
  }

  #authAnswered(frame) {
    if (!this.credentials) return;
    if (frame.success) this.#entered();
    else this.signOut(this.credentials.proven ? { key: 'session.ended' } : { key: 'session.refused' });
  }

  #entered() {
    const { userId, token } = this.credentials;
    this.credentials.proven = true;
    storage.saveSession(userId, token);
    this.#remember(userId);
    this.store.set({ session: { phase: 'signed-in', userId, problem: null } });
    this.#live();
    this.#askForFunds();
    const { orders } = this.store.state;
    this.lookups.add([...orders.keys()].filter((id) => !protocol.isFinal(orders.get(id).status)));
  }

  /** What this browser already knows of the user: order ids, to be asked about, and the fills of this tab. */
  #remember(userId) {
    this.store.set(reduce.orderIds(this.store.state, storage.loadOrderIds(userId)));
    if (this.store.state.fills.length === 0) this.store.set({ fills: storage.loadFills(userId) });
  }

  #subscribeAnswered(frame) {
    if (!frame.success) this.#notice('subscribe-refused', { message: frame.message });
  }

  #orderAnswered(question, frame) {
    if (question?.kind === 'submit') this.#submitAnswered(question, frame);
    if (question?.kind === 'cancel' && !frame.success) this.#cancelRefused(question, frame);
  }

  #submitAnswered({ order, again }, frame) {
    if (!frame.success) {
      const { error_code: code, error_message: message } = frame;
      this.store.set({ ticket: { phase: 'refused', code, message } });
      return;
    }
    const { client_order_id: _, ...known } = order;
    const fresh = again ? {} : { status: 'Submitted', filled_volume: 0, remaining_volume: order.volume };
    this.#know({ ...known, ...fresh, order_id: frame.order_id });
    this.store.set({ ticket: { phase: 'accepted', orderId: frame.order_id } });
    if (again) this.lookups.add([frame.order_id]);
  }

  #cancelRefused({ orderId }, { error_code: code, error_message: message }) {
    this.store.set(reduce.notCancelling(this.store.state, orderId));
    this.#notice('cancel-refused', { code, message });
    this.lookups.add([orderId]);
  }

  #queryAnswered(question, data) {
    if (data.account) this.store.set(reduce.account(this.store.state, data.account));
    if (data.positions) this.store.set({ positions: data.positions });
    if (data.order) this.#know(data.order);
    if (question?.kind === 'order') this.lookups.answered(question.orderId);
  }

  #refused(question, { code, message }) {
    if (question?.kind === 'auth') this.#authRefused(code, message);
    else if (question?.kind === 'submit') this.store.set({ ticket: { phase: 'refused', code, message } });
    else if (question?.kind === 'cancel') this.#cancelRefused(question, { error_code: code, error_message: message });
    else if (question?.kind === 'order') this.#lookUpRefused(question.orderId, code);
    else if (code === protocol.NOT_AUTHENTICATED && this.#signedIn()) this.signOut({ key: 'session.ended' });
    else if (question && PASSING.has(code)) this.refreshAfterTick();
    else this.#notice('query-refused', { code, message });
  }

  /** A busy exchange is no verdict on a token that has been good before. */
  #authRefused(code, message) {
    if (this.credentials?.proven && PASSING.has(code)) this.connection.bounce();
    else this.signOut({ code, message });
  }

  #lookUpRefused(orderId, code) {
    if (PASSING.has(code)) return this.lookups.postponed(orderId);
    if (code === protocol.ORDER_NOT_FOUND) {
      this.store.set(reduce.forgetOrder(this.store.state, orderId));
      this.#saveOrderIds();
    }
    return this.lookups.answered(orderId);
  }

  #ticked(frame) {
    this.store.set(reduce.tick(this.store.state, frame));
    const held = this.store.state.positions?.some((one) => one.instrument_id === frame.instrument_id);
    if (held) this.refreshAfterTick();
  }

  #statusChanged({ order_id, status, filled_volume, remaining_volume, timestamp }) {
    const unknown = !this.store.state.orders.get(order_id)?.instrument_id;
    this.#know({ order_id, status, filled_volume, remaining_volume, timestamp });
    if (unknown) this.lookups.add([order_id]);
  }

  #know(order) {
    const isNew = !this.store.state.orders.has(order.order_id);
    this.store.set(reduce.order(this.store.state, order));
    if (isNew) this.#saveOrderIds();
  }

  #saveOrderIds() {
    const { session, orders } = this.store.state;
    if (session.userId) storage.saveOrderIds(session.userId, [...orders.keys()]);
  }

  #filled(frame) {
    const patch = reduce.fill(this.store.state, frame);
    if (!patch.fills || !this.#signedIn()) return;
    this.store.set(patch);
    storage.saveFills(this.store.state.session.userId, patch.fills);
    this.#notice('fill', frame);
    this.refreshAfterFill();
  }

  #signedIn() {
    return this.store.state.session.phase === 'signed-in';
  }

  #notice(kind, data) {
    this.lastNotice += 1;
    const id = this.lastNotice;
    this.store.set(reduce.notice(this.store.state, { id, kind, data }));
    setTimeout(() => this.dismiss(id), NOTICE_MS);
  }
}
