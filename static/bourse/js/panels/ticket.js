/** The order ticket. Checks only what would not even make a message; everything else is the exchange's to judge. */
import { byId, instrumentOf, isLive, setText } from '../dom.js';
import { stepPrice, touch } from '../depth.js';
import * as format from '../format.js';
import { reason, t } from '../i18n.js';
import { draw } from './draw.js';

/** Returns {setPrice(price), prepare(order)} for the panels that fill the ticket. */
export function mountTicket(store, client, askToSignIn) {
  const form = byId('ticket-form');
  const show = () => render(form, store.state);
  const ticket = {
    setPrice: (price) => setPrice(form, store.state, price, show),
    prepare: (order) => prepare(form, store, client, order, show),
  };
  form.addEventListener('input', () => edited(form, show));
  form.price.addEventListener('change', () => tidyPrice(form, store.state));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit(form, store, client, askToSignIn);
  });
  mountSteppers(form, store, show);
  byId('ticket-resend').addEventListener('click', () => client.resend());
  byId('ticket-forget').addEventListener('click', () => client.forgetUncertain());
  form.hidden = store.state.selected === null;
  mountInstrument(form, store);
  draw(store, ['ticket', 'session', 'connection', 'account', 'selected'], show);
  return ticket;
}

function edited(form, show) {
  form.price.removeAttribute('aria-invalid');
  form.volume.removeAttribute('aria-invalid');
  show();
}

/** Another contract means another price: an old one must not be sent by mistake. */
function mountInstrument(form, store) {
  let shown = store.state.selected;
  store.watch(['selected'], (state) => {
    if (state.selected === shown) return;
    shown = state.selected;
    form.price.value = '';
  });
}

// --- filling in

function setPrice(form, state, price, show) {
  form.order_type.value = 'LIMIT';
  form.price.value = format.price(price, instrumentOf(state, state.selected).tick);
  form.price.removeAttribute('aria-invalid');
  show();
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
  form.volume.value = String(volume);
  show();
  byId('ticket').scrollIntoView({ block: 'nearest' });
  form.price.focus({ preventScroll: true });
}

function mountSteppers(form, store, show) {
  const steps = { 'price-up': [stepPriceField, 1], 'price-down': [stepPriceField, -1], 'volume-up': [stepVolume, 1], 'volume-down': [stepVolume, -1] };
  Object.entries(steps).forEach(([id, [step, by]]) => {
    byId(id).addEventListener('click', () => {
      step(form, store.state, by);
      edited(form, show);
    });
  });
  const arrows = { ArrowUp: 1, ArrowDown: -1 };
  [[form.price, stepPriceField], [form.volume, stepVolume]].forEach(([input, step]) => {
    input.addEventListener('keydown', (event) => {
      if (!arrows[event.key]) return;
      event.preventDefault();
      step(form, store.state, arrows[event.key]);
      edited(form, show);
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

// --- sending

function submit(form, store, client, askToSignIn) {
  const { state } = store;
  if (state.session.phase === 'anonymous') return askToSignIn();
  if (!canSend(state)) return undefined;
  const order = readOrder(form, state);
  const problem = problemOf(order);
  if (!problem) return client.submit(order);
  setText(byId('ticket-answer'), t(`ticket.bad_${problem}`));
  byId('ticket-answer').dataset.phase = 'refused';
  form[problem].setAttribute('aria-invalid', 'true');
  return form[problem].focus();
}

const canSend = (state) =>
  isLive(state) && state.session.phase === 'signed-in' && !['sending', 'uncertain'].includes(state.ticket.phase);

function readOrder(form, state) {
  return {
    instrument_id: state.selected,
    direction: form.direction.value,
    offset: form.offset.value,
    order_type: form.order_type.value,
    time_condition: form.time_condition.value,
    price: form.order_type.value === 'LIMIT' ? numberIn(form.price) : null,
    volume: numberIn(form.volume),
  };
}

/** The field that cannot be read as a number, if any. */
function problemOf(order) {
  if (order.order_type === 'LIMIT' && order.price === null) return 'price';
  return Number.isInteger(order.volume) && order.volume > 0 ? null : 'volume';
}

// --- showing

function render(form, state) {
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const order = readOrder(form, state);
  const isMarket = order.order_type === 'MARKET';
  form.dataset.direction = order.direction;
  form.price.disabled = isMarket;
  byId('price-up').disabled = byId('price-down').disabled = isMarket;
  byId('ticket-time').disabled = isMarket;
  setText(byId('ticket-instrument'), `${instrument.instrument_id} · ${instrument.name}`);
  setText(byId('price-hint'), hint(instrument, isMarket));
  showSums(state, instrument, order);
  showSubmit(state, order);
  showAnswer(state.ticket);
  byId('ticket-resend').disabled = !isLive(state);
}

function hint(instrument, isMarket) {
  if (isMarket) return t('ticket.price_market');
  const { limit_down, limit_up, tick } = instrument;
  const price = (value) => format.price(value, tick);
  if (limit_down === null && limit_up === null) return t('ticket.price_hint_unlimited', { tick: price(tick) });
  return t('ticket.price_hint', { low: price(limit_down), high: price(limit_up), tick: price(tick) });
}

function showSums(state, { multiplier }, { price, volume }) {
  const value = price !== null && volume !== null ? price * volume * multiplier : null;
  setText(byId('ticket-value'), format.money(value));
  setText(byId('ticket-available'), format.money(state.account?.available));
}

function showSubmit(state, order) {
  const button = byId('ticket-submit');
  const isVisitor = state.session.phase === 'anonymous';
  button.disabled = !isVisitor && !canSend(state);
  button.classList.toggle('visitor', isVisitor);
  setText(button, submitText(state, order, isVisitor));
}

function submitText(state, order, isVisitor) {
  if (isVisitor) return t('ticket.sign_in');
  if (!isLive(state)) return t('ticket.offline');
  if (state.ticket.phase === 'sending') return t('ticket.sending');
  return t('ticket.submit', {
    direction: t(`direction.${order.direction}`),
    volume: format.lots(order.volume),
    instrument: order.instrument_id,
    offset: t(`offset.${order.offset}.long`),
  });
}

const ANSWERS = {
  idle: () => '',
  sending: () => '',
  accepted: ({ orderId }) => t('ticket.accepted', { order_id: orderId }),
  refused: ({ code, message }) => t('ticket.refused', { reason: reason(code, message) }),
  uncertain: () => t('ticket.uncertain'),
};

function showAnswer(ticket) {
  const answer = byId('ticket-answer');
  answer.dataset.phase = ticket.phase;
  setText(answer, ANSWERS[ticket.phase](ticket));
  byId('ticket-uncertain').hidden = ticket.phase !== 'uncertain';
}
