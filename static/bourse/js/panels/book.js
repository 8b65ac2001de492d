/** The order book: ten levels a side as buttons, because a price in the book is a price one may want to trade at. */
import { byId, el, instrumentOf, setText } from '../dom.js';
import { LEVELS, cumulate, touch } from '../depth.js';
import * as format from '../format.js';
import { t } from '../i18n.js';
import { working } from '../reduce.js';
import { draw } from './draw.js';

const SIDES = { ask: 'SELL', bid: 'BUY' };

/** `pick(price)` is called with the price of a clicked level. */
export function mountBook(store, pick) {
  const asks = levelRows(pick);
  const bids = levelRows(pick);
  byId('asks').replaceChildren(...[...asks].reverse().map((row) => row.button));
  byId('bids').replaceChildren(...bids.map((row) => row.button));
  draw(store, ['selected', 'books', 'orders'], (state) => show(state, asks, bids));
  draw(store, ['selected', 'ticks', 'books'], showMiddle);
}

function levelRows(pick) {
  return Array.from({ length: LEVELS }, () => {
    const cells = ['price', 'size', 'queue', 'sum'].map((name) => el('span', { className: name }));
    const button = el('button', { type: 'button', className: 'level' }, ...cells);
    const row = { button, cells, price: null };
    button.addEventListener('click', () => pick(row.price));
    return row;
  });
}

function show(state, asks, bids) {
  const book = state.books[state.selected];
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const askLevels = cumulate(book?.asks ?? []);
  const bidLevels = cumulate(book?.bids ?? []);
  const deepest = Math.max(askLevels.at(-1)?.total ?? 0, bidLevels.at(-1)?.total ?? 0);
  const own = ownPrices(state);
  const fill = (side) => (row, level) => showLevel(row, level, { side, deepest, own: own[side], tick: instrument.tick });
  asks.forEach((row, index) => fill('ask')(row, askLevels[index]));
  bids.forEach((row, index) => fill('bid')(row, bidLevels[index]));
  byId('book-title').closest('.panel').classList.toggle('stale', book?.stale ?? true);
  setText(byId('book-time'), book ? format.time(book.timestamp) : '');
}

/** The prices at which the reader's own orders wait, a side. */
function ownPrices(state) {
  const mine = working(state.orders).filter((one) => one.instrument_id === state.selected);
  const pricesOf = (direction) => new Set(mine.filter((one) => one.direction === direction).map((one) => one.price));
  return { ask: pricesOf(SIDES.ask), bid: pricesOf(SIDES.bid) };
}

function showLevel(row, level, { side, deepest, own, tick }) {
  const { button } = row;
  button.disabled = !level;
  row.price = level?.price ?? null;
  button.classList.toggle('own', Boolean(level) && own.has(level.price));
  button.style.setProperty('--depth', level ? (level.total / deepest).toFixed(4) : '0');
  const texts = level ? levelTexts(level, tick) : ['', '', '', ''];
  row.cells.forEach((cell, index) => setText(cell, texts[index]));
  if (level) button.setAttribute('aria-label', levelLabel(side, texts, own.has(level.price)));
  else button.removeAttribute('aria-label');
}

function levelTexts(level, tick) {
  return [
    format.price(level.price, tick), format.lots(level.volume), format.lots(level.order_count), format.lots(level.total),
  ];
}

function levelLabel(side, [price, lots, orders], isOwn) {
  return t(isOwn ? 'book.level_own' : 'book.level', { side: t(`book.side.${side}`), price, lots, orders });
}

function showMiddle(state) {
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const last = state.ticks[state.selected];
  byId('book-middle').dataset.move = last?.move ?? 'flat';
  setText(byId('middle-last'), format.price(last?.price, instrument.tick));
  setText(byId('middle-spread'), format.price(touch(state.books[state.selected]).spread, instrument.tick));
}
