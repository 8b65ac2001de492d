/** What the cells of the private tables have in common. */
import { setText } from '../../ui/dom.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

/**
 * Why a private table is empty: nobody is signed in, nothing is known yet, or there is truly nothing.
 * @param {State} state
 * @param {string} nothing
 */
export function emptyWords(state, nothing) {
  if (state.session.phase === 'signed-in') return t(nothing);
  return t(state.session.phase === 'restoring' ? 'private.waiting' : 'private.signed_out');
}

/**
 * @param {HTMLElement} cell
 * @param {Direction | undefined} direction
 */
export function showSide(cell, direction) {
  cell.dataset.direction = direction ?? '';
  setText(cell, direction ? t(`direction.${direction}`) : format.NONE);
}

/**
 * @param {HTMLElement} cell
 * @param {number | null | undefined} value
 */
export function showProfit(cell, value) {
  cell.dataset.move = format.moveOf(value);
  setText(cell, format.profit(value));
}

const DAY_MS = 86400000;

/**
 * Time of day, and of other days the date too.
 * @param {number | undefined} ms
 */
export function when(ms) {
  if (ms === undefined || !Number.isFinite(ms)) return format.NONE;
  return Date.now() - ms < DAY_MS && new Date().getDate() === new Date(ms).getDate() ? format.time(ms) : `${format.date(ms)} ${format.time(ms)}`;
}

/**
 * A moment as a file has it.
 * @param {number | undefined} ms
 */
export const stamp = (ms) => (ms !== undefined && Number.isFinite(ms) ? new Date(ms).toISOString() : null);

/**
 * YYYYMMDD as people read it.
 * @param {number} day
 */
export const dayText = (day) => String(day).replace(/(\d{4})(\d{2})(\d{2})/, '$1-$2-$3');
