/**
 * Which options of an order cannot go together, and which cannot do without another. The table is plain data, so that it can
 * come from the exchange, whose rules these are (docs/market-rules.md); the functions know no option by name. Pure.
 */

/**
 * `options`: what makes an order one that can never be right: by name, the values that do; true: any value; false: none.
 * `field`: the option with which it is put right. `sentence`: key of the words that ask for it; without one the option is
 * left out of the order, and the ticket offers it only where it means something.
 * @type {OrderRule[]}
 */
export const ORDER_RULES = [
  { options: { order_type: ['LIMIT'], price: false }, field: 'price', sentence: 'ticket.bad_price' },
  { options: { volume: false }, field: 'volume', sentence: 'ticket.bad_volume' },
  { options: { stop_kind: true, stop_price: false, trail: false }, field: 'stop_price', sentence: 'ticket.bad_stop_price' },
  { options: { time_condition: ['GTD'], expires_at: false }, field: 'expires_at', sentence: 'ticket.bad_expires_at' },
  { options: { order_type: ['MARKET'], price: true }, field: 'price' },
  { options: { order_type: ['MARKET'], stop_kind: false, time_condition: true }, field: 'time_condition' },
  { options: { order_type: ['MARKET'], post_only: true }, field: 'post_only' },
  { options: { time_condition: ['IOC', 'FOK'], post_only: true }, field: 'post_only' },
  { options: { order_type: ['MARKET'], display_volume: true }, field: 'display_volume' },
  { options: { time_condition: ['IOC', 'FOK'], display_volume: true }, field: 'display_volume' },
  { options: { offset: ['OPEN'], reduce_only: true }, field: 'reduce_only' },
  { options: { time_condition: ['GFD', 'GTC', 'IOC', 'FOK'], expires_at: true }, field: 'expires_at' },
  { options: { order_type: ['MARKET'], stop_kind: false, expires_at: true }, field: 'expires_at' },
];

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
 * The options that mean nothing in an order like this, whether they are set or not.
 * @param {object} order
 * @param {OrderRule[]} [rules]
 */
export function meaningless(order, rules = ORDER_RULES) {
  const found = rules.filter(({ field, sentence, options: { [field]: _, ...rest } }) => !sentence && has(order, rest));
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
