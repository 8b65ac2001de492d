/** The whole book as a picture: how many lots wait on the way to each price. */
import { cumulate } from '../../state/depth.js';
import { instrumentOf } from '../../state/selectors.js';
import { byId, el, setText, svgEl } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

/** @typedef {BookLevel & { total: number }} Total */

const WIDTH = 1000;
const HEIGHT = 300;
const HEADROOM = 0.84;

/** @param {Store} store */
export function mountDepthChart(store) {
  const parts = build(byId('depth-chart'));
  draw(store, ['selected', 'books'], (state) => show(parts, state));
}

/** @param {HTMLElement} root */
function build(root) {
  const svg = svgEl('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
  const shapes = Object.fromEntries(['bid', 'ask'].map((side) => [side, svgSide(svg, side)]));
  const labels = ['low', 'mid', 'high'].map((name) => el('span', { className: name }));
  const top = el('span', { className: 'top' });
  const empty = el('p', { className: 'none' });
  root.replaceChildren(el('div', { className: 'plot' }, svg, top), el('div', { className: 'axis', ariaHidden: 'true' }, ...labels), empty);
  return { root, svg, shapes, labels, top, empty };
}

/**
 * @param {SVGElement} svg
 * @param {string} side
 */
function svgSide(svg, side) {
  const area = svgEl('path', { class: `area ${side}` });
  const line = svgEl('path', { class: `line ${side}`, 'vector-effect': 'non-scaling-stroke' });
  svg.append(area, line);
  return { area, line };
}

/**
 * @param {ReturnType<typeof build>} parts
 * @param {State} state
 */
function show({ root, svg, shapes, labels, top, empty }, state) {
  const book = state.books[state.selected ?? ''];
  const instrument = instrumentOf(state, state.selected);
  const bids = cumulate(book?.bids ?? []);
  const asks = cumulate(book?.asks ?? []);
  const isEmpty = bids.length + asks.length === 0;
  root.classList.toggle('empty', isEmpty);
  setText(empty, isEmpty ? t(book ? 'depth.none' : 'depth.waiting') : '');
  if (isEmpty || !instrument) return;
  const frame = frameOf(bids, asks, instrument.tick);
  outline(shapes.bid, bids, frame, frame.low);
  outline(shapes.ask, asks, frame, frame.high);
  /** @param {number | undefined} value */
  const price = (value) => format.price(value, instrument.tick);
  const axis = [price(frame.low), format.price(frame.middle, instrument.tick / 10), price(frame.high)];
  labels.forEach((label, index) => setText(label, axis[index]));
  setText(top, t('depth.most', { lots: format.lots(frame.most) }));
  svg.setAttribute('aria-label', t('depth.summary', {
    bids: format.lots(bids.at(-1)?.total ?? 0), low: price(bids.at(-1)?.price),
    asks: format.lots(asks.at(-1)?.total ?? 0), high: price(asks.at(-1)?.price),
  }));
}

/**
 * The window on the price axis: as far up as down from the middle, so that the two sides compare.
 * @param {Total[]} bids
 * @param {Total[]} asks
 * @param {number} tick
 */
function frameOf(bids, asks, tick) {
  const best = [...bids.slice(0, 1), ...asks.slice(0, 1)].map((one) => one.price);
  const middle = best.reduce((sum, value) => sum + value, 0) / best.length;
  const ends = [bids.at(-1)?.price ?? middle, asks.at(-1)?.price ?? middle];
  const reach = Math.max(tick, ...ends.map((value) => Math.abs(value - middle))) + tick;
  const most = Math.max(bids.at(-1)?.total ?? 0, asks.at(-1)?.total ?? 0);
  return { low: middle - reach, middle, high: middle + reach, most };
}

/**
 * A staircase from the touch outwards, carried on flat to the `edge` of the window.
 * @param {{ area: SVGElement, line: SVGElement }} parts
 * @param {Total[]} levels
 * @param {{ low: number, high: number, most: number }} frame
 * @param {number} edge
 */
function outline({ area, line }, levels, { low, high, most }, edge) {
  /** @param {number} price */
  const x = (price) => (((price - low) / (high - low)) * WIDTH).toFixed(1);
  /** @param {number} total */
  const y = (total) => (HEIGHT - (total / most) * HEIGHT * HEADROOM).toFixed(1);
  if (levels.length === 0) {
    area.setAttribute('d', '');
    line.setAttribute('d', '');
    return;
  }
  const steps = levels.map((level) => `H${x(level.price)}V${y(level.total)}`).join('');
  const path = `M${x(levels[0].price)} ${HEIGHT}${steps}H${x(edge)}`;
  line.setAttribute('d', path);
  area.setAttribute('d', `${path}V${HEIGHT}Z`);
}
