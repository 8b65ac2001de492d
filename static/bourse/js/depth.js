/** Arithmetic of one order book and of prices on a tick. Pure; draws nothing. */

export const LEVELS = 10;

/** The best `LEVELS` levels of a side, each with the running total from the touch. */
export function cumulate(levels) {
  let total = 0;
  return levels.slice(0, LEVELS).map((level) => {
    total += level.volume;
    return { ...level, total };
  });
}

/** Best bid, best ask and what lies between; null where a side is empty. */
export function touch(book) {
  const bid = book?.bids[0]?.price ?? null;
  const ask = book?.asks[0]?.price ?? null;
  return { bid, ask, spread: bid === null || ask === null ? null : ask - bid };
}

/** Decimals needed to write every multiple of `tick`. */
export function decimalsOf(tick) {
  for (let decimals = 0; decimals < 10; decimals += 1) {
    if (Number(tick.toFixed(decimals)) === tick) return decimals;
  }
  return 10;
}

/** `price` moved by whole ticks, landing on the tick whatever it was before. */
export function stepPrice(price, steps, tick) {
  const position = price / tick;
  const near = Math.abs(position - Math.round(position)) < 1e-6;
  const from = near ? Math.round(position) : steps > 0 ? Math.floor(position) : Math.ceil(position);
  return Number(((from + steps) * tick).toFixed(decimalsOf(tick)));
}
