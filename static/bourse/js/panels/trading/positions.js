/**
 * What the user holds, each side for itself, at the price that the page shows as the last one; closed or turned at the
 * market after a question.
 */
import { fillsOf, freeLots, liquidationOf, valued, withoutOwn } from '../../orders/estimate.js';
import { emptyWords, showProfit } from '../shared/cells.js';
import { ask } from '../shared/confirm.js';
import { orderWords } from '../shared/order_text.js';
import { accountOf, instrumentOf, isLive, legsOf, tickOf, working } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { onLanguage, t } from '../../ui/i18n.js';
import { createTable } from '../../ui/table.js';

/** @type {Record<PositionSide, Direction>} */
const CLOSING = { long: 'SELL', short: 'BUY' };
/** As many times the last price. */
const FAR = 10;

/**
 * `prepare(order)` fills the ticket. Returns {columns, rows()} for files.
 * @param {Store} store
 * @param {OrderEntry} orderEntry
 * @param {(order: OrderOptions) => void} prepare
 */
export function mountPositions(store, orderEntry, prepare) {
  const columns = columnsFor(store, orderEntry, prepare);
  const table = createTable(byId('positions-table'), { keyOf: (one) => one.key, columns });
  const rows = () => legsOf(store.state.positions);
  onLanguage(table.relabel);
  draw(store, ['positions', 'ticks', 'account', 'furtherAccounts', 'session', 'connection', 'instruments'], (state) => {
    const held = rows();
    setText(byId('positions-count'), held.length ? String(held.length) : '');
    table.render(held, emptyWords(state, state.positions ? 'positions.none' : 'private.waiting'));
  });
  return { columns, rows };
}

/**
 * @param {Store} store
 * @param {OrderEntry} orderEntry
 * @param {(order: OrderOptions) => void} prepare
 * @returns {Column<Leg>[]}
 */
function columnsFor(store, orderEntry, prepare) {
  /**
   * @param {'volume' | 'open_price' | 'margin'} name
   * @returns {(leg: Leg) => number | null}
   */
  const of = (name) => ({ position, side }) => position[`${name}_${side}`];
  /** @param {Leg} parts */
  const last = ({ position }) => lastOf(position, store.state).last_price;
  /**
   * @param {'float_profit' | 'position_profit'} name
   * @returns {(leg: Leg) => number}
   */
  const profit = (name) => ({ position, side }) => lastOf(position, store.state)[`${name}_${side}`];
  /**
   * @param {Leg} parts
   * @param {number | null} value
   */
  const price = ({ position }, value) => format.price(value, tickOf(store.state, position.instrument_id) / 10);
  return [
    { label: 'orders.instrument', className: 'strong', text: ({ position }) => position.instrument_id, value: ({ position }) => position.instrument_id },
    { label: 'orders.side', fill: showHeld, value: ({ side }) => side },
    { label: 'positions.lots', className: 'number', fill: showLots, value: of('volume') },
    { label: 'positions.today', className: 'number faint', text: splitText, value: ({ position, side }) => position[`volume_${side}_today`] },
    { label: 'positions.open_price', className: 'number', text: (one) => price(one, of('open_price')(one)), value: of('open_price') },
    { label: 'positions.last', className: 'number', text: (one) => format.price(last(one), tickOf(store.state, one.position.instrument_id)), value: last },
    { label: 'positions.float', className: 'number', fill: (cell, one) => showProfit(cell, profit('float_profit')(one)), value: profit('float_profit') },
    { label: 'positions.profit', className: 'number', fill: (cell, one) => showProfit(cell, profit('position_profit')(one)), value: profit('position_profit') },
    { label: 'positions.margin', className: 'number', text: (one) => format.money(of('margin')(one)), value: of('margin') },
    { label: 'positions.liquidation', className: 'number faint', text: (one) => liquidationText(one, store.state), value: (one) => liquidation(one, store.state) },
    { label: '', className: 'action', fill: (cell, one) => showActions(cell, one, { store, orderEntry, prepare }) },
  ];
}

/**
 * The last trade is told at once, a position when it is asked for again.
 * @param {PositionData} position
 * @param {State} state
 */
const lastOf = (position, state) => valued(position, instrumentOf(state, position.instrument_id), state.ticks[position.instrument_id]?.price);

/**
 * @param {HTMLElement} cell
 * @param {Leg} parts
 */
function showHeld(cell, { side }) {
  cell.dataset.held = side;
  setText(cell, t(`positions.${side}`));
}

/**
 * @param {HTMLElement} cell
 * @param {Leg} parts
 */
function showLots(cell, { position, side }) {
  cell.dataset.lots = side;
  const { his, today } = freeLots(position, side);
  const lots = position[`volume_${side}`];
  cell.title = his + today < lots ? t('positions.held_back', { free: format.lots(his + today) }) : '';
  setText(cell, format.lots(lots));
}

/** @param {Leg} parts */
const splitText = ({ position, side }) => `${format.lots(position[`volume_${side}_today`])} / ${format.lots(position[`volume_${side}_his`])}`;
/**
 * @param {Leg} parts
 * @param {State} state
 */
const liquidation = ({ position }, state) => liquidationOf(position, instrumentOf(state, position.instrument_id), accountOf(state, position.instrument_id), state.venue.riskLimit);
/**
 * A price that is many times the present one tells nobody anything, and takes the room of figures that do.
 * @param {Leg} one
 * @param {State} state
 */
function liquidationText(one, state) {
  const price = liquidation(one, state);
  const isFar = price !== null && price > FAR * (one.position.last_price ?? Infinity);
  return isFar ? format.NONE : format.price(price, tickOf(state, one.position.instrument_id));
}

/**
 * @param {HTMLElement} cell
 * @param {Leg} one
 * @param {{ store: Store, orderEntry: OrderEntry, prepare: (order: OrderOptions) => void }} parts
 */
function showActions(cell, one, { store, orderEntry, prepare }) {
  if (!cell.firstElementChild) cell.append(...['close', 'reverse'].map((name) => el('button', { type: 'button', className: 'small-button', data: { [name]: one.key } })));
  const free = Object.values(freeLots(one.position, one.side)).reduce((sum, lots) => sum + lots, 0);
  const buttons = /** @type {HTMLCollectionOf<HTMLButtonElement>} */ (cell.children);
  const act = { close: () => close(one, free, store.state, orderEntry, prepare), reverse: () => reverse(one, free, store.state, orderEntry) };
  Object.entries(act).forEach(([name, run], index) => {
    const button = buttons[index];
    setText(button, t(`positions.${name}`));
    button.setAttribute('aria-label', t(`positions.${name}_label`, { side: t(`positions.${one.side}`), instrument: one.position.instrument_id }));
    button.disabled = free === 0 || !isLive(store.state);
    button.title = free === 0 ? t('positions.all_held') : '';
    button.onclick = run;
  });
}

/**
 * @param {Leg} parts
 * @param {Offset} offset
 * @param {number} volume
 * @returns {OrderOptions}
 */
const market = ({ position, side }, offset, volume) => ({
  instrument_id: position.instrument_id, direction: CLOSING[side], offset, volume, order_type: 'MARKET',
});

/**
 * @param {Leg} one
 * @param {number} volume
 * @param {State} state
 * @param {OrderEntry} orderEntry
 * @param {(order: OrderOptions) => void} prepare
 */
async function close(one, volume, state, orderEntry, prepare) {
  const order = market(one, 'CLOSE', volume);
  const phase = phaseOf(order, state);
  const said = await ask({
    title: t('positions.close_title', { instrument: order.instrument_id }),
    text: expected(order, state),
    yes: phase === 'continuous' ? orderWords(order) : null,
    other: phase === 'continuous' || phase === 'auction' ? t('positions.at_limit') : null,
  });
  if (said === 'other') prepare(order);
  if (said === 'yes') send([order], orderEntry);
}

/**
 * @param {Leg} one
 * @param {number} volume
 * @param {State} state
 * @param {OrderEntry} orderEntry
 */
async function reverse(one, volume, state, orderEntry) {
  const orders = [market(one, 'CLOSE', volume), market(one, 'OPEN', volume)];
  const text = expected({ ...orders[0], volume: 2 * volume }, state);
  const words = t('positions.reverse_yes', { first: orderWords(orders[0]), then: orderWords(orders[1]) });
  const yes = phaseOf(orders[0], state) === 'continuous' ? words : null;
  if (await ask({ title: t('positions.reverse_title', { instrument: orders[0].instrument_id }), text, yes }) === 'yes') send(orders, orderEntry);
}

/**
 * @param {OrderOptions} order
 * @param {State} state
 */
const phaseOf = (order, state) => instrumentOf(state, order.instrument_id)?.phase ?? 'continuous';

/**
 * Where the book would fill it now, or why it would not.
 * @param {OrderOptions} order
 * @param {State} state
 */
function expected(order, state) {
  const phase = phaseOf(order, state);
  if (phase !== 'continuous') return t(`positions.expect_${phase}`);
  const known = state.books[order.instrument_id];
  if (!known || known.stale) return t('positions.expect_unknown');
  const met = fillsOf(order, withoutOwn(known, order.instrument_id, working(state.orders)));
  const words = fillWords(met, order, state);
  return valueOf(met.fills) === valueOf(fillsOf(order, known).fills) ? words : t('positions.expect_own', { words });
}

/** @param {Fill[]} fills */
const valueOf = (fills) => fills.reduce((sum, one) => sum + one.price * one.lots, 0);

/**
 * @param {{ fills: Fill[], left: number }} met
 * @param {OrderOptions} order
 * @param {State} state
 */
function fillWords({ fills, left }, order, state) {
  const lots = fills.reduce((sum, one) => sum + one.lots, 0);
  if (lots === 0) return t('positions.expect_none');
  const price = format.price(valueOf(fills) / lots, tickOf(state, order.instrument_id) / 10);
  return t(left > 0 ? 'positions.expect_part' : 'positions.expect', { price, lots: format.lots(lots) });
}

/**
 * @param {OrderOptions[]} orders
 * @param {OrderEntry} orderEntry
 */
async function send(orders, orderEntry) {
  const results = await orderEntry.submit(orders);
  results?.filter((one) => !one.success).forEach((one) => orderEntry.notice('order-refused', one));
}
