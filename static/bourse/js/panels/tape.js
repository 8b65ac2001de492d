/** The trades of the market in the contract on view, as they were seen since the page came up. */
import { byId, instrumentOf, setText } from '../dom.js';
import * as format from '../format.js';
import { onLanguage, t } from '../i18n.js';
import { createTable } from '../table.js';
import { draw } from './draw.js';

export function mountTape(store) {
  const tick = () => instrumentOf(store.state, store.state.selected)?.tick ?? 1;
  const table = createTable(byId('tape-table'), {
    keyOf: (one) => one.row,
    columns: [
      { label: 'book.price', fill: (cell, one) => showPrice(cell, one, tick()) },
      { label: 'book.lots', className: 'number', text: (one) => format.lots(one.volume) },
      { label: 'orders.time', className: 'number faint', text: (one) => format.time(one.timestamp) },
    ],
  });
  onLanguage(table.relabel);
  draw(store, ['selected', 'tape'], (state) => {
    const trades = state.tape[state.selected] ?? [];
    table.render(trades.map((one, row) => ({ ...one, row })), t('tape.none'));
  });
}

function showPrice(cell, one, tick) {
  cell.dataset.move = one.move;
  setText(cell, format.price(one.price, tick));
}
