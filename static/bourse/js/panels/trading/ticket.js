/**
 * The order ticket. Says on its button what will happen and beside it what it would cost; checks only what would not even
 * make a message, everything else is the exchange's to judge.
 */
import { stepPrice } from '../../base/tick.js';
import { estimate, freeLots, closed, mostLots, parts } from '../../orders/estimate.js';
import { touch } from '../../state/depth.js';
import { instrumentOf, isLive } from '../../state/selectors.js';
import { byId, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { reason, t } from '../../ui/i18n.js';
import { conditionText, orderWords } from '../shared/order_text.js';

const ARROWS = { ArrowUp: 1, ArrowDown: -1 };
const LONG_STEP = 10;
const RESTING = new Set(['GFD', 'GTC', 'GTD']);
const WATCHED = ['ticket', 'session', 'connection', 'account', 'positions', 'selected', 'books', 'instruments', 'venue', 'ticks'];

/** `begin()` lets a stranger in. Returns {setPrice(price), prepare(order), choose(name, value), focus(name)}. */
export function mountTicket(store, client, begin) {
  const form = byId('ticket-form');
  const show = () => render(form, store.state);
  form.addEventListener('input', () => edited(form, show));
  form.price.addEventListener('change', () => tidyPrice(form, store.state));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit(form, store, client, begin);
  });
  mountSteppers(form, store, show);
  byId('volume-most').addEventListener('click', () => {
    form.volume.value = byId('volume-most').dataset.lots;
    edited(form, show);
  });
  byId('ticket-resend').addEventListener('click', () => client.orderEntry.resend());
  byId('ticket-forget').addEventListener('click', () => client.orderEntry.forget());
  mountInstrument(form, store);
  draw(store, WATCHED, show);
  return {
    setPrice: (price) => setPrice(form, store.state, price, show),
    prepare: (order) => prepare(form, store, client, order, show),
    choose: (name, value) => {
      form[name].value = value;
      edited(form, show);
    },
    focus: (name) => {
      form[name].focus();
      form[name].select?.();
    },
  };
}

function edited(form, show) {
  ['price', 'volume', 'stop_price', 'expires_at', 'display_volume'].forEach((name) => form[name].removeAttribute('aria-invalid'));
  show();
}

/** Another contract means another price: an old one must not be sent by mistake. */
function mountInstrument(form, store) {
  let shown = store.state.selected;
  store.watch(['selected'], (state) => {
    if (state.selected === shown) return;
    shown = state.selected;
    form.price.value = form.stop_price.value = '';
  });
}

// --- filling in

function setPrice(form, state, price, show) {
  form.order_type.value = 'LIMIT';
  form.price.value = format.price(price, instrumentOf(state, state.selected).tick);
  edited(form, show);
}

/** Writes a typed price the way prices are written, but never moves it onto the tick: that would be another order. */
function tidyPrice(form, state) {
  const typed = numberIn(form.price);
  if (typed === null) return;
  const text = format.price(typed, instrumentOf(state, state.selected).tick);
  if (Number(text) === typed) form.price.value = text;
}

function prepare(form, store, client, { instrument_id, direction, offset, volume }, show) {
  client.select(instrument_id);
  form.direction.value = direction;
  form.offset.value = offset;
  form.order_type.value = 'LIMIT';
  form.volume.value = String(volume);
  show();
  byId('panel-ticket').scrollIntoView({ block: 'nearest' });
  form.price.focus({ preventScroll: true });
}

function mountSteppers(form, store, show) {
  const step = (change, by) => {
    change(form, store.state, by);
    edited(form, show);
  };
  const buttons = { 'price-up': [stepPriceField, 1], 'price-down': [stepPriceField, -1], 'volume-up': [stepVolume, 1], 'volume-down': [stepVolume, -1] };
  Object.entries(buttons).forEach(([id, [change, by]]) => byId(id).addEventListener('click', () => step(change, by)));
  [[form.price, stepPriceField], [form.volume, stepVolume]].forEach(([input, change]) => {
    input.addEventListener('keydown', (event) => {
      if (!ARROWS[event.key]) return;
      event.preventDefault();
      step(change, ARROWS[event.key] * (event.shiftKey ? LONG_STEP : 1));
    });
  });
}

function stepPriceField(form, state, by) {
  const { tick } = instrumentOf(state, state.selected);
  const typed = numberIn(form.price);
  const next = typed === null ? firstPrice(state) : stepPrice(typed, by, tick);
  if (next !== null && next > 0) form.price.value = format.price(next, tick);
}

/** Where stepping starts in an empty field: the last price, else the touch. */
function firstPrice(state) {
  const { bid, ask } = touch(state.books[state.selected]);
  return state.ticks[state.selected]?.price ?? bid ?? ask;
}

function stepVolume(form, _state, by) {
  form.volume.value = String(Math.max(1, Math.round((numberIn(form.volume) ?? 0) + by)));
}

function numberIn(input) {
  const text = input.value.trim().replace(/,/g, '');
  const value = Number(text);
  return text !== '' && Number.isFinite(value) ? value : null;
}

// --- what it says

/** The order as the form has it; `offset` may still be AUTO. */
function readOrder(form, state) {
  const isMarket = form.order_type.value === 'MARKET';
  const waits = form.stop.value !== '';
  const condition = form.time_condition.value;
  const rests = !isMarket && RESTING.has(condition);
  const order = {
    instrument_id: state.selected,
    direction: form.direction.value,
    offset: form.offset.value,
    order_type: form.order_type.value,
    time_condition: isMarket && !waits ? null : condition,
    price: isMarket ? null : numberIn(form.price),
    volume: numberIn(form.volume),
    post_only: rests && form.post_only.checked,
    reduce_only: form.offset.value !== 'OPEN' && form.reduce_only.checked,
    display_volume: rests ? numberIn(form.display_volume) : null,
    oco_group: form.oco_group.value.trim() || null,
    expires_at: condition === 'GTD' ? momentIn(form.expires_at) : null,
  };
  return waits ? { ...order, ...stopOf(form) } : order;
}

function stopOf(form) {
  const trails = form.stop.value === 'TRAIL';
  return {
    stop_kind: trails ? 'STOP' : form.stop.value,
    trigger: form.trigger.value,
    [trails ? 'trail' : 'stop_price']: numberIn(form.stop_price),
  };
}

function momentIn(input) {
  const moment = input.value === '' ? NaN : new Date(input.value).getTime();
  return Number.isFinite(moment) ? moment : null;
}

const positionOf = (state) => state.positions?.find((one) => one.instrument_id === state.selected);

/** The orders to send: "auto" closes what can be closed and opens the rest. */
function plan(order, state) {
  if (order.offset !== 'AUTO') return [order];
  if (order.reduce_only) return [{ ...order, offset: 'CLOSE' }];
  return parts(order.direction, order.volume, positionOf(state)).map((part) => ({ ...order, ...part }));
}

/** The field that cannot be read, if any. */
function problemOf(order, form) {
  if (order.order_type === 'LIMIT' && order.price === null) return 'price';
  if (!Number.isInteger(order.volume) || order.volume <= 0) return 'volume';
  if (form.stop.value !== '' && numberIn(form.stop_price) === null) return 'stop_price';
  if (order.time_condition === 'GTD' && (order.expires_at ?? 0) <= Date.now()) return 'expires_at';
  return form.display_volume.value.trim() !== '' && !form.display_volume.disabled && numberIn(form.display_volume) === null ? 'display_volume' : null;
}

// --- sending

function submit(form, store, client, begin) {
  const { state } = store;
  if (state.session.phase === 'anonymous') return begin();
  if (!canSend(state)) return undefined;
  const order = readOrder(form, state);
  const problem = problemOf(order, form);
  if (!problem) return client.orderEntry.submit(plan(order, state));
  setText(byId('ticket-answer'), t(`ticket.bad_${problem}`));
  byId('ticket-answer').dataset.phase = 'refused';
  if (['stop_price', 'display_volume'].includes(problem)) byId('ticket-more').open = true;
  form[problem].setAttribute('aria-invalid', 'true');
  return form[problem].focus();
}

const canSend = (state) =>
  isLive(state) && state.session.phase === 'signed-in' && !['sending', 'uncertain', 'missing'].includes(state.ticket.phase);

// --- showing

function render(form, state) {
  const instrument = instrumentOf(state, state.selected);
  form.hidden = !instrument;
  if (!instrument) return;
  const order = readOrder(form, state);
  form.dataset.direction = order.direction;
  allow(form, order);
  setText(byId('ticket-instrument'), `${instrument.instrument_id} · ${instrument.name}`);
  setText(byId('price-hint'), hint(instrument, order));
  showPhase(instrument);
  const orders = Number.isInteger(order.volume) && order.volume > 0 ? plan(order, state) : [];
  showMost(order, instrument, state);
  showSums(orders, instrument, state);
  showSubmit(orders, order, state);
  showAnswer(state.ticket);
  byId('ticket-resend').disabled = !isLive(state);
}

/** Fields that mean nothing for this kind of order are out of reach. */
function allow(form, { order_type: type, offset }) {
  const isMarket = type === 'MARKET';
  const waits = form.stop.value !== '';
  const rests = !isMarket && RESTING.has(form.time_condition.value);
  form.price.disabled = byId('price-up').disabled = byId('price-down').disabled = isMarket;
  form.time_condition.disabled = isMarket && !waits;
  byId('expires-field').hidden = form.time_condition.value !== 'GTD' || form.time_condition.disabled;
  byId('stop-fields').hidden = !waits;
  setText(byId('stop-label'), t(form.stop.value === 'TRAIL' ? 'ticket.trail' : 'ticket.stop_price'));
  form.post_only.disabled = form.display_volume.disabled = !rests;
  form.reduce_only.disabled = offset === 'OPEN';
}

function hint(instrument, { order_type: type }) {
  if (type === 'MARKET') return t('ticket.price_market');
  const { limit_down, limit_up, tick } = instrument;
  const price = (value) => format.price(value, tick);
  if (limit_down === null && limit_up === null) return t('ticket.price_hint_unlimited', { tick: price(tick) });
  return t('ticket.price_hint', { low: price(limit_down), high: price(limit_up), tick: price(tick) });
}

/** Where not everything trades at once the ticket says so before anybody sends. */
function showPhase({ phase = 'continuous' }) {
  byId('ticket-phase').hidden = phase === 'continuous';
  setText(byId('ticket-phase'), phase === 'continuous' ? '' : t(`ticket.phase.${phase}`));
}

/** The most lots that the account can open, or has to close. */
function showMost(order, instrument, state) {
  const button = byId('volume-most');
  const most = mostOf(order, instrument, state);
  button.hidden = most === null;
  button.dataset.lots = String(most ?? '');
  setText(button, most === null ? '' : t(order.offset.startsWith('CLOSE') ? 'ticket.most_close' : 'ticket.most', { lots: format.lots(most) }));
  setText(byId('volume-hint'), instrument.max_volume ? t('ticket.volume_hint', { low: format.lots(instrument.min_volume), high: format.lots(instrument.max_volume) }) : '');
}

function mostOf({ direction, offset, price }, instrument, state) {
  if (state.session.phase !== 'signed-in' || !state.account || !instrument.fee_open) return null;
  const { his, today } = freeLots(positionOf(state), closed(direction));
  if (offset !== 'OPEN' && offset !== 'AUTO') return offset === 'CLOSETODAY' ? today : offset === 'CLOSEYESTERDAY' ? his : his + today;
  const at = price ?? firstPrice(state);
  return at > 0 ? mostLots(instrument, direction, at, state.account.available) : null;
}

function estimates(orders, instrument, state) {
  if (!instrument.fee_open || orders.length === 0) return [];
  const book = state.books[state.selected];
  const shared = {
    instrument: { ...instrument, last_price: state.ticks[state.selected]?.price ?? instrument.last_price },
    instruments: state.instruments, account: state.account, positions: state.positions ?? [], book: book?.stale ? null : book,
    riskLimit: state.venue.riskLimit,
  };
  return orders.map((order) => {
    const price = order.price ?? order.stop_price ?? null;
    const waiting = order.stop_kind && price !== null;
    const asked = waiting ? { ...order, order_type: 'LIMIT', price } : order;
    if (asked.order_type === 'LIMIT' && !(asked.price > 0)) return null;
    return estimate({ ...shared, order: asked, book: waiting ? null : shared.book });
  });
}

function showSums(orders, instrument, state) {
  const found = estimates(orders, instrument, state);
  const known = found.length > 0 && !found.includes(null);
  const sum = (name) => (known ? found.reduce((total, one) => total + one[name], 0) : null);
  const margin = sum('margin');
  const before = state.account?.available ?? null;
  const after = known && before !== null ? before + found.reduce((total, one) => total + one.available - before, 0) : null;
  setText(byId('ticket-value'), format.money(sum('value')));
  setText(byId('ticket-margin-label'), t(margin < 0 ? 'ticket.margin_released' : 'ticket.margin'));
  setText(byId('ticket-margin'), format.money(margin === null ? null : Math.abs(margin)));
  setText(byId('ticket-commission'), format.money(sum('commission')));
  setText(byId('ticket-after'), format.money(after));
  byId('ticket-after').dataset.level = after !== null && after < 0 ? 'short' : '';
  setText(byId('ticket-liquidation'), liquidationText(known && found.length === 1 ? found[0].liquidation : null, instrument));
}

function liquidationText(price, { tick, limit_up: high, limit_down: low }) {
  if (price === null) return format.NONE;
  const outside = (high !== null && price > high) || (low !== null && price < low);
  return outside ? t('ticket.beyond_limits', { price: format.price(price, tick) }) : format.price(price, tick);
}

function showSubmit(orders, order, state) {
  const button = byId('ticket-submit');
  const isVisitor = state.session.phase === 'anonymous';
  button.disabled = !isVisitor && !canSend(state);
  button.classList.toggle('visitor', isVisitor);
  setText(button, submitText(orders, order, state, isVisitor));
}

function submitText(orders, order, state, isVisitor) {
  if (isVisitor) return t(state.venue.demo ? 'demo.start' : 'ticket.sign_in');
  if (!isLive(state)) return t('ticket.offline');
  if (state.ticket.phase === 'sending') return t('ticket.sending');
  const { tick } = instrumentOf(state, state.selected);
  const price = order.price === null ? '…' : format.price(order.price, tick);
  const words = orders.length > 1 ? splitWords(order, orders, price) : orderWords({ ...(orders[0] ?? order), price });
  const condition = conditionText(order, state);
  return condition ? t('ticket.when', { condition, words }) : words;
}

function splitWords({ direction, volume, instrument_id: instrument, order_type: type }, orders, price) {
  const [closing, opening] = orders.map((one) => format.lots(one.volume));
  const at = type === 'MARKET' ? t('ticket.at_market') : t('ticket.at', { price });
  return t('ticket.split', { direction: t(`direction.${direction}`), volume: format.lots(volume), instrument, at, closing, opening });
}

const ANSWERS = {
  idle: () => '',
  sending: () => '',
  answered: ({ results }) => results.map(resultWords).join('\n'),
  uncertain: () => t('ticket.uncertain'),
  missing: ({ results }) => [...results.filter(Boolean).map(resultWords), t('ticket.missing')].join('\n'),
};

function resultWords({ success, order_id: orderId, code, message }) {
  if (success) return t('ticket.accepted', { order_id: orderId });
  const words = t('ticket.refused', { reason: reason(code, message) });
  return message?.includes(' ') ? `${words}\n${message}` : words;
}

function showAnswer(ticket) {
  const answer = byId('ticket-answer');
  const refused = ticket.phase === 'answered' && ticket.results.some((one) => !one.success);
  answer.dataset.phase = refused ? 'refused' : ticket.phase === 'answered' ? 'accepted' : ticket.phase;
  setText(answer, ANSWERS[ticket.phase](ticket));
  byId('ticket-uncertain').hidden = ticket.phase !== 'missing';
}
