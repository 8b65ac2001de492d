/** Orders in words, and the columns that tables of orders share. */
import { tickOf } from '../../state/selectors.js';
import { setText } from '../../ui/dom.js';
import * as format from '../../ui/format.js';
import { reason, t } from '../../ui/i18n.js';
import { showSide, stamp, when } from './cells.js';

/**
 * A price, or that there is none.
 * @param {Partial<OwnOrder>} one
 * @param {State} state
 */
export function priceText(one, state) {
  return one.order_type === 'MARKET' ? t('orders.market') : format.price(one.price, tickOf(state, one.instrument_id));
}

const SIGNS = { BUY: { STOP: '≥', TAKE_PROFIT: '≤' }, SELL: { STOP: '≤', TAKE_PROFIT: '≥' } };

/**
 * "last ≤ 118.0", "trailing 2.5": the price that an order waits for; null if it waits for none.
 * @param {Partial<OwnOrder> | TicketOrder} one
 * @param {State} state
 */
export function conditionText(one, state) {
  if (!one.stop_price && !one.trail) return null;
  const tick = tickOf(state, one.instrument_id);
  const trigger = t(`trigger.${one.trigger ?? 'LAST'}.short`);
  const price = one.current_stop ?? one.stop_price;
  const level = price ? `${trigger} ${SIGNS[one.direction ?? 'BUY'][one.stop_kind ?? 'STOP']} ${format.price(price, tick)}` : trigger;
  return one.trail ? t('stop.trailing', { level, distance: format.price(one.trail, tick) }) : level;
}

/**
 * How an order is handled, beyond the plain: "GTC · post only · shows 10".
 * @param {Partial<OwnOrder>} one
 * @param {State} state
 */
function handlingText(one, state) {
  const until = one.expires_at ? t('handling.until', { time: when(one.expires_at) }) : null;
  return [
    conditionText(one, state),
    one.time_condition && one.time_condition !== 'GFD' && (one.order_type !== 'MARKET' || conditionText(one, state)) ? until ?? t(`time.${one.time_condition}`) : null,
    one.post_only ? t('handling.post_only') : null,
    one.reduce_only ? t('handling.reduce_only') : null,
    one.display_volume ? t('handling.shows', { lots: format.lots(one.display_volume) }) : null,
    one.price_levels ? t('handling.levels', { levels: one.price_levels }) : null,
    one.oco_group ? t('handling.oco', { group: one.oco_group }) : null,
    one.forced ? t('handling.forced') : null,
  ].filter(Boolean).join(' · ');
}

/** @param {Partial<OwnOrder>} one */
export const volumeOf = (one) => one.volume ?? (one.filled_volume ?? 0) + (one.remaining_volume ?? 0);
/** @param {Partial<OwnOrder>} one */
export const filledText = (one) => (one.status ? `${format.lots(one.filled_volume)} / ${format.lots(volumeOf(one))}` : format.NONE);

/**
 * @param {OwnOrder} one
 * @param {OwnOrder} other
 */
const byNewest = (one, other) => (one.order_id < other.order_id ? 1 : -1);
/** @param {OwnOrder[]} orders */
export const newestFirst = (orders) => [...orders].sort(byNewest);

/**
 * @param {HTMLElement} cell
 * @param {Partial<OwnOrder>} one
 */
export function showStatus(cell, one) {
  cell.dataset.status = one.status ?? 'unknown';
  const status = t(`status.${one.status ?? 'unknown'}`);
  const why = one.reason ? t(`cancelled.${one.reason}`) : null;
  cell.title = one.error_code ? reason(one.error_code, one.error_message) : '';
  setText(cell, why ? `${status}: ${why}` : status);
}

/**
 * The columns that tables of orders begin with; `value` is for files.
 * @param {() => State} state
 * @returns {Column<OwnOrder>[]}
 */
export const orderColumns = (state) => [
  { label: 'orders.time', className: 'faint', text: (one) => when(one.placed), value: (one) => stamp(one.placed) },
  { label: 'orders.instrument', text: (one) => one.instrument_id ?? format.NONE, value: (one) => one.instrument_id },
  { label: 'orders.side', fill: (cell, one) => showSide(cell, one.direction), value: (one) => one.direction },
  { label: 'orders.offset', text: (one) => (one.offset ? t(`offset.${one.offset}.long`) : format.NONE), value: (one) => one.offset },
  {
    label: 'orders.handling', className: 'faint handling', text: (one) => handlingText(one, state()) || t(`type.${one.order_type ?? 'LIMIT'}`),
    value: (one) => handlingText(one, state()),
  },
];

/**
 * What files have of orders besides.
 * @type {Column<OwnOrder>[]}
 */
export const orderFileColumns = [
  { label: 'orders.id', value: (one) => one.order_id },
  { label: 'orders.own_id', value: (one) => one.client_order_id },
];

/**
 * At what an order trades: "at 119.5", "at market", "at best 5".
 * @param {Pick<TicketOrder, 'order_type' | 'price_levels'> & { price?: string | number | null }} parts
 */
export function atWords({ order_type: type, price, price_levels: levels }) {
  if (type !== 'MARKET') return t('ticket.at', { price: price ?? '' });
  return levels ? t('ticket.at_levels', { levels }) : t('ticket.at_market');
}

/**
 * What an order will do, as its button says it; `most`: it may be fewer lots.
 * @param {Pick<TicketOrder, 'direction' | 'offset' | 'volume' | 'instrument_id' | 'order_type' | 'price_levels'> & { price?: string | number | null, most?: boolean }} order
 */
export function orderWords({ most = false, ...order }) {
  const { direction, offset, volume, instrument_id: instrument } = order;
  const at = atWords(order);
  const lots = most ? t('ticket.at_most', { lots: format.lots(volume) }) : format.lots(volume);
  return t('ticket.submit', { direction: t(`direction.${direction}`), offset: t(`offset.${offset}.verb`), volume: lots, instrument, at });
}
