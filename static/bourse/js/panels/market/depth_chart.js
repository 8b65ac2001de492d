/** The whole book as a picture: how many lots wait on the way to each price. */
import { cumulate } from '../../state/depth.js';
import { instrumentOf } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 1000;
const HEIGHT = 300;
const HEADROOM = 0.84;

export function mountDepthChart(store) {
  const parts = build(byId('depth-chart'));
  draw(store, ['selected', 'books'], (state) => show(parts, state));
}

function build(root) {
  const svg = svgEl('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
  const shapes = Object.fromEntries(['bid', 'ask'].map((side) => [side, svgSide(svg, side)]));
  const labels = ['low', 'mid', 'high'].map((name) => el('span', { className: name }));
  const top = el('span', { className: 'top' });
  const empty = el('p', { className: 'none' });
  root.replaceChildren(el('div', { className: 'plot' }, svg, top), el('div', { className: 'axis', ariaHidden: 'true' }, ...labels), empty);
  return { root, svg, shapes, labels, top, empty };
}

function svgSide(svg, side) {
  const area = svgEl('path', { class: `area ${side}` });
  const line = svgEl('path', { class: `line ${side}`, 'vector-effect': 'non-scaling-stroke' });
  svg.append(area, line);
  return { area, line };
}

function svgEl(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  return node;
}

function show({ root, svg, shapes, labels, top, empty }, state) {
  const book = state.books[state.selected];
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
  const price = (value) => format.price(value, instrument.tick);
  const axis = [price(frame.low), format.price(frame.middle, instrument.tick / 10), price(frame.high)];
  labels.forEach((label, index) => setText(label, axis[index]));
  setText(top, t('depth.most', { lots: format.lots(frame.most) }));
  svg.setAttribute('aria-label', t('depth.summary', {
    bids: format.lots(bids.at(-1)?.total ?? 0), low: price(bids.at(-1)?.price),
    asks: format.lots(asks.at(-1)?.total ?? 0), high: price(asks.at(-1)?.price),
  }));
}

/** The window on the price axis: as far up as down from the middle, so that the two sides compare. */
function frameOf(bids, asks, tick) {
  const best = [bids[0]?.price, asks[0]?.price].filter((value) => value !== undefined);
  const middle = best.reduce((sum, value) => sum + value, 0) / best.length;
  const ends = [bids.at(-1)?.price ?? middle, asks.at(-1)?.price ?? middle];
  const reach = Math.max(tick, ...ends.map((value) => Math.abs(value - middle))) + tick;
  const most = Math.max(bids.at(-1)?.total ?? 0, asks.at(-1)?.total ?? 0);
  return { low: middle - reach, middle, high: middle + reach, most };
}

/** A staircase from the touch outwards, carried on flat to the `edge` of the window. */
function outline({ area, line }, levels, { low, high, most }, edge) {
  const x = (price) => (((price - low) / (high - low)) * WIDTH).toFixed(1);
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
