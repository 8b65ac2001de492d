/** Numbers and times as text. One digit grouping for both languages, so that columns look the same; no words. */
import { decimalsOf } from './depth.js';

export const NONE = '–';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 4 });
const cents = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const present = (value) => value !== null && value !== undefined && Number.isFinite(value);

export const price = (value, tick) => (present(value) ? value.toFixed(decimalsOf(tick)) : NONE);
export const lots = (value) => (present(value) ? whole.format(value) : NONE);
export const money = (value) => (present(value) ? cents.format(value).replace('-', '−') : NONE);
export const percent = (value) => (present(value) ? `${cents.format(value * 100)}%` : NONE);

/** A profit shows its sign, so that it is not told by colour alone. */
export const profit = (value) => (present(value) && value > 0 ? `+${money(value)}` : money(value));
export const moveOf = (value) => (value > 0 ? 'up' : value < 0 ? 'down' : 'flat');

export function time(ms) {
  if (!present(ms)) return NONE;
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
