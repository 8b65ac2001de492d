/** What the order ticket's form says: the order in it, and what is still wrong with it. Draws nothing. */
import { parts } from '../../orders/estimate.js';
import { fitting, lacking, meaningless } from '../../orders/order_rules.js';

/**
 * The number in a field; null where there is none.
 * @param {HTMLInputElement} input
 */
export function numberIn(input) {
  const text = input.value.trim().replace(/,/g, '');
  const value = Number(text);
  return text !== '' && Number.isFinite(value) ? value : null;
}

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
 * The orders to send: "auto" closes what can be closed and opens the rest. None while there is no volume.
 * @param {TicketOrder} order
 * @param {State} state
 * @returns {OrderOptions[]}
 */
export function plan(order, state) {
  const { offset, volume } = order;
  if (!isWhole(volume)) return [];
  if (offset !== 'AUTO') return [{ ...order, offset, volume }];
  if (order.reduce_only) return [{ ...order, offset: 'CLOSE', volume }];
  return parts(order.direction, volume, positionOf(state)).map((part) => ({ ...order, ...part }));
}

/**
 * The field that must be put right before this can be an order, and the key of the words that say so; null if none must.
 * @param {TicketOrder} order
 * @param {HTMLFormElement} form
 */
export function problemOf(order, form) {
  const { volume, expires_at: expires } = order;
  const sound = { ...order, volume: isWhole(volume) ? volume : null, expires_at: expires && expires > Date.now() ? expires : null };
  const unread = form.display_volume.value.trim() !== '' && !form.display_volume.disabled && numberIn(form.display_volume) === null;
  return lacking(sound) ?? (unread ? { field: 'display_volume', sentence: 'ticket.bad_display_volume' } : null);
}

/**
 * @param {number | null} volume
 * @returns {volume is number}
 */
const isWhole = (volume) => Number.isInteger(volume) && Number(volume) > 0;
