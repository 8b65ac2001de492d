/** What the order ticket's form says: the order in it, and what is still wrong with it. Draws nothing. */
import { isOnTick } from '../../base/tick.js';
import { parts } from '../../orders/estimate.js';
import { fitting, lacking, meaningless } from '../../orders/order_rules.js';
import { parseNumber } from '../../ui/parse.js';

/** Fields that take a number. */
const NUMBERS = ['price', 'volume', 'stop_price', 'display_volume'];
/** What the exchange takes for the name of a group. */
const GROUP_NAME = /^[ -~]{1,64}$/;

/**
 * The number in a field; null where there is none.
 * @param {HTMLInputElement} input
 */
export const numberIn = (input) => parseNumber(input.value);

/**
 * The order as the form has it, without what means nothing in it; `offset` may still be AUTO.
 * @param {HTMLFormElement} form
 * @param {State} state
 */
export const readOrder = (form, state) => fitting(written(form, state));

/**
 * The options that the form does not offer for an order like this.
 * @param {HTMLFormElement} form
 * @param {State} state
 */
export const unoffered = (form, state) => meaningless(written(form, state));

/**
 * Everything that is written in the form.
 * @param {HTMLFormElement} form
 * @param {State} state
 * @returns {TicketOrder}
 */
function written(form, state) {
  return {
    instrument_id: state.selected ?? '',
    direction: form.direction.value,
    offset: form.offset.value,
    order_type: form.order_type.value,
    time_condition: form.time_condition.value,
    price: numberIn(form.price),
    volume: numberIn(form.volume),
    post_only: form.post_only.checked,
    reduce_only: form.reduce_only.checked,
    display_volume: numberIn(form.display_volume),
    price_levels: form.price_levels.value === '' ? null : Number(form.price_levels.value),
    oco_group: form.oco_group.value.trim() || null,
    expires_at: momentIn(form.expires_at),
    ...(form.stop.value === '' ? {} : stopOf(form)),
  };
}

/** @param {HTMLFormElement} form */
function stopOf(form) {
  const trails = form.stop.value === 'TRAIL';
  return {
    stop_kind: trails ? 'STOP' : form.stop.value,
    trigger: form.trigger.value,
    [trails ? 'trail' : 'stop_price']: numberIn(form.stop_price),
  };
}

/** @param {HTMLInputElement} input */
function momentIn(input) {
  const moment = input.value === '' ? NaN : new Date(input.value).getTime();
  return Number.isFinite(moment) ? moment : null;
}

/** @param {State} state */
export const positionOf = (state) => state.positions?.find((one) => one.instrument_id === state.selected);

/**
 * Whether an order waits for a price and what it does is left to the page: it closes what there is when it fires.
 * @param {TicketOrder} order
 */
export const closesWhatIsThere = ({ offset, stop_kind: kind }) => offset === 'AUTO' && Boolean(kind);

/**
 * The orders to send: "auto" closes what can be closed and opens the rest, both decided now; an order that waits is decided
 * when it fires, and then the exchange can only close, at most what there is. None while there is no volume.
 * @param {TicketOrder} order
 * @param {State} state
 * @returns {OrderOptions[]}
 */
export function plan(order, state) {
  const { offset, volume } = order;
  if (!isWhole(volume)) return [];
  if (offset !== 'AUTO') return [{ ...order, offset, volume }];
  if (order.reduce_only || closesWhatIsThere(order)) return [{ ...order, offset: 'CLOSE', volume, reduce_only: true }];
  return parts(order.direction, volume, positionOf(state)).map((part) => ({ ...order, ...part }));
}

/**
 * What the exchange would say of a price, by the tick and the limits that it has told: 'off_tick', 'outside' or null. It is
 * the exchange that judges; the page may know old limits.
 * @param {number | null | undefined} price
 * @param {{ tick: number, limit_down?: number | null, limit_up?: number | null }} instrument
 */
export function doubt(price, { tick, limit_down: low = null, limit_up: high = null }) {
  if (price === null || price === undefined) return null;
  if (!isOnTick(price, tick)) return 'off_tick';
  return price < (low ?? tick) || (high !== null && price > high) ? 'outside' : null;
}

/**
 * The field that must be put right before this can be an order, and the key of the words that say so; null if none must.
 * @param {TicketOrder} order
 * @param {HTMLFormElement} form
 */
export function problemOf(order, form) {
  const { volume, expires_at: expires, display_volume: shown, oco_group: group } = order;
  const unread = NUMBERS.find((name) => isWritten(form, name) && numberIn(form[name]) === null);
  if (unread) return { field: unread, sentence: 'ticket.bad_number' };
  const sound = { ...order, volume: isWhole(volume) ? volume : null, expires_at: expires && expires > Date.now() ? expires : null };
  const lacks = lacking(sound);
  if (lacks) return { field: lacks.field, sentence: lacks.sentence ?? '' };
  if (isWritten(form, 'display_volume') && !isWhole(shown ?? null)) return { field: 'display_volume', sentence: 'ticket.bad_display_volume' };
  return group && !GROUP_NAME.test(group) ? { field: 'oco_group', sentence: 'ticket.bad_oco_group' } : null;
}

/**
 * Whether something stands in a field that the order has.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
const isWritten = (form, name) => !form[name].disabled && (name !== 'stop_price' || form.stop.value !== '') && form[name].value.trim() !== '';

/**
 * @param {number | null} volume
 * @returns {volume is number}
 */
const isWhole = (volume) => Number.isInteger(volume) && Number(volume) > 0;
