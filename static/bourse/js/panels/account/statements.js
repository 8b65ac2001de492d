/** Settled days: from the opening to the closing balance, and what was held then. */
import { dayText, emptyWords, showProfit } from '../shared/cells.js';
import { tickOf } from '../../state/selectors.js';
import { byId } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { onLanguage, t } from '../../ui/i18n.js';
import { createTable } from '../../ui/table.js';

/** @type {('opening' | 'deposits' | 'withdrawals' | 'close_profit' | 'position_profit' | 'commission' | 'closing' | 'margin')[]} */
const SUMS = ['opening', 'deposits', 'withdrawals', 'close_profit', 'position_profit', 'commission', 'closing', 'margin'];
const PROFITS = new Set(['close_profit', 'position_profit']);

/**
 * Returns {columns, rows()} for files.
 * @param {Store} store
 */
export function mountStatements(store) {
  /** @type {Column<Statement>[]} */
  const columns = [
    { label: 'statements.day', text: (one) => dayText(one.day), value: (one) => dayText(one.day) },
    ...SUMS.map((name) => /** @type {Column<Statement>} */ ({
      label: `statements.${name}`, className: `number ${name}`, value: (one) => one[name],
      fill: (cell, one) => showSum(cell, name, one[name]),
    })),
    { label: 'statements.positions', className: 'faint', text: (one) => heldText(one, store.state), value: (one) => heldText(one, store.state) },
  ];
  const table = createTable(byId('statements-table'), { keyOf: (one) => String(one.day), columns });
  onLanguage(table.relabel);
  draw(store, ['statements', 'session'], (state) => {
    table.render(state.statements ?? [], emptyWords(state, state.statements ? 'statements.none' : 'private.waiting'));
  });
  return { columns, rows: () => store.state.statements ?? [] };
}

/**
 * @param {HTMLElement} cell
 * @param {string} name
 * @param {number} amount
 */
function showSum(cell, name, amount) {
  if (PROFITS.has(name)) showProfit(cell, amount);
  else cell.textContent = format.money(amount);
}

/**
 * "IX2301 +3 @ 121.0": lots held at the settlement price, long ones with +, short ones with −.
 * @param {Statement} parts
 * @param {State} state
 */
function heldText({ positions }, state) {
  /** @param {StatementPosition} parts */
  const lots = ({ volume_long: long, volume_short: short }) => [long && `+${format.lots(long)}`, short && `−${format.lots(short)}`].filter(Boolean).join(' ');
  const held = positions.map((one) => `${one.instrument_id} ${lots(one)} @ ${format.price(one.price, tickOf(state, one.instrument_id))}`);
  return held.join(', ') || t('statements.flat');
}
