/**
 * The conversation with the exchange: signs in, asks, and turns frames into changes of the store. What is public
 * it leaves to market_data.js, orders and histories to order_entry.js.
 * Decides when to speak; knows no words of any language and draws nothing.
 */
import * as storage from '../base/storage.js';
import { Lookups } from '../line/lookups.js';
import * as protocol from '../line/protocol.js';
import { Connection } from '../line/socket.js';
import { OrderEntry } from '../orders/order_entry.js';
import * as reduce from '../state/reduce_account.js';
import { fill, joinedFill, tradeBroken } from '../state/reduce_history.js';
import { marketOf, working } from '../state/selectors.js';
import { privateState } from '../state/store.js';
import { Doors } from './doors.js';
import { FurtherMarkets } from './further_markets.js';
import { MarketData } from './market_data.js';
import { PushSequence } from './push_sequence.js';

const AFTER_FILL_MS = 150;
const AFTER_TICK_MS = 2000;
const NOTICE_MS = 5000;
const ANNOUNCED_MS = 30000;

/**
 * A function that runs `run` once, `ms` after the first of a burst of calls.
 * @param {number} ms
 * @param {() => void} run
 */
function gathered(ms, run) {
  /** @type {number | undefined} */
  let timer;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      run();
    }, ms);
  };
}

export class Client {
  /**
   * `pace`: of the connection's heartbeat, see paceFor.
   * @param {{ store: Store, location: Location, pace: Pace }} parts
   */
  constructor({ store, location, pace }) {
    this.store = store;
    this.location = location;
    /** @type {Credentials | null} */
    this.credentials = null;
    /** @type {Map<string, Question>} */
    this.asked = new Map();
    this.lastRequest = 0;
    this.lastNotice = 0;
    this.lookups = new Lookups((orderId) => this.#lookUp(orderId));
    this.refreshAfterFill = gathered(AFTER_FILL_MS, () => this.#askForFunds());
    this.refreshAfterTick = gathered(AFTER_TICK_MS, () => this.#askForPositions());
    this.market = new MarketData(store, (question, message) => this.#ask(question, message));
    this.doors = new Doors(store, (question, message) => this.#ask(question, message), () => this.market.opened());
    this.pushes = new PushSequence((lastSeq) => this.#askFor('resume', protocol.resume(lastSeq)));
    this.further = new FurtherMarkets(store, (question, message) => this.#ask(question, message));
    store.watch(['instruments'], () => this.further.look());
    store.watch(['statements'], () => this.refreshAfterFill()); // a day begins anew, and its commission with it
    this.orderEntry = new OrderEntry({
      store,
      request: (message) => this.request(message),
      notice: (kind, data) => this.notice(kind, data),
      lookUp: (orderId) => this.lookups.add([orderId]),
      refused: () => this.market.lookSoon(),
    });
    /** @type {() => Promise<string | null>} */
    this.freshToken = async () => null;
    this.connection = new Connection({
      pace,
      onOpen: () => this.#opened(),
      onFrame: (frame) => this.#heard(frame),
      onClose: (code, attempt) => this.#closed(code, attempt),
      onLatency: (latency) => this.#connectionIs({ latency }),
    });
  }

  // --- what a person can do

  /** Connects: as the user whose token this tab remembers, else as a visitor who may watch. */
  start() {
    const remembered = storage.loadSession();
    if (remembered) this.#enter({ ...remembered, proven: true, kept: true });
    else this.#connect();
  }

  /**
   * With a token that somebody has typed in; this tab remembers it when it has proved good.
   * @param {string} userId
   * @param {string} token
   */
  signIn(userId, token) {
    this.#enter({ userId, token, proven: false, kept: true });
  }

  /**
   * With a token that nobody needs to remember: `freshToken()` gives another.
   * @param {string} userId
   * @param {string} token
   */
  enter(userId, token) {
    this.#enter({ userId, token, proven: true, kept: false });
  }

  /**
   * From now on this token stands for the user, on the open line too.
   * @param {string} userId
   * @param {string} token
   */
  renew(userId, token) {
    if (this.credentials?.userId !== userId) return this.enter(userId, token);
    this.credentials.token = token;
    return this.#signedIn() && this.#ask({ kind: 'renew' }, protocol.auth(userId, token));
  }

  /**
   * Leaves: the token is forgotten, everything private with it, and the line becomes a visitor's.
   * @param {Problem | null} [problem]
   */
  signOut(problem = null) {
    storage.clearSession();
    this.credentials = null;
    this.#forgetQuestions();
    this.#forgetPushes();
    this.store.set({ ...privateState(), session: { phase: 'anonymous', userId: null, problem } });
    this.#connect();
  }

  /** @param {string} instrumentId */
  select(instrumentId) {
    this.market.select(instrumentId);
  }

  /**
   * A promise of the answer to `message`; of null if there is no line to carry it, or it was lost before the answer.
   * @param {ClientFrame} message
   */
  request(message) {
    return new Promise((answered) => {
      const question = { kind: 'request', answered, instrumentId: this.#instrumentOf(message) };
      if (!this.#ask(question, message)) answered(null);
    });
  }

  /** @param {number} noticeId */
  dismiss(noticeId) {
    this.store.set(reduce.noticeGone(this.store.state, noticeId));
  }

  hurry() {
    this.connection.hurry();
  }

  // --- the line

  /** @param {Credentials} credentials */
  #enter(credentials) {
    if (this.credentials?.userId !== credentials.userId) this.#forgetPushes();
    this.credentials = credentials;
    const phase = credentials.proven ? 'restoring' : 'signing-in';
    this.store.set({ session: { phase, userId: credentials.userId, problem: null } });
    this.#connect();
  }

  #connect() {
    this.#connectionIs({ phase: 'connecting', closeCode: null, latency: null });
    this.doors.lost();
    this.market.closed();
    this.connection.open(protocol.socketUrl(this.location, this.credentials?.userId));
  }

  #opened() {
    if (this.credentials) this.#ask({ kind: 'auth' }, protocol.auth(this.credentials.userId, this.credentials.token));
    this.market.opened();
    if (!this.credentials) this.#live();
  }

  #live() {
    this.connection.settled();
    this.#connectionIs({ phase: 'live', attempt: 0, closeCode: null });
  }

  /**
   * @param {number} code
   * @param {number} attempt
   */
  #closed(code, attempt) {
    const wasLive = this.store.state.connection.phase === 'live';
    this.#connectionIs({ phase: 'reconnecting', attempt, closeCode: code, latency: null });
    this.#forgetQuestions();
    this.pushes.lost();
    this.further.lost();
    this.doors.lost();
    this.market.closed();
    if (wasLive && protocol.CLOSE_CODES.includes(code)) this.notice('closed', { code });
  }

  #forgetQuestions() {
    this.asked.forEach((question) => question.kind === 'request' && question.answered?.(null));
    this.asked.clear();
    this.lookups.clear();
  }

  /** They were somebody else's. */
  #forgetPushes() {
    this.pushes.forget();
    this.further.left();
  }

  /** @param {Partial<State['connection']>} patch */
  #connectionIs(patch) {
    this.store.set({ connection: { ...this.store.state.connection, ...patch } });
  }

  // --- asking

  /**
   * Sends `message` under a request id of its own, remembering why; false if there is no line.
   * @param {Question} question
   * @param {ClientFrame} message
   */
  #ask(question, message) {
    this.lastRequest += 1;
    const requestId = `r${this.lastRequest}`;
    if (!this.connection.send({ ...message, request_id: requestId })) return false;
    this.asked.set(requestId, question);
    return true;
  }

  /**
   * @param {string} kind
   * @param {ClientFrame} message
   */
  #askFor(kind, message) {
    return this.#ask({ kind }, message);
  }

  #askForFunds() {
    if (this.store.state.session.phase !== 'signed-in') return;
    this.#askFor('account', protocol.queryAccount());
    this.further.askForFunds();
    this.#askForPositions();
  }

  #askForPositions() {
    if (this.store.state.session.phase === 'signed-in') this.#askFor('position', protocol.queryPosition());
  }

  /** @param {string} orderId */
  #lookUp(orderId) {
    return this.#ask({ kind: 'order', orderId }, protocol.queryOrder(orderId));
  }

  // --- hearing

  /** @param {ServerFrame} frame */
  #heard(frame) {
    const question = this.asked.get(frame.request_id ?? '');
    this.asked.delete(frame.request_id ?? '');
    if (protocol.PRIVATE_PUSHES.has(frame.type) && !this.#isNext(/** @type {Push} */ (frame))) return undefined;
    if (question?.kind === 'request') return this.#requestAnswered(question, frame);
    if (frame.type === 'statement' && frame.market) return this.refreshAfterFill(); // the list of statements is the first market's
    if (question?.kind === 'renew') return 'success' in frame && frame.success ? undefined : this.#expired();
    switch (frame.type) {
      case 'auth_response': return this.#authAnswered(frame);
      case 'subscribe_response': return this.#subscribeAnswered(question, frame);
      case 'query_response': return this.#queryAnswered(question, frame.data);
      case 'error': return this.#refused(question, frame);
      case 'resume_response': return this.#resumed(question, frame);
      case 'snapshot': return this.#snapshot(frame);
      case 'order_status': return this.#statusChanged(frame);
      case 'trade': return this.#filled(frame);
      case 'account_update': return this.store.set(reduce.account(this.store.state, frame, frame.market));
      case 'portfolio': return this.store.set(reduce.account(this.store.state, frame));
      case 'trade_broken': return this.#broken(frame);
      case 'announcement': return this.#announced(frame);
      default: return this.orderEntry.heard(frame) || this.#heardOfMarket(frame); // A newer server may say more; an older page need not mind.
    }
  }

  /** @param {AuthResponse} frame */
  #authAnswered(frame) {
    if (!this.credentials) return;
    if (frame.success) this.#entered();
    else if (this.credentials.proven) this.#expired();
    else this.signOut({ key: 'session.refused' });
  }

  /** The exchange takes the token no more: where a session gives another it goes on with that. */
  async #expired() {
    const { credentials } = this;
    if (!credentials || credentials.expired) return;
    credentials.expired = true;
    const token = await this.freshToken();
    if (this.credentials !== credentials) return;
    if (token === null) this.signOut({ key: 'session.ended' });
    else this.enter(credentials.userId, token);
  }

  #entered() {
    const { credentials } = this;
    if (!credentials) return;
    const { userId, token, kept } = credentials;
    credentials.proven = true;
    if (kept) storage.saveSession(userId, token);
    this.store.set({ session: { phase: 'signed-in', userId, problem: null } });
    this.#live();
    this.pushes.resume();
    this.further.entered();
    this.#askFor('subscribe', protocol.subscribe(['portfolio'], []));
    this.#askForFunds();
    this.orderEntry.entered();
  }

  /**
   * @param {Question} question
   * @param {any} frame
   */
  #requestAnswered({ answered, instrumentId }, frame) {
    const codes = [frame, ...(frame.results ?? [])].map((each) => each.code ?? each.error_code);
    if (instrumentId && codes.includes(protocol.UNAVAILABLE)) this.doors.refused(instrumentId);
    answered?.(frame);
  }

  /**
   * What an order, an amendment or a cancel is about; undefined for a question.
   * @param {any} message
   */
  #instrumentOf({ type, instrument_id: id, orders, order_id: orderId }) {
    if (type.startsWith('query')) return undefined;
    return id ?? orders?.[0].instrument_id ?? this.store.state.orders.get(orderId)?.instrument_id ?? this.store.state.selected;
  }

  /**
   * The exchange has something to say; it may be that it takes no orders, or takes them again.
   * @param {Announcement} frame
   */
  #announced(frame) {
    this.notice('announcement', frame);
    this.doors.look();
  }

  // --- private pushes, without holes

  /** @param {Push} parts */
  #isNext({ seq, market, market_seq }) {
    return market ? this.further.isNext(market, Number(market_seq)) : this.pushes.isNext(seq);
  }

  /**
   * @param {Question | undefined} question
   * @param {{ success: boolean }} parts
   */
  #resumed(question, { success }) {
    if (question?.market) this.further.resumed(question.market, success);
    else this.pushes.resumed(success);
  }

  /**
   * How everything is: orders that were live and are not among those told have ended meanwhile.
   * @param {Snapshot} frame
   */
  #snapshot(frame) {
    const told = new Set(frame.orders.map((one) => one.order_id));
    const there = working(this.store.state.orders).filter((one) => marketOf(this.store.state, one.instrument_id) === frame.market);
    const ended = there.map((one) => one.order_id).filter((id) => !told.has(id));
    this.store.set(reduce.account(this.store.state, frame.account, frame.market));
    if (frame.market) this.further.stands(frame.market, frame.seq);
    else this.pushes.stands(frame.seq);
    this.store.set(reduce.positions(this.store.state, frame.positions, frame.market));
    [...frame.orders].reverse().forEach((order) => this.#know(order));
    this.lookups.add(ended);
  }

  /**
   * @param {Question | undefined} question
   * @param {SubscribeResponse} frame
   */
  #subscribeAnswered(question, frame) {
    if (question?.kind === 'door') this.doors.answered(question, frame.error_code);
    else if (frame.error_code === protocol.UNAVAILABLE) this.doors.refused(frame.instruments[0]);
    else if (!frame.success) this.notice('subscribe-refused', { message: frame.message });
  }

  /**
   * @param {Question | undefined} question
   * @param {QueryData} data
   */
  #queryAnswered(question, data) {
    this.market.answered(question, data);
    if (data.account) this.store.set(reduce.account(this.store.state, data.account, question?.market));
    if (data.account && question?.market) this.further.found(question.market);
    if (data.positions) this.store.set({ positions: data.positions });
    if (data.order) this.#know(data.order);
    if (question?.kind === 'order') this.lookups.answered(question.orderId ?? '');
  }

  /**
   * @param {Question | undefined} question
   * @param {ErrorFrame} parts
   */
  #refused(question, { code, message }) {
    if (question?.kind === 'auth') this.#authRefused(code, message);
    else if (question?.kind === 'order') this.#lookUpRefused(question.orderId ?? '', code);
    else if (question?.kind === 'door') this.doors.answered(question, code);
    else if (question?.market) this.further.refused(question, code);
    else if (code === protocol.ACCOUNT_NOT_FOUND) this.store.set({ accountMissing: true });
    else if (question?.kind === 'resume' && this.pushes.refused(code)) return;
    else if (question?.kind === 'bars' || question?.kind === 'market') this.market.refused(question);
    else if (code === protocol.NOT_AUTHENTICATED && this.#signedIn()) this.#expired();
    else if (question && protocol.PASSING.has(code)) this.refreshAfterTick();
    else this.notice('query-refused', { code, message });
  }

  /**
   * A busy exchange is no verdict on a token that has been good before.
   * @param {number} code
   * @param {string} message
   */
  #authRefused(code, message) {
    if (this.credentials?.proven && protocol.PASSING.has(code)) this.connection.bounce();
    else this.signOut({ code, message });
  }

  /**
   * @param {string} orderId
   * @param {number} code
   */
  #lookUpRefused(orderId, code) {
    if (protocol.PASSING.has(code)) return this.lookups.postponed(orderId);
    if (code === protocol.ORDER_NOT_FOUND) this.store.set(reduce.forgetOrder(this.store.state, orderId));
    return this.lookups.answered(orderId);
  }

  /**
   * Positions are worth something else after each trade of their instrument.
   * @param {ServerFrame} frame
   */
  #heardOfMarket(frame) {
    this.market.heard(frame);
    const held = frame.type === 'ticker' && this.store.state.positions?.some((one) => one.instrument_id === frame.instrument_id);
    if (held) this.refreshAfterTick();
  }

  /** @param {OrderStatusFrame} parts */
  #statusChanged({ type: _, seq: __, market: ___, market_seq: ____, ...order }) {
    this.#know(order);
    if (!this.store.state.orders.get(order.order_id)?.time_condition) this.lookups.add([order.order_id]);
  }

  /** @param {Omit<OwnOrder, 'placed'>} order */
  #know(order) {
    this.store.set(reduce.order(this.store.state, order));
    this.orderEntry.met(order);
  }

  /** @param {Trade} frame */
  #filled(frame) {
    const patch = fill(this.store.state, frame);
    if (!patch.fills || !this.#signedIn()) return;
    this.store.set(patch);
    const joined = joinedFill(this.store.state, frame);
    if (joined) this.store.set(joined);
    else this.notice('fill', frame);
    this.refreshAfterFill();
    this.orderEntry.filled();
  }

  /**
   * A trade was taken back: what it has changed is asked for anew.
   * @param {TradeBroken} frame
   */
  #broken(frame) {
    this.notice('trade-broken', frame);
    this.store.set(tradeBroken(this.store.state, frame));
    this.#askForFunds();
  }

  #signedIn() {
    return this.store.state.session.phase === 'signed-in';
  }

  /**
   * News for the reader that need no answer.
   * @param {string} kind
   * @param {any} data
   */
  notice(kind, data) {
    this.lastNotice += 1;
    const id = this.lastNotice;
    this.store.set(reduce.notice(this.store.state, { id, kind, data }));
    setTimeout(() => this.dismiss(id), kind === 'announcement' ? ANNOUNCED_MS : NOTICE_MS);
  }
}
