/** The working orders, as the exchange last described them: each can be amended in its row, and cancelled. */
import { decimalsOf } from '../../base/tick.js';
import { emptyWords } from '../shared/cells.js';
import { ask } from '../shared/confirm.js';
import { filledText, newestFirst, orderColumns, orderFileColumns, priceText, showStatus, volumeOf } from '../shared/order_text.js';
import { isLive, tickOf, working } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { onLanguage, t } from '../../ui/i18n.js';
import { parseNumber } from '../../ui/parse.js';
import { createTable } from '../../ui/table.js';

/**
 * Returns {columns, rows()} for files, and cancelAll().
 * @param {Store} store
 * @param {OrderEntry} orderEntry
 */
export function mountOrders(store, orderEntry) {
  /** @type {{ id: string | null }} */
  const editing = { id: null };
  const show = () => render(store.state);
  const columns = columnsFor(store, orderEntry, editing, show);
  const table = createTable(byId('orders-table'), { keyOf: (one) => one.order_id, columns });
  const rows = () => newestFirst(working(store.state.orders));
  /** @param {State} state */
  const render = (state) => {
    const waiting = rows();
    setText(byId('orders-count'), waiting.length ? String(waiting.length) : '');
    byId('cancel-all').disabled = waiting.length === 0 || !isLive(state);
    table.render(waiting, emptyWords(state, 'orders.none'));
  };
  const cancelAll = () => askToCancelAll(rows().length, orderEntry);
  byId('cancel-all').addEventListener('click', cancelAll);
  onLanguage(table.relabel);
  draw(store, ['orders', 'amending', 'cancelling', 'session', 'connection', 'instruments'], render);
  return { columns: [...columns, ...orderFileColumns], rows, cancelAll };
}

/**
 * @param {number} count
 * @param {OrderEntry} orderEntry
 */
async function askToCancelAll(count, orderEntry) {
  if (count === 0) return;
  const yes = t('orders.cancel_all_yes', { count });
  if (await ask({ title: t('orders.cancel_all'), text: t('orders.cancel_all_text', { count }), yes }) === 'yes') orderEntry.cancelAll();
}

/**
 * @param {Store} store
 * @param {OrderEntry} orderEntry
 * @param {{ id: string | null }} editing
 * @param {() => void} show
 * @returns {Column<OwnOrder>[]}
 */
function columnsFor(store, orderEntry, editing, show) {
  const state = () => store.state;
  /** @param {OwnOrder} one */
  const edited = (one) => editing.id === one.order_id;
  /** @param {OwnOrder} one */
  const start = (one) => {
    editing.id = one.order_id;
    show();
    fieldIn(byId('orders-table'), '[data-amend-field="price"]:enabled, [data-amend-field="volume"]')?.select();
  };
  /** @param {OwnOrder} one */
  const stop = (one) => {
    editing.id = null;
    show();
    fieldIn(byId('orders-table'), `[data-amend="${one.order_id}"]`)?.focus();
  };
  /**
   * @param {OwnOrder} one
   * @param {HTMLElement} row
   */
  const save = (one, row) => {
    const wrong = wrongField(row);
    if (wrong) return refuse(wrong, orderEntry);
    const changes = changesOf(one, row);
    stop(one);
    return changes && orderEntry.amend(one.order_id, changes);
  };
  return [
    ...orderColumns(state),
    {
      label: 'orders.price', className: 'number', value: (one) => one.price ?? null,
      fill: (cell, one) => showField(cell, one, 'price', edited(one) && one.order_type === 'LIMIT', priceText(one, state()), priceValue(one, state())),
    },
    {
      label: 'orders.lots', className: 'number', value: volumeOf,
      fill: (cell, one) => showField(cell, one, 'volume', edited(one), format.lots(volumeOf(one)), String(volumeOf(one))),
    },
    { label: 'orders.filled', className: 'number', text: filledText, value: (one) => one.filled_volume ?? null },
    { label: 'orders.status', fill: showStatus, value: (one) => one.status },
    { label: '', className: 'action', fill: (cell, one) => showActions(cell, one, { state: state(), edited: edited(one), start, stop, save, orderEntry }) },
  ];
}

/**
 * @param {Element} root
 * @param {string} selector
 * @returns {HTMLInputElement | null}
 */
const fieldIn = (root, selector) => root.querySelector(selector);

/**
 * @param {OwnOrder} one
 * @param {State} state
 */
const priceValue = (one, state) => (one.price ? one.price.toFixed(decimalsOf(tickOf(state, one.instrument_id))) : '');

/**
 * Text, or while the order is being amended a field with it; what is typed there is left alone.
 * @param {HTMLElement} cell
 * @param {OwnOrder} one
 * @param {'price' | 'volume'} name
 * @param {boolean} isEdited
 * @param {string} text
 * @param {string} value
 */
function showField(cell, one, name, isEdited, text, value) {
  const input = cell.querySelector('input');
  if (isEdited && input) return;
  if (!isEdited) {
    input?.remove();
    setText(cell, text);
    return;
  }
  const field = el('input', { className: 'amend-field', value, inputMode: 'decimal', data: { amendField: name } });
  field.setAttribute('aria-label', t(`orders.amend_${name}`, { order_id: one.order_id }));
  cell.replaceChildren(field);
}

/**
 * The first field of an order under amendment in which no number stands, or no whole one where lots are meant.
 * @param {HTMLElement} row
 */
function wrongField(row) {
  /** @type {NodeListOf<HTMLInputElement>} */
  const fields = row.querySelectorAll('[data-amend-field]');
  return [...fields].find((field) => {
    const number = parseNumber(field.value);
    return number === null || (field.dataset.amendField === 'volume' && !Number.isInteger(number));
  }) ?? null;
}

/**
 * @param {HTMLInputElement} field
 * @param {OrderEntry} orderEntry
 */
function refuse(field, orderEntry) {
  field.setAttribute('aria-invalid', 'true');
  field.select();
  orderEntry.notice('not-amended', { sentence: field.dataset.amendField === 'volume' ? 'ticket.bad_volume' : 'ticket.bad_number' });
}

/**
 * @param {OwnOrder} one
 * @param {HTMLElement} row
 */
function changesOf(one, row) {
  /** @type {Record<string, number>} */
  const changes = {};
  for (const [name, before] of Object.entries({ price: one.price, volume: volumeOf(one) })) {
    const number = parseNumber(fieldIn(row, `[data-amend-field="${name}"]`)?.value ?? '');
    if (number !== null && number !== before) changes[name] = number;
  }
  return Object.keys(changes).length > 0 ? changes : null;
}

/**
 * @param {HTMLElement} cell
 * @param {OwnOrder} one
 * @param {{ state: State, edited: boolean, start: (one: OwnOrder) => void, stop: (one: OwnOrder) => void, save: (one: OwnOrder, row: HTMLElement) => void, orderEntry: OrderEntry }} parts
 */
function showActions(cell, one, { state, edited, start, stop, save, orderEntry }) {
  if (!cell.firstElementChild) cell.append(...[0, 1].map(() => el('button', { type: 'button', className: 'small-button' })));
  const [amend, cancel] = /** @type {HTMLCollectionOf<HTMLButtonElement>} */ (cell.children);
  const isCancelling = state.cancelling.has(one.order_id);
  const isAmending = state.amending.has(one.order_id);
  const known = Boolean(one.instrument_id && one.order_type);
  amend.dataset.amend = cancel.dataset.cancel = one.order_id;
  amend.disabled = isAmending || isCancelling || !known || !isLive(state);
  cancel.disabled = (!edited && (isCancelling || !isLive(state)));
  setText(amend, t(isAmending ? 'orders.amending' : edited ? 'orders.save' : 'orders.amend'));
  setText(cancel, t(edited ? 'orders.discard' : isCancelling ? 'orders.cancelling' : 'orders.cancel'));
  amend.setAttribute('aria-label', t(edited ? 'orders.save_label' : 'orders.amend_label', { order_id: one.order_id }));
  cancel.setAttribute('aria-label', t(edited ? 'orders.discard_label' : 'orders.cancel_label', { order_id: one.order_id }));
  const row = /** @type {HTMLElement} */ (cell.parentElement);
  amend.onclick = () => (edited ? save(one, row) : start(one));
  cancel.onclick = () => (edited ? stop(one) : orderEntry.cancel(one.order_id));
  row.onkeydown = !edited ? null : (event) => {
    if (!(event.target instanceof HTMLInputElement) || !['Enter', 'Escape'].includes(event.key)) return;
    event.preventDefault();
    if (event.key === 'Enter') save(one, row);
    else stop(one);
  };
}
