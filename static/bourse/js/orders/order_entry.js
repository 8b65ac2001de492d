/**
 * What a trader asks of the exchange, and what became of it: orders, amendments, cancels, histories.
 * Nothing is taken for done before the exchange has said so: an order without an answer is looked up when the line is back.
 */
import * as protocol from '../line/protocol.js';
import * as reduce from '../state/reduce_account.js';
import * as reduceHistory from '../state/reduce_history.js';

const PATIENCE_MS = 10000;
const AFTER_FILL_MS = 400;
const LOOKED_PAGES = 5;
const LOOK_AGAIN_MS = 1000;
/** After which an order may be there: what is refused with 503 was not done, but for one that was sent before in doubt. */
const NEW = new Set([protocol.UNKNOWN_OUTCOME]);
const IN_DOUBT = new Set([protocol.UNKNOWN_OUTCOME, protocol.UNAVAILABLE]);

export class OrderEntry {
  /**
   * `request(message)` gives a promise of the answer, of null if the line was lost before; `notice(kind, data)` tells the reader;
   * `refused()` hears that an order was refused: the page may know old terms.
   * @param {{ store: Store, request: (message: ClientFrame) => Promise<any>, notice: (kind: string, data: any) => void, lookUp: (orderId: string) => void, refused: () => void }} parts
   */
  constructor({ store, request, notice, lookUp, refused }) {
    this.store = store;
    this.request = request;
    this.notice = notice;
    this.lookUp = lookUp;
    this.refused = refused;
    /** @type {number | undefined} */
    this.fillTimer = undefined;
  }

  // --- orders

  /**
   * Sends one order or several; what becomes of them is in the store's `ticket`.
   * @param {OrderOptions[]} orders
   */
  submit(orders) {
    return this.#send(orders.map((one) => ({ ...one, client_order_id: protocol.freshId() })));
  }

  /** Sends those again of which the exchange knows nothing, under their old ids: they cannot become two. */
  resend() {
    const { ticket } = this.store.state;
    if (ticket.phase !== 'missing') return null;
    return this.#send(ticket.orders.filter((_, index) => ticket.results[index] === null), IN_DOUBT);
  }

  forget() {
    this.store.set({ ticket: { phase: 'idle' } });
  }

  /**
   * An order that cannot even be sent: the ticket says why, in place of what became of the one before.
   * @param {{ field: string, sentence: string }} problem
   */
  unsent(problem) {
    this.store.set({ ticket: { phase: 'unsent', ...problem } });
  }

  /**
   * A field was changed: a complaint about it is answered.
   * @param {string} field
   */
  mended(field) {
    const { ticket } = this.store.state;
    if (ticket.phase === 'unsent' && ticket.field === field) this.forget();
  }

  /**
   * @param {OrderOptions[]} orders
   * @param {Set<number | null | undefined>} doubts Codes after which they may be there all the same.
   * @returns {Promise<OrderVerdict[] | null>} null where nobody knows what became of them
   */
  async #send(orders, doubts = NEW) {
    /** @type {TicketState} */
    const ticket = { phase: 'sending', orders };
    this.store.set({ ticket });
    const answer = await Promise.race([this.request(protocol.submit(orders)), later(PATIENCE_MS)]);
    if (this.store.state.ticket !== ticket) return null;
    if (answer === null) return this.#uncertain(orders);
    const results = resultsOf(answer, orders.length);
    if (results.some(({ code }) => doubts.has(code))) return this.#uncertain(orders);
    orders.forEach((order, index) => results[index].success && this.#know(order, results[index].order_id ?? ''));
    this.store.set({ ticket: { phase: 'answered', orders, results } });
    if (results.some((one) => !one.success)) this.refused();
    return results;
  }

  /**
   * @param {OrderOptions} parts
   * @param {string} orderId
   */
  #know({ client_order_id: _, ...order }, orderId) {
    const known = /** @type {Omit<OwnOrder, 'placed'>} */ ({ ...order, order_id: orderId });
    this.store.set(reduce.order(this.store.state, known));
  }

  /** @param {OrderOptions[]} orders */
  #uncertain(orders) {
    this.store.set({ ticket: { phase: 'uncertain', orders } });
    if (this.store.state.connection.phase === 'live') this.#lookForUnanswered();
    return null;
  }

  /** Looks among the newest orders of the account for those that were not answered. */
  async #lookForUnanswered() {
    const { ticket } = this.store.state;
    if (ticket.phase !== 'uncertain') return;
    const found = new Map();
    let before = null;
    for (let page = 0; page < LOOKED_PAGES; page += 1) {
      const answer = await this.request(protocol.queryOrders(before));
      if (this.store.state.ticket !== ticket) return;
      if (protocol.PASSING.has(answer?.code)) setTimeout(() => this.store.state.ticket === ticket && this.#lookForUnanswered(), LOOK_AGAIN_MS);
      if (answer?.type !== 'query_response') return;
      answer.data.orders.forEach((/** @type {OrderData} */ one) => found.set(one.client_order_id, one));
      this.store.set(reduceHistory.ordersPage(this.store.state, { ...answer.data, next: this.store.state.ordersNext }));
      before = answer.data.next;
      if (before === null || ticket.orders.every((one) => found.has(one.client_order_id))) break;
    }
    this.#found(ticket.orders, ticket.orders.map(({ client_order_id: id }) => (found.has(id) ? { success: true, order_id: found.get(id).order_id } : null)));
  }

  /**
   * An order that the exchange tells of: one that was not there when it was looked for may be it.
   * @param {{ order_id: string, client_order_id?: string | null }} parts
   */
  met({ order_id: orderId, client_order_id: id }) {
    const { ticket } = this.store.state;
    if (ticket.phase !== 'missing' || !ticket.orders.some((one) => one.client_order_id === id)) return;
    this.#found(ticket.orders, ticket.orders.map((one, index) => (one.client_order_id === id ? { success: true, order_id: orderId } : ticket.results[index])));
  }

  /**
   * @param {OrderOptions[]} orders
   * @param {(OrderVerdict | null)[]} results null for what the exchange does not have
   */
  #found(orders, results) {
    const phase = results.includes(null) ? 'missing' : 'answered';
    this.store.set({ ticket: /** @type {TicketState} */ ({ orders, phase, results }) });
  }

  /**
   * Changes price or volume (all lots) of an order; true when the exchange has done it.
   * @param {string} orderId
   * @param {{ price?: number, volume?: number }} changes
   */
  async amend(orderId, changes) {
    this.#mark('amending', orderId, true);
    const answer = await this.request(protocol.amendOrder(orderId, changes));
    this.#mark('amending', orderId, false);
    return this.#verdict(answer, 'amend-refused', orderId);
  }

  /** @param {string} orderId */
  async cancel(orderId) {
    this.#mark('cancelling', orderId, true);
    const answer = await this.request(protocol.cancelOrder(orderId));
    if (answer?.success) return true; // the status comes as a push
    this.#mark('cancelling', orderId, false);
    return this.#verdict(answer, 'cancel-refused', orderId);
  }

  /** Cancels every order of the account. */
  async cancelAll() {
    const answer = await this.request(protocol.cancelAll());
    return this.#verdict(answer, 'cancel-refused');
  }

  /**
   * Whether it was done; if not, the reader is told why.
   * @param {any} answer
   * @param {string} kind
   * @param {string} [orderId]
   */
  #verdict(answer, kind, orderId) {
    if (answer?.success) return true;
    if (answer === null) this.notice('dropped', {});
    else this.notice(kind, refusalOf(answer));
    if (orderId && answer) this.lookUp(orderId);
    return false;
  }

  /**
   * @param {'amending' | 'cancelling'} name
   * @param {string} orderId
   * @param {boolean} on
   */
  #mark(name, orderId, on) {
    const marked = new Set(this.store.state[name]);
    if (on) marked.add(orderId);
    else marked.delete(orderId);
    this.store.set({ [name]: marked });
  }

  // --- histories

  /** The line is open and the user known: everything that pushes do not tell is asked for. */
  entered() {
    this.#lookForUnanswered();
    this.#ask(protocol.queryOrders(), (state, data) => reduceHistory.ordersPage(state, data));
    this.#ask(protocol.queryTrades(), (state, data) => reduceHistory.fillsPage(state, data, true));
    this.#ask(protocol.queryStatements(), (_, data) => ({ statements: data.statements }));
  }

  olderOrders() {
    return this.#ask(protocol.queryOrders(this.store.state.ordersNext), (state, data) => reduceHistory.ordersPage(state, data));
  }

  olderFills() {
    return this.#ask(protocol.queryTrades(this.store.state.fillsNext), (state, data) => reduceHistory.fillsPage(state, data, false));
  }

  /** What a fill cost and brought is not in its push. */
  filled() {
    this.fillTimer ??= setTimeout(() => {
      this.fillTimer = undefined;
      this.#ask(protocol.queryTrades(), (state, data) => reduceHistory.fillsAgain(state, data));
    }, AFTER_FILL_MS);
  }

  /**
   * @param {ClientFrame} message
   * @param {(state: State, data: any) => Patch} patch
   */
  async #ask(message, patch) {
    const { userId } = this.store.state.session;
    const answer = await this.request(message);
    if (answer?.type !== 'query_response' || this.store.state.session.userId !== userId) return;
    this.store.set(patch(this.store.state, answer.data));
  }

  // --- pushes

  /**
   * Takes in a push about the account; false if it is none that belongs here.
   * @param {ServerFrame} frame
   */
  heard(frame) {
    switch (frame.type) {
      case 'statement':
        this.store.set(reduceHistory.statement(this.store.state, frame));
        this.notice('statement', frame);
        return true;
      case 'risk_warning': this.notice('risk-warning', frame); return true;
      case 'liquidation': this.notice('liquidation', frame); return true;
      case 'position_expired': this.notice('expired', frame); return true;
      default: return false;
    }
  }
}

/** @param {number} ms */
const later = (ms) => new Promise((done) => { setTimeout(() => done(null), ms); });

/**
 * What the exchange said to each order of a message; a message that was refused as a whole is a refusal of each.
 * @param {any} answer
 * @param {number} count
 * @returns {OrderVerdict[]}
 */
function resultsOf(answer, count) {
  if (answer.type === 'orders_response') return answer.results;
  const result = answer.type === 'error' ? { success: false, ...refusalOf(answer) } : answer;
  return Array.from({ length: count }, () => ({ ...result, ...refusalOf(result) }));
}

/**
 * Code and sentence of a refusal, by whichever frame it came.
 * @param {any} frame
 */
const refusalOf = (frame) => ({ code: frame.code ?? frame.error_code, message: frame.message ?? frame.error_message });
