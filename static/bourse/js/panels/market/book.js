/**
 * The ladder: as many levels a side as there is room for, as buttons, because a price in the book is a price one may want
 * to trade at. Prices can be gathered into steps; the reader's own lots stand beside those of everybody.
 */
import { loadPreferences, savePreference } from '../../base/storage.js';
import { decimalsOf } from '../../base/tick.js';
import { GROUPS, cumulate, gather, stepOf, touch } from '../../state/depth.js';
import { instrumentOf, working } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { onLanguage, t } from '../../ui/i18n.js';

/** @typedef {{ button: HTMLButtonElement, cells: HTMLElement[], price: number | null, known: string | null }} LevelRow */
/** @typedef {{ sides: Record<BookSideName, LevelRow[]>, count: number, group: number }} Ladder */

/** @type {BookSideName[]} */
const NAMES = ['ask', 'bid'];
const SIDES = { ask: 'SELL', bid: 'BUY' };
const MOST_ROWS = 40;
const FEWEST_ROWS = 5;
const ARROWS = { up: '▲', down: '▼', flat: '' };

/**
 * `pick(price, side)` is called with a chosen level. Returns {regroup(by)} for the keyboard.
 * @param {Store} store
 * @param {(price: number, side: BookSideName) => void} pick
 */
export function mountBook(store, pick) {
  const sides = { ask: levelRows('ask', pick), bid: levelRows('bid', pick) };
  const ladder = { sides, count: 0, group: 1 };
  const show = () => showLevels(store.state, ladder);
  byId('asks').replaceChildren(...[...sides.ask].reverse().map((row) => row.button));
  byId('bids').replaceChildren(...sides.bid.map((row) => row.button));
  const select = mountGroups(store, ladder, show);
  watchRoom(ladder, show);
  walkWithArrows(ladder);
  draw(store, ['selected', 'books', 'orders', 'instruments'], show);
  draw(store, ['selected', 'ticks', 'books', 'instruments'], showMiddle);
  return { regroup: (/** @type {number} */ by) => regroup(select, by) };
}

/**
 * @param {BookSideName} side
 * @param {(price: number, side: BookSideName) => void} pick
 */
function levelRows(side, pick) {
  return Array.from({ length: MOST_ROWS }, () => {
    const cells = ['price', 'size', 'sum', 'mine'].map((name) => el('span', { className: name }));
    const button = el('button', { type: 'button', className: 'level', tabIndex: -1 }, ...cells);
    /** @type {LevelRow} */
    const row = { button, cells, price: null, known: null };
    button.addEventListener('click', () => row.price !== null && pick(row.price, side));
    return row;
  });
}

// --- how many levels, and how wide

/**
 * Shows as many levels as the panel has room for; on phones the page scrolls, so a few.
 * @param {Ladder} ladder
 * @param {() => void} show
 */
function watchRoom(ladder, show) {
  const panel = byId('panel-book');
  const fit = () => {
    const row = ladder.sides.bid[0].button.getBoundingClientRect().height || 20;
    const children = /** @type {HTMLCollectionOf<HTMLElement>} */ (panel.children);
    const others = [...children].filter((node) => !node.classList.contains('levels'));
    const room = panel.clientHeight - others.reduce((sum, node) => sum + node.offsetHeight, 0) - 6;
    const scrolls = getComputedStyle(panel).getPropertyValue('--levels').trim();
    const count = Number(scrolls) || Math.max(FEWEST_ROWS, Math.min(MOST_ROWS, Math.floor(room / 2 / row)));
    if (count === ladder.count) return;
    ladder.count = count;
    Object.values(ladder.sides).forEach((rows) => rows.forEach((one, index) => {
      one.button.hidden = index >= count;
    }));
    show();
  };
  fit();
  new ResizeObserver(fit).observe(panel);
}

/**
 * The choice of steps is remembered for each contract: what is a lot for one is nothing for another.
 * @param {Store} store
 * @param {Ladder} ladder
 * @param {() => void} show
 */
function mountGroups(store, ladder, show) {
  const select = byId('book-group');
  let shown = '';
  /** @param {State} state */
  const fill = (state) => {
    const instrument = instrumentOf(state, state.selected);
    if (!instrument) return;
    const key = `${instrument.instrument_id} ${instrument.tick}`;
    if (key === shown) return;
    shown = key;
    ladder.group = groups()[state.selected ?? ''] ?? 1;
    select.replaceChildren(...GROUPS.map((ticks) => optionFor(ticks, instrument.tick, ticks === ladder.group)));
  };
  select.addEventListener('change', () => {
    ladder.group = Number(select.value);
    savePreference('groups', { ...groups(), [store.state.selected ?? '']: ladder.group });
    show();
  });
  onLanguage(() => {
    select.title = t('book.group');
  });
  store.watch(['selected', 'instruments'], fill);
  return select;
}

const groups = () => loadPreferences().groups ?? {};

/**
 * @param {number} ticks
 * @param {number} tick
 * @param {boolean} selected
 */
function optionFor(ticks, tick, selected) {
  const step = Number((ticks * tick).toFixed(decimalsOf(tick)));
  return el('option', { value: String(ticks), textContent: String(step), selected });
}

/**
 * @param {HTMLSelectElement} select
 * @param {number} by
 */
function regroup(select, by) {
  const next = select.selectedIndex + by;
  if (next < 0 || next >= select.options.length) return;
  select.selectedIndex = next;
  select.dispatchEvent(new Event('change'));
}

/**
 * One stop for the tab key; inside, the arrows go from level to level, over the spread too.
 * @param {Ladder} ladder
 */
function walkWithArrows(ladder) {
  /** @type {Record<string, number>} */
  const steps = { ArrowUp: -1, ArrowDown: 1 };
  byId('panel-book').addEventListener('keydown', (event) => {
    const rows = rowsFromTop(ladder);
    const at = rows.findIndex((row) => row === document.activeElement);
    if (!steps[event.key] || at < 0) return;
    event.preventDefault();
    const next = rows.filter((row, index) => (index - at) * steps[event.key] > 0 && !row.disabled);
    (steps[event.key] > 0 ? next[0] : next.at(-1))?.focus();
  });
  byId('panel-book').addEventListener('focusin', ({ target }) => {
    if (!(target instanceof Element) || !target.classList.contains('level')) return;
    rowsFromTop(ladder).forEach((row) => {
      row.tabIndex = row === target ? 0 : -1;
    });
  });
}

/** @param {Ladder} parts */
const rowsFromTop = ({ sides, count }) => (
  [...sides.ask.slice(0, count).reverse(), ...sides.bid.slice(0, count)].map((row) => row.button)
);

// --- showing

/**
 * @param {State} state
 * @param {Ladder} parts
 */
function showLevels(state, { sides, count, group }) {
  const book = state.books[state.selected ?? ''];
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const { tick } = instrument;
  const own = ownLots(state, tick, group);
  const found = {
    ask: cumulate(gather(book?.asks ?? [], 'ask', tick, group, count)),
    bid: cumulate(gather(book?.bids ?? [], 'bid', tick, group, count)),
  };
  const deepest = Math.max(found.ask.at(-1)?.total ?? 0, found.bid.at(-1)?.total ?? 0);
  NAMES.forEach((side) => {
    for (let index = 0; index < count; index += 1) {
      const level = found[side][index];
      showLevel(sides[side][index], level, { side, deepest, mine: own[side].get(level?.price) ?? 0, tick });
    }
  });
  keepTabStop(sides);
  byId('panel-book').classList.toggle('stale', book?.stale ?? true);
}

/**
 * The tab key always finds the ladder, at the best bid unless the reader has been elsewhere in it.
 * @param {Ladder['sides']} parts
 */
function keepTabStop({ ask, bid }) {
  const held = [...ask, ...bid].find(({ button }) => button.tabIndex === 0 && !button.disabled && !button.hidden);
  if (!held && bid[0].button.tabIndex !== 0) bid[0].button.tabIndex = 0;
}

/**
 * The lots of the reader's own orders that wait, by price as the ladder shows it.
 * @param {State} state
 * @param {number} tick
 * @param {number} group
 */
function ownLots(state, tick, group) {
  /** @type {Record<BookSideName, Map<number | undefined, number>>} */
  const lots = { ask: new Map(), bid: new Map() };
  working(state.orders).forEach((one) => {
    if (one.instrument_id !== state.selected || one.status === 'Waiting' || !one.price || one.price <= 0) return;
    const side = one.direction === SIDES.ask ? 'ask' : 'bid';
    const price = stepOf(one.price, side, tick, group);
    lots[side].set(price, (lots[side].get(price) ?? 0) + (one.remaining_volume ?? 0));
  });
  return lots;
}

/**
 * @param {LevelRow} row
 * @param {(BookLevel & { total: number }) | undefined} level
 * @param {{ side: BookSideName, deepest: number, mine: number, tick: number }} parts
 */
function showLevel(row, level, { side, deepest, mine, tick }) {
  const { button } = row;
  const price = level?.price ?? null;
  const known = level ? [price, level.volume, level.total, level.order_count, deepest, mine, tick, document.documentElement.lang].join() : '';
  if (row.known === known) return;
  Object.assign(row, { known, price });
  button.disabled = !level;
  button.classList.toggle('own', mine > 0);
  button.style.setProperty('--depth', level ? (level.total / deepest).toFixed(3) : '0');
  const texts = level
    ? [format.price(price, tick), format.lots(level.volume), format.lots(level.total), mine > 0 ? format.lots(mine) : '']
    : ['', '', '', ''];
  row.cells.forEach((cell, index) => setText(cell, texts[index]));
  if (level) button.setAttribute('aria-label', levelLabel(side, texts, level, mine));
  else button.removeAttribute('aria-label');
}

/**
 * @param {BookSideName} side
 * @param {string[]} parts
 * @param {BookLevel} level
 * @param {number} mine
 */
function levelLabel(side, [price, lots], level, mine) {
  const values = { side: t(`book.side.${side}`), price, lots, orders: format.lots(level.order_count), mine: format.lots(mine) };
  return t(mine > 0 ? 'book.level_own' : 'book.level', values);
}

/** @param {State} state */
function showMiddle(state) {
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const last = state.ticks[state.selected ?? ''];
  const move = last?.move ?? 'flat';
  byId('book-middle').dataset.move = move;
  setText(byId('middle-last'), `${format.price(last?.price, instrument.tick)} ${ARROWS[move]}`);
  setText(byId('middle-note'), note(state.books[state.selected ?? ''], instrument));
}

/**
 * The spread; in an auction what it would trade by now; outside trading, that there is none.
 * @param {Book | undefined} book
 * @param {Instrument} parts
 */
function note(book, { tick, phase = 'continuous' }) {
  /** @param {number | null | undefined} value */
  const price = (value) => format.price(value, tick);
  if (phase === 'auction' && book?.indicative) {
    return t('book.indicative', { price: price(book.indicative.price), lots: format.lots(book.indicative.volume) });
  }
  if (phase !== 'continuous') return t(`phase.${phase}`);
  return t('book.spread', { spread: price(touch(book).spread) });
}
