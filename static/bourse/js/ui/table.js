/** A table whose rows keep their elements (and so focus and scroll) while their contents change. Knows no trading. */
import { el, setText } from './dom.js';
import { t } from './i18n.js';

/**
 * A table with its head; `keyOf` names a row.
 * @template Item
 * @param {HTMLTableElement} table
 * @param {{ columns: Column<Item>[], keyOf: (item: Item) => string }} parts
 */
export function createTable(table, { columns, keyOf }) {
  const heads = columns.map((column) => el('th', { scope: 'col', className: column.className ?? '' }));
  const body = el('tbody');
  table.replaceChildren(el('thead', {}, el('tr', {}, ...heads)), body);
  /** @type {Map<string, HTMLTableRowElement>} */
  const rows = new Map();
  const none = el('td', { colSpan: columns.length, className: 'none' });
  const noneRow = el('tr', {}, none);

  /**
   * @param {Item[]} items
   * @param {string} emptyText
   */
  function render(items, emptyText) {
    const keys = new Set(items.map(keyOf));
    rows.forEach((row, key) => keys.has(key) || drop(key, row));
    items.forEach((item, index) => place(rowOf(item), index));
    setText(none, emptyText);
    noneRow.remove();
    if (items.length === 0) body.append(noneRow);
  }

  /**
   * @param {string} key
   * @param {HTMLTableRowElement} row
   */
  function drop(key, row) {
    row.remove();
    rows.delete(key);
  }

  /** @param {Item} item */
  function rowOf(item) {
    const key = keyOf(item);
    const row = rows.get(key) ?? newRow(key);
    rows.set(key, row);
    columns.forEach((column, index) => fillCell(row.cells[index], column, item));
    return row;
  }

  /** @param {string} key */
  function newRow(key) {
    return el('tr', { data: { key } }, ...columns.map((column) => el('td', { className: column.className ?? '' })));
  }

  /**
   * @param {HTMLTableCellElement} cell
   * @param {Column<Item>} column
   * @param {Item} item
   */
  function fillCell(cell, column, item) {
    if (cell.dataset.label !== column.words) cell.dataset.label = column.words ?? '';
    if (column.text) setText(cell, column.text(item));
    else column.fill?.(cell, item);
  }

  /**
   * @param {HTMLTableRowElement} row
   * @param {number} index
   */
  function place(row, index) {
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  }

  function relabel() {
    columns.forEach((column, index) => {
      column.words = column.label ? t(column.label) : '';
      setText(heads[index], column.words);
    });
  }

  relabel();
  return { render, relabel };
}
