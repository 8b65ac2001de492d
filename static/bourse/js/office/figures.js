// The figures of the home page, as templates/admin/office/figures.html has them at first.
import { el } from '../ui/dom.js';

/** Text, look and address of a cell; of a card its name, its text and its look.
 * @typedef {[string, string, string]} Cell
 * @typedef {{ title: string, heads: Cell[], rows: Cell[][], empty: string }} Table
 * @typedef {{ alarms: string[], cards: Cell[], tables: Table[] }} Figures */

/** @param {Figures} figures */
export function shown({ alarms, cards, tables }) {
  return [
    ...alarms.map((text) => el('p', { className: 'alarm' }, text)),
    el('div', { className: 'cards' }, ...cards.map(card)),
    el('div', { className: 'panels' }, ...tables.map(panel)),
  ];
}

/** @param {Cell} card */
function card([name, text, look]) {
  return el('div', { className: `card ${look}` }, el('span', {}, name), el('strong', {}, text));
}

/** A table with its title. @param {Table} table */
export function panel({ title, heads, rows, empty }) {
  const nothing = el('tr', {}, el('td', { colSpan: heads.length }, empty));
  const lines = rows.map((row) => el('tr', {}, ...row.map(cell)));
  return el(
    'section',
    { className: 'card wide' },
    el('h2', {}, title),
    el(
      'table',
      {},
      el('thead', {}, el('tr', {}, ...heads.map(([text, look]) => el('th', { className: look }, text)))),
      el('tbody', {}, ...(lines.length ? lines : [nothing])),
    ),
  );
}

/** @param {Cell} cell */
function cell([text, look, url]) {
  return el('td', { className: look }, url ? el('a', { href: url }, text) : text);
}
