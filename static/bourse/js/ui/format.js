/** Numbers and times as text. One digit grouping for both languages, so that columns look the same; no words. */
import { decimalsOf } from '../base/tick.js';

export const NONE = '–';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 4 });
const cents = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/**
 * @param {number | null | undefined} value
 * @returns {value is number}
 */
const present = (value) => value !== null && value !== undefined && Number.isFinite(value);

/**
 * @param {number | null | undefined} value
 * @param {number} tick
 */
export const price = (value, tick) => (present(value) ? value.toFixed(decimalsOf(tick)) : NONE);
/**
 * An average of prices: written like one where it is one, else a digit finer.
 * @param {number | null | undefined} value
 * @param {number} tick
 */
export const average = (value, tick) => price(value, present(value) && Math.abs(value / tick - Math.round(value / tick)) > 1e-9 ? tick / 10 : tick);
/** @param {number | null | undefined} value */
export const lots = (value) => (present(value) ? whole.format(value) : NONE);
/** @param {number | null | undefined} value */
export const money = (value) => (present(value) ? minus(value, cents.format) : NONE);
/**
 * A share in hundredths, as a sentence has it: 80.
 * @param {number} value
 */
export const hundredths = (value) => whole.format(value * 100);
/** @param {number | null | undefined} value */
export const percent = (value) => (present(value) ? minus(value, (share) => `${cents.format(share * 100)}%`) : NONE);

/** Large sums in few digits: 12.30M. */
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', minimumFractionDigits: 2, maximumFractionDigits: 2 });
/** @param {number | null | undefined} value */
export const short = (value) => (present(value) ? minus(value, compact.format) : NONE);

/**
 * A number that `write` writes, with its sign, so that it is not told by colour alone. What it rounds to nothing has none.
 * @param {number} value
 * @param {(value: number) => string} write
 */
export function signed(value, write) {
  const text = write(Math.abs(value));
  return /[1-9]/.test(text) ? `${value > 0 ? '+' : '−'}${text}` : text;
}

/**
 * The same without the plus.
 * @param {number} value
 * @param {(value: number) => string} write
 */
const minus = (value, write) => (value < 0 ? signed(value, write) : write(value));
/** @param {number | null | undefined} share */
export const change = (share) => (present(share) ? signed(share, percent) : NONE);

/**
 * How far a day has moved, as a share of the settlement price that it began with.
 * @param {Pick<StatisticsData, 'change' | 'settlement_price'> | undefined} day
 */
export const shareOf = (day) => (day && present(day.change) && day.settlement_price > 0 ? day.change / day.settlement_price : null);

/**
 * A profit shows its sign, so that it is not told by colour alone.
 * @param {number | null | undefined} value
 */
export const profit = (value) => (present(value) ? signed(value, money) : NONE);
/** @param {number | null | undefined} value */
export const moveOf = (value) => (present(value) && value > 0 ? 'up' : present(value) && value < 0 ? 'down' : 'flat');

/** @param {number | null | undefined} ms */
export function time(ms) {
  if (!present(ms)) return NONE;
  const moment = new Date(ms);
  return [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(':');
}

/**
 * A length of time of less than a day.
 * @param {number} ms
 */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
}

/** @param {number} part */
const two = (part) => String(part).padStart(2, '0');

/**
 * Month and day; `utc` for trading days, which belong to no time zone of the reader.
 * @param {number} ms
 * @param {boolean} [utc]
 */
export function date(ms, utc = false) {
  const day = new Date(ms);
  const [month, dayOfMonth] = utc ? [day.getUTCMonth(), day.getUTCDate()] : [day.getMonth(), day.getDate()];
  return `${two(month + 1)}-${two(dayOfMonth)}`;
}

/**
 * The day, and within a day the minute.
 * @param {number} ms
 * @param {boolean} daily
 */
export const moment = (ms, daily) => (daily ? `${new Date(ms).getUTCFullYear()}-${date(ms, true)}` : `${date(ms)} ${time(ms).slice(0, 5)}`);
