/**
 * The order ticket. Says on its button what will happen and beside it what it would cost; checks only what would not even
 * make a message, everything else is the exchange's to judge.
 */
import { stepPrice } from '../../base/tick.js';
import { tickOf } from '../../state/selectors.js';
import { byId } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { numberIn, plan, problemOf, readOrder } from './ticket_form.js';
import { canSend, firstPrice, render } from './ticket_view.js';

/** @type {Record<string, number>} */
const ARROWS = { ArrowUp: 1, ArrowDown: -1 };
const LONG_STEP = 10;
/** @type {StateKey[]} */
const WATCHED = ['ticket', 'session', 'connection', 'account', 'furtherAccounts', 'positions', 'selected', 'books', 'instruments', 'venue', 'ticks'];

/**
 * `begin()` lets a stranger in. Returns {setPrice(price), prepare(order), choose(name, value), focus(name)}.
 * @param {Store} store
 * @param {Client} client
 * @param {() => unknown} begin
 */
export function mountTicket(store, client, begin) {
  const form = byId('ticket-form');
  const show = () => render(form, store.state);
  form.addEventListener('input', ({ target }) => {
    edited(form, show);
    if (target instanceof HTMLInputElement) client.orderEntry.mended(target.name);
  });
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
    setPrice: (/** @type {number} */ price) => setPrice(form, store.state, price, show),
    prepare: (/** @type {OrderOptions} */ order) => prepare(form, client, order, show),
    choose: (/** @type {string} */ name, /** @type {string} */ value) => {
      form[name].value = value;
      edited(form, show);
    },
    focus: (/** @type {string} */ name) => {
      const field = form[name].disabled ? form.volume : form[name];
      field.focus();
      field.select?.();
    },
  };
}

/**
 * @param {HTMLFormElement} form
 * @param {() => void} show
 */
function edited(form, show) {
  form.querySelectorAll('[aria-invalid]').forEach((field) => field.removeAttribute('aria-invalid'));
  show();
}

/**
 * Another contract means another price: an old one must not be sent by mistake.
 * @param {HTMLFormElement} form
 * @param {Store} store
 */
function mountInstrument(form, store) {
  let shown = store.state.selected;
  store.watch(['selected'], (state) => {
    if (state.selected === shown) return;
    shown = state.selected;
    form.price.value = form.stop_price.value = '';
  });
}

// --- filling in

/**
 * @param {HTMLFormElement} form
 * @param {State} state
 * @param {number} price
 * @param {() => void} show
 */
function setPrice(form, state, price, show) {
  form.order_type.value = 'LIMIT';
  form.price.value = format.price(price, tickOf(state, state.selected));
  edited(form, show);
}

/**
 * Writes a typed price the way prices are written, but never moves it onto the tick: that would be another order.
 * @param {HTMLFormElement} form
 * @param {State} state
 */
function tidyPrice(form, state) {
  const typed = numberIn(form.price);
  if (typed === null) return;
  const text = format.price(typed, tickOf(state, state.selected));
  if (Number(text) === typed) form.price.value = text;
}

/**
 * @param {HTMLFormElement} form
 * @param {Client} client
 * @param {OrderOptions} parts
 * @param {() => void} show
 */
function prepare(form, client, { instrument_id, direction, offset, volume }, show) {
  client.select(instrument_id);
  form.direction.value = direction;
  form.offset.value = offset;
  form.order_type.value = 'LIMIT';
  form.volume.value = String(volume);
  show();
  byId('panel-ticket').scrollIntoView({ block: 'nearest' });
  form.price.focus({ preventScroll: true });
}

/**
 * @param {HTMLFormElement} form
 * @param {Store} store
 * @param {() => void} show
 */
function mountSteppers(form, store, show) {
  /**
   * @param {(form: HTMLFormElement, state: State, by: number) => void} change
   * @param {number} by
   */
  const step = (change, by) => {
    change(form, store.state, by);
    edited(form, show);
  };
  /** @type {Record<string, [typeof stepVolume, number]>} */
  const buttons = { 'price-up': [stepPriceField, 1], 'price-down': [stepPriceField, -1], 'volume-up': [stepVolume, 1], 'volume-down': [stepVolume, -1] };
  Object.entries(buttons).forEach(([id, [change, by]]) => byId(id).addEventListener('click', () => step(change, by)));
  [form.price, form.volume].forEach((input) => {
    const change = input === form.price ? stepPriceField : stepVolume;
    input.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      if (!ARROWS[event.key]) return;
      event.preventDefault();
      step(change, ARROWS[event.key] * (event.shiftKey ? LONG_STEP : 1));
    });
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {State} state
 * @param {number} by
 */
function stepPriceField(form, state, by) {
  const tick = tickOf(state, state.selected);
  const typed = numberIn(form.price);
  const next = typed === null ? firstPrice(state) : stepPrice(typed, by, tick);
  if (next !== null && next > 0) form.price.value = format.price(next, tick);
}

/**
 * @param {HTMLFormElement} form
 * @param {State} _state
 * @param {number} by
 */
function stepVolume(form, _state, by) {
  form.volume.value = String(Math.max(1, Math.round((numberIn(form.volume) ?? 0) + by)));
}

// --- sending

/**
 * @param {HTMLFormElement} form
 * @param {Store} store
 * @param {Client} client
 * @param {() => unknown} begin
 */
function submit(form, store, client, begin) {
  const { state } = store;
  if (state.session.phase === 'anonymous') return begin();
  if (!canSend(state)) return undefined;
  const order = readOrder(form, state);
  const problem = problemOf(order, form);
  if (!problem) return client.orderEntry.submit(plan(order, state));
  client.orderEntry.unsent(problem);
  if (byId('ticket-more').contains(form[problem.field])) byId('ticket-more').open = true;
  form[problem.field].setAttribute('aria-invalid', 'true');
  return form[problem.field].focus();
}
