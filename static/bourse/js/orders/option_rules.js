/**
 * Which options of an order contradict each other, as the exchange has it. Made from trading/core/option_rules.py:
 * change it there, then write this file anew: `python -m tests.protocol.page_rules`. A test compares the two.
 *
 * An order of which all of `options` holds is refused with `sentence`. An option is one of some values, set (true), not
 * set (false), or a number outside a range (not more than `above`, not less than the field `below`, not whole). The
 * order is put right with `field`: if that is `missing` by setting it, otherwise by leaving it out or changing it.
 */
export const OPTION_RULES = [
  {
    options: { time_condition: ['GTD'], expires_at: false },
    field: 'expires_at',
    missing: true,
    sentence: 'A GTD order needs expires_at',
  },
  {
    options: { expires_at: true, time_condition: ['GFD', 'GTC', 'IOC', 'FOK'] },
    field: 'expires_at',
    missing: false,
    sentence: 'expires_at is for GTD orders',
  },
  {
    options: { order_type: ['MARKET'], time_condition: ['GTC', 'GTD'], stop_price: false, trail: false },
    field: 'time_condition',
    missing: false,
    sentence: 'A MARKET order does not rest: GTC and GTD are for those that wait for a stop price',
  },
  {
    options: { post_only: true, order_type: ['MARKET'] },
    field: 'post_only',
    missing: false,
    sentence: 'post_only is for LIMIT orders that may rest',
  },
  {
    options: { post_only: true, time_condition: ['IOC', 'FOK'] },
    field: 'post_only',
    missing: false,
    sentence: 'post_only is for LIMIT orders that may rest',
  },
  {
    options: { reduce_only: true, offset: ['OPEN'] },
    field: 'reduce_only',
    missing: false,
    sentence: 'reduce_only is for orders that close',
  },
  {
    options: { display_volume: true, order_type: ['MARKET'] },
    field: 'display_volume',
    missing: false,
    sentence: 'display_volume is for LIMIT orders that may rest',
  },
  {
    options: { display_volume: true, time_condition: ['IOC', 'FOK'] },
    field: 'display_volume',
    missing: false,
    sentence: 'display_volume is for LIMIT orders that may rest',
  },
  {
    options: { display_volume: { above: 0, below: 'volume', whole: true } },
    field: 'display_volume',
    missing: false,
    sentence: 'display_volume must be whole lots, at least one and fewer than volume',
  },
  {
    options: { stop_kind: true, stop_price: false, trail: false },
    field: 'stop_price',
    missing: true,
    sentence: 'stop_kind and trigger need a stop_price or a trail',
  },
  {
    options: { trigger: true, stop_price: false, trail: false },
    field: 'stop_price',
    missing: true,
    sentence: 'stop_kind and trigger need a stop_price or a trail',
  },
  {
    options: { trail: true, stop_kind: ['TAKE_PROFIT'] },
    field: 'trail',
    missing: false,
    sentence: 'trail is for STOP, not for TAKE_PROFIT',
  },
  {
    options: { trail: { above: 0, below: null, whole: false } },
    field: 'trail',
    missing: false,
    sentence: 'trail must be more than 0',
  },
  {
    options: { price_levels: true, order_type: ['LIMIT'] },
    field: 'price_levels',
    missing: false,
    sentence: 'price_levels is for MARKET orders',
  },
];
