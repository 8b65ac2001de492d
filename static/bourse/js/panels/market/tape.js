/** The trades of the market in the contract on view: the last ones from the exchange, then each as it happens. */
import { instrumentOf } from '../../state/selectors.js';
import { byId, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { onLanguage, t } from '../../ui/i18n.js';
import { createTable } from '../../ui/table.js';

/** @type {Record<string, string>} */
const COLOURS = { BUY: 'up', SELL: 'down' };

/** @param {Store} store */
export function mountTape(store) {
  const tick = () => instrumentOf(store.state, store.state.selected)?.tick ?? 1;
  const table = createTable(byId('tape-table'), {
    keyOf: (one) => one.key,
    columns: [
      { label: 'book.price', fill: (cell, one) => showPrice(cell, one, tick()) },
      { label: 'book.lots', className: 'number', text: (one) => format.lots(one.volume) },
      { label: 'orders.time', className: 'number faint', text: (one) => format.time(one.timestamp) },
    ],
  });
  onLanguage(table.relabel);
  draw(store, ['tape'], (state) => table.render(state.tape, t('tape.none')));
}

/**
 * In the colour of the side that came to the book: it made the trade.
 * @param {HTMLElement} cell
 * @param {TapeTrade} one
 * @param {number} tick
 */
function showPrice(cell, one, tick) {
  const move = COLOURS[one.direction ?? ''] ?? 'flat';
  if (cell.dataset.move !== move) cell.dataset.move = move;
  if (one.direction) cell.title = t(`tape.taker.${one.direction}`);
  setText(cell, format.price(one.price, tick));
}
