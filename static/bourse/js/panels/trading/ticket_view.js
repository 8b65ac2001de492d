/** What the order ticket shows: what its button will do, what that would cost, and what the exchange said. */
import { closed, estimate, freeLots, mostLots, reduced, withoutOwn } from '../../orders/estimate.js';
import { atWords, conditionText, orderWords } from '../shared/order_text.js';
import { touch } from '../../state/depth.js';
import { accountOf, instrumentOf, isLive, tickOf, working } from '../../state/selectors.js';
import { byId, setText } from '../../ui/dom.js';
import * as format from '../../ui/format.js';
import { detail, reason, t } from '../../ui/i18n.js';
import { closesWhatIsThere, doubt, plan, positionOf, readOrder, unoffered } from './ticket_form.js';

/** Fields that not every order has. */
const OFFERED = ['price', 'time_condition', 'post_only', 'display_volume', 'reduce_only', 'price_levels'];

/**
 * Whether an order may go out now: nothing is on its way of which nobody knows what became of it.
 * @param {State} state
 */
export const canSend = (state) =>
  isLive(state) && state.session.phase === 'signed-in' && !['sending', 'uncertain', 'missing'].includes(state.ticket.phase);

/**
 * The price to begin with where none is written: the last one, else the touch.
 * @param {State} state
 */
export function firstPrice(state) {
  const { bid, ask } = touch(state.books[state.selected ?? '']);
  return state.ticks[state.selected ?? '']?.price ?? bid ?? ask;
}

/**
 * @param {HTMLFormElement} form
 * @param {State} state
 */
export function render(form, state) {
  const instrument = instrumentOf(state, state.selected);
  form.hidden = !instrument;
  if (!instrument) return;
  const order = readOrder(form, state);
  form.dataset.direction = order.direction;
  allow(form, state);
  setText(byId('ticket-instrument'), `${instrument.instrument_id} · ${instrument.name}`);
  showHint('price-hint', hint(instrument, order), order.price, instrument);
  showHint('stop-hint', '', order.stop_price ?? order.trail, { tick: instrument.tick });
  showPhase(instrument);
  byId('ticket-auto').hidden = !closesWhatIsThere(order);
  const orders = plan(order, state);
  showMost(order, instrument, state);
  showSums(orders, instrument, state);
  showSubmit(orders, order, state);
  showAnswer(state.ticket);
  byId('ticket-resend').disabled = !isLive(state);
}

/**
 * Fields that mean nothing for this kind of order are out of reach.
 * @param {HTMLFormElement} form
 * @param {State} state
 */
function allow(form, state) {
  const out = unoffered(form, state);
  OFFERED.forEach((name) => { form[name].disabled = out.has(name); });
  byId('price-up').disabled = byId('price-down').disabled = out.has('price');
  byId('expires-field').hidden = out.has('expires_at');
  byId('stop-fields').hidden = form.stop.value === '';
  setText(byId('stop-label'), t(form.stop.value === 'TRAIL' ? 'ticket.trail' : 'ticket.stop_price'));
}

/**
 * @param {Instrument} instrument
 * @param {TicketOrder} parts
 */
function hint(instrument, { order_type: type, price_levels: levels }) {
  if (type === 'MARKET') return levels ? t(levels === 1 ? 'ticket.price_best' : 'ticket.price_levels_hint', { levels }) : t('ticket.price_market');
  const { limit_down, limit_up, tick } = instrument;
  /** @param {number | null} value */
  const price = (value) => format.price(value, tick);
  if (limit_down === null && limit_up === null) return t('ticket.price_hint_unlimited', { tick: price(tick) });
  return t('ticket.price_hint', { low: price(limit_down), high: price(limit_up), tick: price(tick) });
}

/**
 * What is written beside a price: what the exchange would not take, otherwise the `usual`.
 * @param {string} id
 * @param {string} usual
 * @param {number | null | undefined} written
 * @param {{ tick: number, limit_down?: number | null, limit_up?: number | null }} instrument
 */
function showHint(id, usual, written, instrument) {
  const { tick, limit_down: low = null, limit_up: high = null } = instrument;
  const wrong = doubt(written, instrument);
  byId(id).dataset.level = wrong ? 'wrong' : '';
  if (!wrong) return setText(byId(id), usual);
  const key = wrong === 'outside' && high === null ? 'above' : wrong;
  return setText(byId(id), t(`ticket.price_${key}`, { price: String(written), low: format.price(low ?? tick, tick), high: format.price(high, tick), tick: format.price(tick, tick) }));
}

/**
 * Where not everything trades at once the ticket says so before anybody sends.
 * @param {Instrument} parts
 */
function showPhase({ phase = 'continuous' }) {
  byId('ticket-phase').hidden = phase === 'continuous';
  setText(byId('ticket-phase'), phase === 'continuous' ? '' : t(`ticket.phase.${phase}`));
}

/** @param {TicketOrder} order */
const isClosing = (order) => order.offset.startsWith('CLOSE') || closesWhatIsThere(order);

/**
 * The most lots that the account can open, or has to close.
 * @param {TicketOrder} order
 * @param {Instrument} instrument
 * @param {State} state
 */
function showMost(order, instrument, state) {
  const button = byId('volume-most');
  const most = mostOf(order, instrument, state);
  button.hidden = most === null;
  button.dataset.lots = String(most ?? '');
  setText(button, most === null ? '' : t(isClosing(order) ? 'ticket.most_close' : 'ticket.most', { lots: format.lots(most) }));
  setText(byId('volume-hint'), instrument.max_volume ? t('ticket.volume_hint', { low: format.lots(instrument.min_volume), high: format.lots(instrument.max_volume) }) : '');
}

/**
 * @param {TicketOrder} order
 * @param {Instrument} instrument
 * @param {State} state
 */
function mostOf(order, instrument, state) {
  const { direction, offset, price } = order;
  const account = accountOf(state, instrument.instrument_id);
  if (state.session.phase !== 'signed-in' || !account || !instrument.fee_open) return null;
  const { his, today } = freeLots(positionOf(state), closed(direction));
  if (isClosing(order)) return offset === 'CLOSETODAY' ? today : offset === 'CLOSEYESTERDAY' ? his : his + today;
  const at = price ?? firstPrice(state);
  return at !== null && at > 0 ? mostLots(/** @type {InstrumentData} */ (instrument), direction, at, account.available) : null;
}

/**
 * @param {OrderOptions[]} orders
 * @param {Instrument} instrument
 * @param {State} state
 */
function estimates(orders, instrument, state) {
  if (!instrument.fee_open || orders.length === 0) return [];
  const known = state.books[state.selected ?? ''];
  const book = known && !known.stale ? withoutOwn(known, instrument.instrument_id, working(state.orders)) : null;
  const told = /** @type {InstrumentData} */ (instrument);
  const shared = {
    instrument: { ...told, last_price: state.ticks[state.selected ?? '']?.price ?? told.last_price },
    instruments: /** @type {InstrumentData[]} */ (state.instruments), account: accountOf(state, instrument.instrument_id), positions: state.positions ?? [], book,
    riskLimit: state.venue.riskLimit,
  };
  return orders.map((sent) => {
    const order = { ...sent, volume: reduced(sent, positionOf(state)) };
    if (order.volume === 0) return null;
    const price = order.price ?? order.stop_price ?? null;
    const waiting = order.stop_kind && price !== null;
    /** @type {OrderOptions} */
    const asked = waiting ? { ...order, order_type: 'LIMIT', price } : order;
    if (asked.order_type === 'LIMIT' && !(Number(asked.price) > 0)) return null;
    return estimate({ ...shared, order: asked, book: waiting ? null : shared.book });
  });
}

/**
 * @param {OrderOptions[]} orders
 * @param {Instrument} instrument
 * @param {State} state
 */
function showSums(orders, instrument, state) {
  const all = estimates(orders, instrument, state);
  const found = all.filter((one) => one !== null);
  const known = all.length > 0 && found.length === all.length;
  /** @param {'value' | 'margin' | 'commission'} name */
  const sum = (name) => (known ? found.reduce((total, one) => total + one[name], 0) : null);
  const margin = sum('margin');
  const before = accountOf(state, instrument.instrument_id)?.available ?? null;
  const after = known && before !== null ? before + found.reduce((total, one) => total + Number(one.available) - before, 0) : null;
  setText(byId('ticket-value'), format.money(sum('value')));
  setText(byId('ticket-margin-label'), t(margin !== null && margin < 0 ? 'ticket.margin_released' : 'ticket.margin'));
  setText(byId('ticket-margin'), format.money(margin === null ? null : Math.abs(margin)));
  setText(byId('ticket-commission'), format.money(sum('commission')));
  setText(byId('ticket-after'), format.money(after));
  byId('ticket-after').dataset.level = after !== null && after < 0 ? 'short' : '';
  setText(byId('ticket-liquidation'), liquidationText(known && found.length === 1 ? found[0].liquidation : null, instrument));
}

/**
 * @param {number | null} price
 * @param {Instrument} parts
 */
function liquidationText(price, { tick, limit_up: high, limit_down: low }) {
  if (price === null) return format.NONE;
  const outside = (high !== null && price > high) || (low !== null && price < low);
  return outside ? t('ticket.beyond_limits', { price: format.price(price, tick) }) : format.price(price, tick);
}

/**
 * @param {OrderOptions[]} orders
 * @param {TicketOrder} order
 * @param {State} state
 */
function showSubmit(orders, order, state) {
  const button = byId('ticket-submit');
  const isVisitor = state.session.phase === 'anonymous';
  button.disabled = !isVisitor && !canSend(state);
  button.classList.toggle('visitor', isVisitor);
  setText(button, submitText(orders, order, state, isVisitor));
}

/**
 * @param {OrderOptions[]} orders
 * @param {TicketOrder} order
 * @param {State} state
 * @param {boolean} isVisitor
 */
function submitText(orders, order, state, isVisitor) {
  if (isVisitor) return t(state.venue.demo ? 'demo.start' : 'ticket.sign_in');
  if (!isLive(state)) return t('ticket.offline');
  if (state.ticket.phase === 'sending') return t('ticket.sending');
  const tick = tickOf(state, state.selected);
  const price = order.price === null ? '…' : format.price(order.price, tick);
  const words = orders.length > 1 ? splitWords(order, orders, price) : orderWords({ ...(orders[0] ?? order), price, most: closesWhatIsThere(order) });
  const condition = conditionText(order, state);
  return condition ? t('ticket.when', { condition, words }) : words;
}

/**
 * @param {TicketOrder} order
 * @param {OrderOptions[]} orders
 * @param {string} price
 */
function splitWords(order, orders, price) {
  const { direction, volume, instrument_id: instrument } = order;
  const [closing, opening] = orders.map((one) => format.lots(one.volume));
  const at = atWords({ ...order, price });
  return t('ticket.split', { direction: t(`direction.${direction}`), volume: format.lots(volume), instrument, at, closing, opening });
}

/** @param {TicketState} ticket */
function answerWords(ticket) {
  switch (ticket.phase) {
    case 'unsent': return t(ticket.sentence);
    case 'uncertain': return t('ticket.uncertain');
    case 'answered': return ticket.results.map(resultWords).join('\n');
    case 'missing': return [...ticket.results.filter((one) => one !== null).map(resultWords), t('ticket.missing')].join('\n');
    default: return '';
  }
}

/** @param {OrderVerdict} parts */
function resultWords({ success, order_id: orderId, code, message }) {
  if (success) return t('ticket.accepted', { order_id: orderId ?? '' });
  const words = t('ticket.refused', { reason: reason(code, message) });
  const more = detail(code, message);
  return more ? `${words}\n${more}` : words;
}

/** @param {TicketState} ticket */
function showAnswer(ticket) {
  const answer = byId('ticket-answer');
  const refused = ticket.phase === 'unsent' || (ticket.phase === 'answered' && ticket.results.some((one) => !one.success));
  answer.dataset.phase = refused ? 'refused' : ticket.phase === 'answered' ? 'accepted' : ticket.phase;
  setText(answer, answerWords(ticket));
  byId('ticket-uncertain').hidden = ticket.phase !== 'missing';
}
