/** The user's orders as the exchange last described them, with a way to cancel those that still wait. */
import { byId, el, instrumentOf, isLive, setText } from '../dom.js';
import * as format from '../format.js';
import { onLanguage, t } from '../i18n.js';
import { isFinal } from '../protocol.js';
import { working } from '../reduce.js';
import { createTable } from '../table.js';
import { draw } from './draw.js';
import { emptyWords, showSide } from './shared.js';

export function mountOrders(store, client) {
  const only = byId('orders-working');
  const table = createTable(byId('orders-table'), { keyOf: (one) => one.order_id, columns: columnsFor(store, client) });
  const show = (state) => {
    const waiting = working(state.orders);
    const shown = only.checked ? waiting : [...state.orders.values()];
    setText(byId('orders-count'), waiting.length ? String(waiting.length) : '');
    table.render(shown, emptyWords(state, only.checked ? 'orders.none_working' : 'orders.none'));
  };
  only.addEventListener('change', () => show(store.state));
  onLanguage(table.relabel);
  draw(store, ['orders', 'cancelling', 'session', 'connection'], show);
}

function columnsFor(store, client) {
  return [
    { label: 'orders.time', className: 'faint', text: (one) => format.time(one.placed) },
    { label: 'orders.instrument', text: (one) => one.instrument_id ?? format.NONE },
    { label: 'orders.side', fill: (cell, one) => showSide(cell, one.direction) },
    { label: 'orders.offset', text: (one) => (one.offset ? t(`offset.${one.offset}.long`) : format.NONE) },
    { label: 'orders.price', className: 'number', text: (one) => priceText(one, store.state) },
    { label: 'orders.filled', className: 'number', text: filledText },
    { label: 'orders.status', fill: showStatus },
    { label: '', className: 'action', fill: (cell, one) => showCancel(cell, one, store, client) },
  ];
}

function priceText(one, state) {
  if (one.order_type === 'MARKET') return t('orders.market');
  const price = format.price(one.price, instrumentOf(state, one.instrument_id)?.tick ?? 1);
  return one.time_condition === 'GFD' ? price : `${price} ${t(`time.${one.time_condition}`)}`;
}

function filledText(one) {
  const volume = one.volume ?? (one.filled_volume ?? 0) + (one.remaining_volume ?? 0);
  return one.status ? `${format.lots(one.filled_volume)} / ${format.lots(volume)}` : format.NONE;
}

function showStatus(cell, one) {
  cell.dataset.status = one.status ?? 'unknown';
  setText(cell, t(`status.${one.status ?? 'unknown'}`));
}

function showCancel(cell, one, store, client) {
  const button = cell.firstElementChild ?? cell.appendChild(cancelButton(one.order_id, client));
  const asked = store.state.cancelling.has(one.order_id);
  button.hidden = !one.status || isFinal(one.status);
  button.disabled = asked || !isLive(store.state);
  setText(button, t(asked ? 'orders.cancelling' : 'orders.cancel'));
  button.setAttribute('aria-label', t('orders.cancel_label', { order_id: one.order_id }));
}

function cancelButton(orderId, client) {
  const button = el('button', { type: 'button', className: 'small-button', data: { cancel: orderId } });
  button.addEventListener('click', () => client.cancel(orderId));
  return button;
}
