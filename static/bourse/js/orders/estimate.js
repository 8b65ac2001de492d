/**
 * What an order would cost, before it is sent: margin, commission, what would be available then, and the price at which
 * the account would be liquidated. The exchange's own formulas (docs/market-rules.md) in its own integers, on what the page
 * knows: fee groups and limits of the account are not among that, so it is an estimate. Pure.
 */

const UNIT = 10000;
const RATE = 100000000;

/** @param {number} amount */
const units = (amount) => BigInt(Math.round(amount * UNIT));
/** @param {number} share */
const rateOf = (share) => BigInt(Math.round(share * RATE));
/** @param {bigint} amount */
const money = (amount) => Number(amount) / UNIT;
/**
 * @param {bigint} amount
 * @param {bigint} rate
 */
const share = (amount, rate) => (amount * rate + BigInt(RATE / 2)) / BigInt(RATE);
/**
 * @param {bigint} amount
 * @param {bigint} rate
 */
const shareUp = (amount, rate) => (amount * rate + BigInt(RATE - 1)) / BigInt(RATE);
/**
 * @param {bigint} one
 * @param {bigint} other
 */
const max = (one, other) => (one > other ? one : other);

const SIDES = { long: 'BUY', short: 'SELL' };

/**
 * The side of a position that an order of this direction opens, and the one that it closes.
 * @param {Direction} direction
 */
export const opened = (direction) => (direction === 'BUY' ? 'long' : 'short');
/** @param {Direction} direction */
export const closed = (direction) => (direction === 'BUY' ? 'short' : 'long');

/**
 * Lots of one side of a position that no order holds yet: yesterday's and today's.
 * @param {PositionData | undefined} position
 * @param {PositionSide} side
 */
export function freeLots(position, side) {
  if (!position) return { his: 0, today: 0 };
  /** @param {'his' | 'today'} age */
  const left = (age) => position[`volume_${side}_${age}`] - position[`volume_${side}_frozen_${age}`];
  return { his: left('his'), today: left('today') };
}

/**
 * What "auto" means for so many lots: closes what there is on the other side and opens the rest, as one order or two.
 * @param {Direction} direction
 * @param {number} volume
 * @param {PositionData | undefined} position
 */
export function parts(direction, volume, position) {
  const { his, today } = freeLots(position, closed(direction));
  const closing = Math.min(volume, his + today);
  /** @type {{ offset: Offset, volume: number }[]} */
  const both = [{ offset: 'CLOSE', volume: closing }, { offset: 'OPEN', volume: volume - closing }];
  return both.filter((one) => one.volume > 0);
}

/**
 * The lots of an order as the exchange would take it now: one that may only reduce is cut down to what can be closed.
 * @param {OrderOptions} order
 * @param {PositionData | undefined} position
 */
export function reduced(order, position) {
  if (!order.reduce_only || order.offset === 'OPEN') return order.volume;
  const { his, today } = freeLots(position, closed(order.direction));
  return Math.min(order.volume, order.offset === 'CLOSETODAY' ? today : order.offset === 'CLOSEYESTERDAY' ? his : his + today);
}

/**
 * The book without the user's own orders, with which none of theirs trades: those in its way are cancelled. A price at
 * which there is nothing else stays, without lots: it is one of an order's `price_levels`.
 * @template {BookSides} Sides
 * @param {Sides} book
 * @param {string} instrumentId
 * @param {OwnOrder[]} orders that work
 * @returns {Sides}
 */
export function withoutOwn(book, instrumentId, orders) {
  /** @type {Map<string, number>} */
  const own = new Map();
  orders.filter((one) => one.instrument_id === instrumentId && one.status !== 'Waiting').forEach((one) => {
    const shown = Math.min(one.remaining_volume ?? 0, one.display_volume ?? Infinity);
    const key = `${one.direction} ${one.price}`;
    own.set(key, (own.get(key) ?? 0) + shown);
  });
  /**
   * @param {BookLevel[]} levels
   * @param {Direction} direction
   */
  const others = (levels, direction) => levels
    .map((level) => ({ ...level, volume: Math.max(0, level.volume - (own.get(`${direction} ${level.price}`) ?? 0)) }));
  return own.size === 0 ? book : { ...book, bids: others(book.bids, 'BUY'), asks: others(book.asks, 'SELL') };
}

/**
 * Where an order would trade now: the book's lots inside its price or its best levels, and what is left over.
 * @param {Pick<OrderOptions, 'direction' | 'order_type' | 'price' | 'volume' | 'price_levels'>} parts
 * @param {BookSides | null | undefined} book
 */
export function fillsOf({ direction, order_type: type, price, volume, price_levels: most }, book) {
  const levels = ((direction === 'BUY' ? book?.asks : book?.bids) ?? []).slice(0, most ?? undefined);
  /** @param {BookLevel} level */
  const inside = (level) => type === 'MARKET' || (direction === 'BUY' ? level.price <= Number(price) : level.price >= Number(price));
  /** @type {Fill[]} */
  const fills = [];
  let left = volume;
  for (const level of levels.filter(inside)) {
    const lots = Math.min(left, level.volume);
    if (lots > 0) fills.push({ price: level.price, lots });
    left -= lots;
  }
  return { fills, left };
}

/**
 * What opening one lot at `price` holds: margin and commission, each rounded up.
 * @param {InstrumentData} instrument
 * @param {Direction} direction
 * @param {number} price
 */
function holdPerLot(instrument, direction, price) {
  const value = units(price) * BigInt(instrument.multiplier);
  const rate = instrument[`margin_rate_${opened(direction)}`];
  const { per_lot: perLot, rate: feeRate } = instrument.fee_open;
  return { margin: shareUp(value, rateOf(rate)), commission: units(perLot) + shareUp(value, rateOf(feeRate)) };
}

/**
 * How many lots could be opened at `price` with what is available.
 * @param {InstrumentData} instrument
 * @param {Direction} direction
 * @param {number} price
 * @param {number} available
 */
export function mostLots(instrument, direction, price, available) {
  const { margin, commission } = holdPerLot(instrument, direction, price);
  const each = margin + commission;
  if (each <= 0n || available <= 0) return 0;
  return Math.min(instrument.max_volume, Number(units(available) / each));
}

/**
 * @param {FeeData} fee
 * @param {number} lots
 * @param {bigint} value
 */
const feeOn = (fee, lots, value) => units(fee.per_lot) * BigInt(lots) + share(value, rateOf(fee.rate));

/**
 * @param {InstrumentData} instrument
 * @param {Fill[]} fills
 * @param {number} his
 */
function closingCommission(instrument, fills, his) {
  let left = his;
  let sum = 0n;
  for (const { price, lots } of fills) {
    const old = Math.min(lots, left);
    const value = units(price) * BigInt(instrument.multiplier);
    left -= old;
    if (old > 0) sum += feeOn(instrument.fee_close, old, value * BigInt(old));
    if (lots > old) sum += feeOn(instrument.fee_close_today, lots - old, value * BigInt(lots - old));
  }
  return sum;
}

/**
 * How many of the closed lots are yesterday's.
 * @param {Pick<OrderOptions, 'offset' | 'volume'>} parts
 * @param {PositionData} position
 * @param {Direction} direction
 */
function oldLots({ offset, volume }, position, direction) {
  if (offset === 'CLOSETODAY') return 0;
  return offset === 'CLOSEYESTERDAY' ? volume : Math.min(volume, freeLots(position, closed(direction)).his);
}

/**
 * Margin of all positions of a product; where only the larger side pays, that of the larger side.
 * @param {Map<string, InstrumentData>} instruments
 * @param {PositionData[]} positions
 * @param {string} product
 * @param {boolean} larger
 */
function productMargin(instruments, positions, product, larger) {
  const ours = positions.filter((one) => instruments.get(one.instrument_id)?.product_id === product);
  /** @param {PositionSide} side */
  const sum = (side) => ours.reduce((total, one) => total + units(one[`margin_${side}`]), 0n);
  return larger ? max(sum('long'), sum('short')) : sum('long') + sum('short');
}

/**
 * What the lots cost that a closing takes: yesterday's at their settlement price, then today's, the first opened first.
 * Where the exchange does not tell the lots it is their average.
 * @param {PositionData} position
 * @param {PositionSide} side
 * @param {bigint} multiplier
 * @param {{ his: number, today: number }} taken
 */
function costOfClosed(position, side, multiplier, taken) {
  const whole = units(position[`position_cost_${side}`]);
  const held = position[`volume_${side}`];
  if (!position.lots) return held > 0 ? (whole * BigInt(taken.his + taken.today)) / BigInt(held) : 0n;
  const today = position.lots.filter((one) => one.today && one.direction === SIDES[side]);
  /** @param {LotData} one */
  const value = (one) => units(one.open_price) * multiplier;
  const ofHis = whole - today.reduce((sum, one) => sum + value(one) * BigInt(one.volume), 0n);
  const his = position[`volume_${side}_his`];
  let cost = his > 0 ? (ofHis * BigInt(taken.his)) / BigInt(his) : 0n;
  let left = taken.today;
  for (const one of today) {
    const lots = Math.min(left, one.volume);
    cost += value(one) * BigInt(lots);
    left -= lots;
  }
  return cost;
}

/**
 * A position after lots were opened or closed.
 * @param {PositionData} position
 * @param {InstrumentData} instrument
 * @param {{ direction: Direction, offset: Offset }} parts
 * @param {Fill[]} fills
 */
function after(position, instrument, { direction, offset }, fills) {
  const multiplier = BigInt(instrument.multiplier);
  const lots = fills.reduce((sum, one) => sum + one.lots, 0);
  const value = fills.reduce((sum, one) => sum + units(one.price) * multiplier * BigInt(one.lots), 0n);
  const side = offset === 'OPEN' ? opened(direction) : closed(direction);
  const [held, cost] = [position[`volume_${side}`], units(position[`position_cost_${side}`])];
  const left = offset === 'OPEN' ? held + lots : Math.max(0, held - lots);
  const his = offset === 'OPEN' ? 0 : oldLots({ offset, volume: lots }, position, direction);
  const rest = offset === 'OPEN' ? cost + value : cost - costOfClosed(position, side, multiplier, { his, today: held - left - his });
  const margin = share(rest, rateOf(instrument[`margin_rate_${side}`]));
  return {
    ...position, [`volume_${side}`]: left, [`position_cost_${side}`]: money(rest), [`margin_${side}`]: money(margin),
  };
}

/** @param {string} instrumentId */
function flat(instrumentId) {
  const fields = Object.keys(SIDES).flatMap((side) => ['volume', 'position_cost', 'margin'].map((name) => [`${name}_${side}`, 0]));
  return { instrument_id: instrumentId, ...Object.fromEntries(fields) };
}

/** @param {PositionData} position */
const net = (position) => BigInt(position.volume_long - position.volume_short);

/**
 * What an order (one part of it, with an `offset` of its own) would do to an account:
 * {value, margin, commission, available, liquidation, price}, null where that cannot be told.
 * `riskLimit`: margin / balance at which positions are closed.
 * @param {object} parts
 * @param {OrderOptions} parts.order
 * @param {InstrumentData} parts.instrument
 * @param {InstrumentData[]} parts.instruments
 * @param {Account | null} parts.account
 * @param {PositionData[]} parts.positions
 * @param {BookSides | null | undefined} parts.book
 * @param {number} parts.riskLimit
 */
export function estimate({ order, instrument, instruments, account, positions, book, riskLimit }) {
  const byId = new Map(instruments.map((one) => [one.instrument_id, one]));
  const before = positions.find((one) => one.instrument_id === order.instrument_id) ?? flat(order.instrument_id);
  const now = fillsOf(order, book);
  const resting = order.order_type === 'LIMIT' ? now.left : 0;
  if (now.fills.length === 0 && resting === 0) return null;
  const limit = order.price ?? 0;
  const rest = resting > 0 ? [{ price: limit, lots: resting }] : [];
  const all = [...now.fills, ...rest];
  const opens = order.offset === 'OPEN';
  const multiplier = BigInt(instrument.multiplier);
  const sign = order.direction === 'BUY' ? 1n : -1n;

  const position = after(before, instrument, order, opens ? now.fills : all);
  const others = positions.filter((one) => one !== before);
  /** @param {PositionData} mine */
  const total = (mine) => productMargin(byId, [...others, mine], instrument.product_id, instrument.larger_side);
  const change = total(position) - total(before);
  const hold = opens && resting > 0 ? holdPerLot(instrument, order.direction, limit) : { margin: 0n, commission: 0n };
  const margin = change + hold.margin * BigInt(resting);
  const commission = opens
    ? now.fills.reduce((sum, { price, lots }) => sum + feeOn(instrument.fee_open, lots, units(price) * multiplier * BigInt(lots)), 0n)
      + hold.commission * BigInt(resting)
    : closingCommission(instrument, all, oldLots(order, before, order.direction));

  const traded = opens ? now.fills : all;
  const mark = units(instrument.last_price ?? 0);
  const next = traded.length > 0 ? units(traded[traded.length - 1].price) : mark;
  const gain = worth(net(before), next - mark, multiplier) + traded.reduce(
    (sum, { price, lots }) => sum + worth(sign * BigInt(lots), next - units(price), multiplier), 0n,
  );
  return {
    price: money(all.reduce((sum, one) => sum + units(one.price) * BigInt(one.lots), 0n)) / all.reduce((sum, one) => sum + one.lots, 0),
    value: money(all.reduce((sum, { price, lots }) => sum + units(price) * multiplier * BigInt(lots), 0n)),
    margin: money(margin),
    commission: money(commission),
    available: account ? money(units(account.available) + gain - margin - commission) : null,
    liquidation: account ? liquidationAfter({ riskLimit, account, before, all, commission, multiplier, mark, sign, full: total(after(before, instrument, order, all)) - total(before) }) : null,
  };
}

/**
 * @param {bigint} lots
 * @param {bigint} move
 * @param {bigint} multiplier
 */
const worth = (lots, move, multiplier) => lots * move * multiplier;

/**
 * The price at which the risk limit is reached if all lots have traded and only this contract moves; null if there is none.
 * @param {{ riskLimit: number, account: Account, before: PositionData, all: Fill[], commission: bigint, multiplier: bigint, mark: bigint, sign: bigint, full: bigint }} parts
 */
function liquidationAfter({ riskLimit, account, before, all, commission, multiplier, mark, sign, full }) {
  const lots = all.reduce((sum, one) => sum + BigInt(one.lots), 0n) * sign;
  const paid = all.reduce((sum, one) => sum + units(one.price) * BigInt(one.lots), 0n) * sign;
  const exposure = net(before) + lots;
  const spent = commission - units(account.balance) + multiplier * (net(before) * mark + paid);
  return priceFrom(units(account.margin) + full, spent, exposure * multiplier, riskLimit);
}

/**
 * A position at the price of the last trade: as the exchange told it where it knew that price, else with what another
 * price makes of the profits. Margin does not follow the price.
 * @param {PositionData} position
 * @param {Instrument | undefined} instrument
 * @param {number | undefined} price
 * @returns {PositionData}
 */
export function valued(position, instrument, price) {
  if (!instrument || price === undefined || price === position.last_price) return position;
  const lot = units(price) * BigInt(instrument.multiplier);
  /** @param {'open_cost' | 'position_cost'} cost */
  const profits = (cost) => {
    const long = BigInt(position.volume_long) * lot - units(position[`${cost}_long`]);
    const short = units(position[`${cost}_short`]) - BigInt(position.volume_short) * lot;
    return { long: money(long), short: money(short), both: money(long + short) };
  };
  const [float, profit] = [profits('open_cost'), profits('position_cost')];
  return {
    ...position, last_price: price,
    float_profit_long: float.long, float_profit_short: float.short, float_profit: float.both,
    position_profit_long: profit.long, position_profit_short: profit.short, position_profit: profit.both,
  };
}

/**
 * The price at which an account would be liquidated if only this contract moved.
 * @param {PositionData | undefined} position
 * @param {Instrument | undefined} instrument
 * @param {Account | null} account
 * @param {number} riskLimit
 */
export function liquidationOf(position, instrument, account, riskLimit) {
  if (!account || !position || !instrument) return null;
  const multiplier = BigInt(instrument.multiplier);
  const mark = units(position.last_price ?? instrument.last_price ?? 0);
  const exposure = net(position);
  return priceFrom(units(account.margin), multiplier * exposure * mark - units(account.balance), exposure * multiplier, riskLimit);
}

/**
 * Where margin = limit * (exposure * price - spent); null where no price is.
 * @param {bigint} margin
 * @param {bigint} spent
 * @param {bigint} exposure
 * @param {number} limit
 */
function priceFrom(margin, spent, exposure, limit) {
  if (exposure === 0n) return null;
  const price = (Number(margin) / limit + Number(spent)) / Number(exposure) / UNIT;
  return price > 0 ? price : null;
}
