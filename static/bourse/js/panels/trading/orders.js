/** The working orders, as the exchange last described them: each can be amended in its row, and cancelled. */
import { decimalsOf } from '../../base/tick.js';
import { isLive, tickOf, working } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { onLanguage, t } from '../../ui/i18n.js';
import { createTable } from '../../ui/table.js';
import { emptyWords } from '../shared/cells.js';
import { ask } from '../shared/confirm.js';
import { filledText, newestFirst, orderColumns, orderFileColumns, priceText, showStatus, volumeOf } from '../shared/order_text.js';

/** Returns {columns, rows()} for files, and cancelAll(). */
export function mountOrders(store, orderEntry) {
  const editing = { id: null };
  const show = () => render(store.state);
  const columns = columnsFor(store, orderEntry, editing, show);
  const table = createTable(byId('orders-table'), { keyOf: (one) => one.order_id, columns });
  const rows = () => newestFirst(working(store.state.orders));
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

async function askToCancelAll(count, orderEntry) {
  if (count === 0) return;
  const yes = t('orders.cancel_all_yes', { count });
  if (await ask({ title: t('orders.cancel_all'), text: t('orders.cancel_all_text', { count }), yes }) === 'yes') orderEntry.cancelAll();
}

function columnsFor(store, orderEntry, editing, show) {
  const state = () => store.state;
  const edited = (one) => editing.id === one.order_id;
  const start = (one) => {
    editing.id = one.order_id;
    show();
    byId('orders-table').querySelector(`[data-amend-field="price"]:enabled, [data-amend-field="volume"]`)?.select();
  };
  const stop = (one) => {
    editing.id = null;
    show();
    byId('orders-table').querySelector(`[data-amend="${one.order_id}"]`)?.focus();
  };
  const save = (one, row) => {
    const changes = changesOf(one, row);
    stop(one);
    if (changes) orderEntry.amend(one.order_id, changes);
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

const priceValue = (one, state) => (one.price ? one.price.toFixed(decimalsOf(tickOf(state, one.instrument_id))) : '');

/** Text, or while the order is being amended a field with it; what is typed there is left alone. */
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

function changesOf(one, row) {
  const changes = {};
  for (const [name, before] of [['price', one.price], ['volume', volumeOf(one)]]) {
    const text = row.querySelector(`[data-amend-field="${name}"]`)?.value.trim().replace(/,/g, '');
    if (text && Number.isFinite(Number(text)) && Number(text) !== before) changes[name] = Number(text);
  }
  return Object.keys(changes).length > 0 ? changes : null;
}

function showActions(cell, one, { state, edited, start, stop, save, orderEntry }) {
  if (!cell.firstElementChild) cell.append(...[0, 1].map(() => el('button', { type: 'button', className: 'small-button' })));
  const [amend, cancel] = cell.children;
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
  const row = cell.parentElement;
  amend.onclick = () => (edited ? save(one, row) : start(one));
  cancel.onclick = () => (edited ? stop(one) : orderEntry.cancel(one.order_id));
  row.onkeydown = !edited ? null : (event) => {
    if (event.target.tagName !== 'INPUT' || !['Enter', 'Escape'].includes(event.key)) return;
    event.preventDefault();
    if (event.key === 'Enter') save(one, row);
    else stop(one);
  };
}
