/** Arithmetic of prices on a tick. Pure. */

/** What is closer to a number than this share of it is the number: doubles hold few decimals exactly (0.7 / 10). */
const NEAR = 1e-9;

/**
 * Decimals needed to write every multiple of `tick`.
 * @param {number} tick
 */
export function decimalsOf(tick) {
  for (let decimals = 0; decimals < 10; decimals += 1) {
    if (Math.abs(Number(tick.toFixed(decimals)) - tick) <= NEAR * tick) return decimals;
  }
  return 10;
}

/**
 * `price` moved by whole ticks, landing on the tick whatever it was before.
 * @param {number} price
 * @param {number} steps
 * @param {number} tick
 */
export function stepPrice(price, steps, tick) {
  const position = price / tick;
  const near = Math.abs(position - Math.round(position)) < 1e-6;
  const from = near ? Math.round(position) : steps > 0 ? Math.floor(position) : Math.ceil(position);
  return Number(((from + steps) * tick).toFixed(decimalsOf(tick)));
}

/**
 * @param {number} price
 * @param {number} tick
 */
export const isOnTick = (price, tick) => Number((Math.round(price / tick) * tick).toFixed(decimalsOf(tick))) === price;
