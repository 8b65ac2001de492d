/** Orders that are finished: how they ended and why, and older ones page by page. */
import { isFinal } from '../../line/protocol.js';
import { emptyWords } from '../shared/cells.js';
import { filledText, newestFirst, orderColumns, orderFileColumns, priceText, showStatus, volumeOf } from '../shared/order_text.js';
import { isLive } from '../../state/selectors.js';
import { byId } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import { onLanguage } from '../../ui/i18n.js';
import { createTable } from '../../ui/table.js';

/**
 * Returns {columns, rows()} for files.
 * @param {Store} store
 * @param {OrderEntry} orderEntry
 */
export function mountHistory(store, orderEntry) {
  const state = () => store.state;
  /** @type {Column<OwnOrder>[]} */
  const columns = [
    ...orderColumns(state),
    { label: 'orders.price', className: 'number', text: (one) => priceText(one, state()), value: (one) => one.price ?? null },
    { label: 'orders.lots', value: volumeOf },
    { label: 'orders.filled', className: 'number', text: filledText, value: (one) => one.filled_volume ?? null },
    { label: 'orders.status', fill: showStatus, value: (one) => one.status },
    { label: 'orders.reason', value: (one) => one.reason },
  ];
  const table = createTable(byId('history-table'), {
    keyOf: (one) => one.order_id, columns: columns.filter((one) => one.text ?? one.fill),
  });
  const rows = () => newestFirst([...store.state.orders.values()].filter((one) => isFinal(one.status)));
  byId('history-more').addEventListener('click', () => orderEntry.olderOrders());
  onLanguage(table.relabel);
  draw(store, ['orders', 'ordersNext', 'session', 'connection'], (now) => {
    byId('history-more').hidden = now.ordersNext === null;
    byId('history-more').disabled = !isLive(now);
    table.render(rows(), emptyWords(now, 'history.none'));
  });
  return { columns: [...columns, ...orderFileColumns], rows };
}
