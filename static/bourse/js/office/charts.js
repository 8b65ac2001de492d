// The small charts of the home page: a bar each two minutes of the last 24 hours.
import { svgEl } from '../ui/dom.js';

/** A minute: when it began (Unix ms), orders, trades, seconds of the usual and of the late answer.
 * @typedef {[number, number, number, number | null, number | null]} Line */

const WIDTH = 720;
const HEIGHT = 90;
const SPAN = 24 * 60;
const STEP = 2; // minutes a bar

/** @type {Record<string, (line: Line) => number>} */
const VALUES = {
  orders: (line) => line[1],
  trades: (line) => line[2],
  late: (line) => (line[4] ?? 0) * 1000,
};

/** Draw every chart of the page. @param {Line[]} lines @param {number} now Unix ms */
export function draw(lines, now) {
  for (const svg of document.querySelectorAll('svg[data-chart]')) {
    const name = /** @type {SVGElement} */ (svg).dataset.chart ?? '';
    const value = VALUES[name];
    if (value) drawOne(/** @type {SVGElement} */ (svg), lines, now, value);
  }
}

/** @param {SVGElement} svg @param {Line[]} lines @param {number} now @param {(line: Line) => number} value */
function drawOne(svg, lines, now, value) {
  const bars = bucketed(lines, now, value);
  const top = Math.max(...bars, 0);
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  const path = bars
    .map((height, at) => (height > 0 ? bar((at * WIDTH) / bars.length, (height / top) * (HEIGHT - 2)) : ''))
    .join('');
  const shape = svg.firstElementChild ?? svg.appendChild(svgEl('path', {}));
  shape.setAttribute('d', path || 'M0 0');
  const output = svg.parentElement?.querySelector('output');
  if (output) output.textContent = top ? `↑ ${top.toLocaleString('en', { maximumFractionDigits: 2 })}` : '';
}

/** The greatest value of each part of the day. @param {Line[]} lines @param {number} now
 * @param {(line: Line) => number} value */
function bucketed(lines, now, value) {
  const bars = new Array(SPAN / STEP).fill(0);
  for (const line of lines) {
    const at = bars.length - 1 - Math.floor((now - line[0]) / 60_000 / STEP);
    if (at >= 0 && at < bars.length) bars[at] = Math.max(bars[at], value(line));
  }
  return bars;
}

/** @param {number} x @param {number} height */
function bar(x, height) {
  const width = (WIDTH / SPAN) * STEP;
  return `M${x.toFixed(1)} ${HEIGHT}v-${height.toFixed(1)}h${width.toFixed(1)}v${height.toFixed(1)}z`;
}
