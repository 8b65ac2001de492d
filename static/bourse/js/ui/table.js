/** A table whose rows keep their elements (and so focus and scroll) while their contents change. Knows no trading. */
import { el, setText } from './dom.js';
import { t } from './i18n.js';

/**
 * `columns`: [{label, className?, text(item)?, fill(cell, item)?}]; `keyOf(item)` names a row.
 * Returns {render(items, emptyText), relabel()}.
 */
export function createTable(table, { columns, keyOf }) {
  const heads = columns.map((column) => el('th', { scope: 'col', className: column.className ?? '' }));
  const body = el('tbody');
  table.replaceChildren(el('thead', {}, el('tr', {}, ...heads)), body);
  const rows = new Map();
  const none = el('td', { colSpan: columns.length, className: 'none' });
  const noneRow = el('tr', {}, none);

  function render(items, emptyText) {
    const keys = new Set(items.map(keyOf));
    rows.forEach((row, key) => keys.has(key) || drop(key, row));
    items.forEach((item, index) => place(rowOf(item), index));
    setText(none, emptyText);
    noneRow.remove();
    if (items.length === 0) body.append(noneRow);
  }

  function drop(key, row) {
    row.remove();
    rows.delete(key);
  }

  function rowOf(item) {
    const key = keyOf(item);
    if (!rows.has(key)) rows.set(key, newRow(key));
    const row = rows.get(key);
    columns.forEach((column, index) => fillCell(row.cells[index], column, item));
    return row;
  }

  function newRow(key) {
    return el('tr', { data: { key } }, ...columns.map((column) => el('td', { className: column.className ?? '' })));
  }

  function fillCell(cell, column, item) {
    if (cell.dataset.label !== column.words) cell.dataset.label = column.words;
    if (column.text) setText(cell, column.text(item));
    else column.fill(cell, item);
  }

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
