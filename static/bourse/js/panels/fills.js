/** The user's own fills, as the exchange reported them to this tab. */
import { byId, instrumentOf, setText } from '../dom.js';
import * as format from '../format.js';
import { onLanguage, t } from '../i18n.js';
import { createTable } from '../table.js';
import { draw } from './draw.js';
import { emptyWords, showSide } from './shared.js';

export function mountFills(store) {
  const tick = (one) => instrumentOf(store.state, one.instrument_id)?.tick ?? 1;
  const table = createTable(byId('fills-table'), {
    keyOf: (one) => `${one.trade_id} ${one.order_id}`,
    columns: [
      { label: 'orders.time', className: 'faint', text: (one) => format.time(one.timestamp) },
      { label: 'orders.instrument', text: (one) => one.instrument_id },
      { label: 'orders.side', fill: (cell, one) => showSide(cell, one.direction) },
      { label: 'orders.offset', text: (one) => t(`offset.${one.offset}.long`) },
      { label: 'orders.price', className: 'number', text: (one) => format.price(one.price, tick(one)) },
      { label: 'fills.lots', className: 'number', text: (one) => format.lots(one.volume) },
      { label: 'fills.trade', className: 'number faint id', text: (one) => one.trade_id },
    ],
  });
  onLanguage(table.relabel);
  draw(store, ['fills', 'session'], (state) => {
    setText(byId('fills-count'), state.fills.length ? String(state.fills.length) : '');
    table.render(state.fills, emptyWords(state, 'fills.none'));
  });
}
