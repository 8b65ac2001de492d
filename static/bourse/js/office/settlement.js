// The page of a settlement: asks until the settlement is over, and shows what has become of it, as
// templates/admin/desk/market/settlement.html has it at first.
import { byId, el } from '../ui/dom.js';
import { panel } from './figures.js';

const SECONDS = 1;

/** Look and text of a step; text and address of a note.
 * @typedef {{ running: boolean, steps: [string, string][], notes: [string, string][],
 *   tables: import('./figures.js').Table[] }} Told */

const settlement = byId('settlement');
const lost = byId('settlement-lost');

/** @param {[string, string]} step */
function step([state, text]) {
  const line = el('li', { className: state }, text);
  if (state === 'now') line.ariaCurrent = 'step';
  return line;
}

/** @param {[string, string]} note */
function note([text, url]) {
  return el('p', {}, url ? el('a', { href: url }, text) : text);
}

/** @param {Told} told */
function show({ running, steps, notes, tables }) {
  byId('settlement-running').hidden = !running;
  byId('settlement-steps').replaceChildren(...steps.map(step));
  byId('settlement-result').replaceChildren(...notes.map(note), ...tables.map(panel));
}

/** Whether it is still under way. */
async function look() {
  const response = await fetch('?json=1', { headers: { Accept: 'application/json' } });
  if (!response.ok || response.redirected) throw new Error(String(response.status));
  /** @type {Told} */
  const told = await response.json();
  show(told);
  return told.running;
}

async function keepUp() {
  let running = true;
  try {
    running = await look();
    lost.hidden = true;
  } catch {
    lost.textContent = settlement.dataset.lost ?? '';
    lost.hidden = false;
  }
  if (running) setTimeout(keepUp, SECONDS * 1000);
}

keepUp();
