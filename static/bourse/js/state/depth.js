/** Arithmetic of one order book. Pure; draws nothing. */
import { decimalsOf } from '../base/tick.js';

/** Steps, in ticks, by which a ladder can gather its prices. */
export const GROUPS = [1, 2, 5, 10, 20, 50, 100];

/**
 * The levels of a side, best first, each with the running total from the touch.
 * @param {BookLevel[]} levels
 */
export function cumulate(levels) {
  let total = 0;
  return levels.map((level) => {
    total += level.volume;
    return { ...level, total };
  });
}

/**
 * Levels gathered into steps of `ticks` ticks. A step is named by its end that is farther from the touch, so that nobody
 * sees a better price than there is. At most `most` of them.
 * @param {BookLevel[]} levels
 * @param {BookSideName} side
 * @param {number} tick
 * @param {number} ticks
 * @param {number} most
 */
export function gather(levels, side, tick, ticks, most) {
  if (ticks === 1) return levels.slice(0, most);
  /** @type {BookLevel[]} */
  const found = [];
  for (const level of levels) {
    const price = stepOf(level.price, side, tick, ticks);
    const last = found.at(-1);
    if (last?.price === price) found[found.length - 1] = joined(last, level);
    else if (found.length === most) break;
    else found.push({ ...level, price });
  }
  return found;
}

/**
 * @param {BookLevel} step
 * @param {BookLevel} parts
 */
const joined = (step, { volume, order_count: count }) => (
  { ...step, volume: step.volume + volume, order_count: step.order_count + count }
);

/**
 * The step of `ticks` ticks that a price of a side belongs to.
 * @param {number} price
 * @param {BookSideName} side
 * @param {number} tick
 * @param {number} ticks
 */
export function stepOf(price, side, tick, ticks) {
  const whole = Math.round(price / tick);
  const round = side === 'bid' ? Math.floor : Math.ceil;
  return Number((round(whole / ticks) * ticks * tick).toFixed(decimalsOf(tick)));
}

/**
 * One side of a book after the changes of an `orderbook_delta`; `levels` are best first, and so is the result.
 * @param {BookLevel[]} levels
 * @param {BookLevel[]} changes
 * @param {BookSideName} side
 */
export function applied(levels, changes, side) {
  if (changes.length === 0) return levels;
  const byPrice = new Map(levels.map((level) => [level.price, level]));
  for (const change of changes) {
    if (change.volume === 0) byPrice.delete(change.price);
    else byPrice.set(change.price, change);
  }
  const sign = side === 'bid' ? -1 : 1;
  return [...byPrice.values()].sort((a, b) => sign * (a.price - b.price));
}

/**
 * Best bid, best ask and what lies between; null where a side is empty.
 * @param {BookSides | null | undefined} book
 */
export function touch(book) {
  const bid = book?.bids[0]?.price ?? null;
  const ask = book?.asks[0]?.price ?? null;
  return { bid, ask, spread: bid === null || ask === null ? null : ask - bid };
}
