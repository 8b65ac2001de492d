/** What the user holds, in the exchange's own numbers. Its buttons prepare a closing order; they never send one. */
import { byId, el, instrumentOf, setText } from '../dom.js';
import * as format from '../format.js';
import { onLanguage, t } from '../i18n.js';
import { createTable } from '../table.js';
import { draw } from './draw.js';
import { emptyWords } from './shared.js';

const CLOSING = { long: 'SELL', short: 'BUY' };

/** `prepare({instrument_id, direction, offset, volume})` fills the ticket. */
export function mountPositions(store, prepare) {
  const table = createTable(byId('positions-table'), {
    keyOf: (one) => one.instrument_id,
    columns: columnsFor(store, prepare),
  });
  onLanguage(table.relabel);
  draw(store, ['positions', 'session'], (state) => {
    const held = (state.positions ?? []).filter((one) => one.volume_long + one.volume_short > 0);
    setText(byId('positions-count'), held.length ? String(held.length) : '');
    table.render(held, emptyWords(state, state.positions ? 'positions.none' : 'private.waiting'));
  });
}

function columnsFor(store, prepare) {
  const price = (one, value) => format.price(value, (instrumentOf(store.state, one.instrument_id)?.tick ?? 1) / 10);
  const openPrice = (one, side) => (one[`volume_${side}`] > 0 ? price(one, one[`open_price_${side}`]) : format.NONE);
  return [
    { label: 'orders.instrument', text: (one) => one.instrument_id },
    { label: 'positions.long', className: 'number', fill: (cell, one) => showLots(cell, one, 'long') },
    { label: 'positions.open_price', className: 'number', text: (one) => openPrice(one, 'long') },
    { label: 'positions.short', className: 'number', fill: (cell, one) => showLots(cell, one, 'short') },
    { label: 'positions.open_price', className: 'number', text: (one) => openPrice(one, 'short') },
    { label: 'positions.last', className: 'number', text: (one) => lastPrice(one, store.state) },
    { label: 'positions.profit', className: 'number', fill: (cell, one) => showProfit(cell, one.position_profit) },
    { label: 'positions.float', className: 'number float', fill: (cell, one) => showProfit(cell, one.float_profit) },
    { label: 'positions.margin', className: 'number', text: (one) => format.money(one.margin) },
    { label: '', className: 'action', fill: (cell, one) => showClose(cell, one, prepare) },
  ];
}

const lastPrice = (one, state) => format.price(one.last_price, instrumentOf(state, one.instrument_id)?.tick ?? 1);

function showLots(cell, one, side) {
  const lots = one[`volume_${side}`];
  cell.dataset.held = lots > 0 ? side : '';
  cell.title = lots > 0
    ? t('positions.split', { today: format.lots(one[`volume_${side}_today`]), his: format.lots(one[`volume_${side}_his`]) })
    : '';
  setText(cell, lots > 0 ? format.lots(lots) : format.NONE);
}

function showProfit(cell, value) {
  cell.dataset.move = format.moveOf(value);
  setText(cell, format.profit(value));
}

function showClose(cell, one, prepare) {
  if (!cell.firstElementChild) cell.append(...Object.keys(CLOSING).map((side) => closeButton(side)));
  [...cell.children].forEach((button) => {
    const { side } = button.dataset;
    const volume = one[`volume_${side}`];
    button.hidden = !(volume > 0);
    setText(button, t(`positions.close_${side}`));
    button.onclick = () => prepare({ instrument_id: one.instrument_id, direction: CLOSING[side], offset: 'CLOSE', volume });
  });
}

const closeButton = (side) => el('button', { type: 'button', className: 'small-button', data: { side } });
