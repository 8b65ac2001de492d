/** The user's own fills: what each traded at, cost and brought; older ones page by page. */
import { emptyWords, showProfit, showSide, stamp, when } from '../shared/cells.js';
import { isLive, tickOf } from '../../state/selectors.js';
import { byId } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { onLanguage, t } from '../../ui/i18n.js';
import { createTable } from '../../ui/table.js';

/** @param {OwnFill} one */
const roleOf = (one) => (one.broken ? 'broken' : one.is_maker === undefined ? null : one.is_maker ? 'maker' : 'taker');

/**
 * Returns {columns, rows()} for files.
 * @param {Store} store
 * @param {OrderEntry} orderEntry
 */
export function mountFills(store, orderEntry) {
  /** @type {Column<OwnFill>[]} */
  const columns = [
    { label: 'orders.time', className: 'faint', text: (one) => when(one.timestamp), value: (one) => stamp(one.timestamp) },
    { label: 'orders.instrument', text: (one) => one.instrument_id, value: (one) => one.instrument_id },
    { label: 'orders.side', fill: (cell, one) => showSide(cell, one.direction), value: (one) => one.direction },
    { label: 'orders.offset', text: (one) => t(`offset.${one.offset}.long`), value: (one) => one.offset },
    { label: 'orders.price', className: 'number', text: (one) => format.price(one.price, tickOf(store.state, one.instrument_id)), value: (one) => one.price },
    { label: 'orders.lots', className: 'number', text: (one) => format.lots(one.volume), value: (one) => one.volume },
    { label: 'fills.commission', className: 'number', text: (one) => format.money(one.commission), value: (one) => one.commission },
    { label: 'fills.profit', className: 'number', fill: (cell, one) => showProfit(cell, one.offset === 'OPEN' ? null : one.close_profit), value: (one) => one.close_profit },
    { label: 'fills.role', className: 'faint', text: (one) => (roleOf(one) ? t(`fills.${roleOf(one)}`) : format.NONE), value: roleOf },
    { label: 'fills.trade', className: 'faint id', text: (one) => one.trade_id, value: (one) => one.trade_id },
  ];
  const table = createTable(byId('fills-table'), { keyOf: (one) => `${one.trade_id} ${one.order_id}`, columns });
  byId('fills-more').addEventListener('click', () => orderEntry.olderFills());
  onLanguage(table.relabel);
  draw(store, ['fills', 'fillsNext', 'session', 'connection'], (state) => {
    byId('fills-more').hidden = state.fillsNext === null;
    byId('fills-more').disabled = !isLive(state);
    table.render(state.fills, emptyWords(state, 'fills.none'));
  });
  return { columns: [...columns, { label: 'orders.id', value: (/** @type {OwnFill} */ one) => one.order_id }], rows: () => store.state.fills };
}
