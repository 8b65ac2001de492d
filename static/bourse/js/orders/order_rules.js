/**
 * Which options of an order cannot go together, and which cannot do without another: the exchange's table, and what the
 * page's form asks for besides. The functions know no option by name. Pure.
 */
import { OPTION_RULES } from './option_rules.js';

/**
 * What the form asks for: an order without these numbers is not sent, and what a MARKET order takes no notice of is not
 * offered.
 * @type {OrderRule[]}
 */
const FORM_RULES = [
  { options: { order_type: ['LIMIT'], price: false }, field: 'price', sentence: 'ticket.bad_price' },
  { options: { volume: false }, field: 'volume', sentence: 'ticket.bad_volume' },
  { options: { order_type: ['MARKET'], price: true }, field: 'price' },
  { options: { order_type: ['MARKET'], stop_kind: false, time_condition: true }, field: 'time_condition' },
  { options: { order_type: ['MARKET'], stop_kind: false, expires_at: true }, field: 'expires_at' },
];

/**
 * Of the exchange's table, the rules that a form can keep by asking for an option or by not offering one. Whether a number
 * is in its range is left to the exchange.
 * @type {OrderRule[]}
 */
const EXCHANGE_RULES = OPTION_RULES.filter(({ options }) => Object.values(options).every((wanted) => typeof wanted === 'boolean' || Array.isArray(wanted))).map(
  ({ options, field, missing }) => ({ options: /** @type {OrderRule['options']} */ (/** @type {unknown} */ (options)), field, ...(missing ? { sentence: `ticket.bad_${field}` } : {}) }),
);

/**
 * `options`: what makes an order one that can never be right: by name, the values that do; true: any value; false: none.
 * `field`: the option with which it is put right. `sentence`: key of the words that ask for it; without one the option is
 * left out of the order, and the ticket offers it only where it means something.
 */
export const ORDER_RULES = [...FORM_RULES, ...EXCHANGE_RULES];

/** @param {unknown} value */
const isSet = (value) => value !== null && value !== undefined && value !== false && value !== '';

/**
 * @param {unknown} value
 * @param {boolean | unknown[]} wanted
 */
const isAmong = (value, wanted) => (Array.isArray(wanted) ? wanted.includes(value) : isSet(value) === wanted);

/**
 * Whether an order has all these options.
 * @param {object} order
 * @param {OrderRule['options']} options
 */
const has = (order, options) => Object.entries(options).every(([name, wanted]) => isAmong(/** @type {Record<string, unknown>} */ (order)[name], wanted));

/**
 * The first rule that says what an order lacks; null if it lacks nothing.
 * @param {object} order
 * @param {OrderRule[]} [rules]
 */
export function lacking(order, rules = ORDER_RULES) {
  return rules.find(({ options, sentence }) => sentence && has(order, options)) ?? null;
}

/**
 * A stop that is chosen is one, also while its price is still to be typed.
 * @param {{ stop_kind?: unknown, stop_price?: unknown, trail?: unknown }} order
 */
const withStop = (order) => (isSet(order.stop_kind) && !isSet(order.stop_price) && !isSet(order.trail) ? { ...order, stop_price: 0 } : order);

/**
 * The options that mean nothing in an order like this, whether they are set or not.
 * @param {object} order
 * @param {OrderRule[]} [rules]
 */
export function meaningless(order, rules = ORDER_RULES) {
  const whole = withStop(order);
  const found = rules.filter(({ field, sentence, options: { [field]: _, ...rest } }) => !sentence && has(whole, rest));
  return new Set(found.map(({ field }) => field));
}

/**
 * The order without what means nothing in it.
 * @template {object} Order
 * @param {Order} order
 * @param {OrderRule[]} [rules]
 */
export function fitting(order, rules = ORDER_RULES) {
  const out = meaningless(order, rules);
  return /** @type {Order} */ (Object.fromEntries(Object.entries(order).map(([name, value]) => [name, out.has(name) ? null : value])));
}
