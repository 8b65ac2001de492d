/** The balance over time: of this session, as the exchange told it, or of the settled days. */
import { dayText, stamp } from '../shared/cells.js';
import { equityPoint } from '../../state/reduce_history.js';
import { byId, el, setText, svgEl } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

/** @typedef {{ time?: number, day?: string, balance: number }} Point */

const WIDTH = 1000;
const HEIGHT = 200;
const MARGIN = 0.08;

/**
 * Returns {columns, rows()} for files.
 * @param {Store} store
 */
export function mountEquity(store) {
  const parts = build(byId('equity-chart'));
  const view = { days: false };
  /** @returns {Point[]} */
  const rows = () => (view.days ? ofDays(store.state) : ofSession(store.state));
  const show = () => render(parts, rows(), view.days);
  parts.session.addEventListener('click', () => { view.days = false; show(); });
  parts.days.addEventListener('click', () => { view.days = true; show(); });
  store.watch(['account'], ({ account }) => {
    if (account && Number.isFinite(account.balance)) store.set(equityPoint(store.state, Date.now(), account.balance));
  });
  draw(store, ['equity', 'statements', 'session'], show);
  /** @type {Column<Point>[]} */
  const columns = [
    { label: 'orders.time', value: (one) => one.day ?? stamp(one.time) },
    { label: 'account.balance', value: (one) => one.balance },
  ];
  return { columns, rows };
}

/** @param {State} state */
const ofSession = (state) => state.equity;

/**
 * Closing balances, and where the first day began.
 * @param {State} state
 */
function ofDays(state) {
  const days = [...(state.statements ?? [])].reverse();
  return days.map((one) => ({ day: dayText(one.day), balance: one.closing }));
}

/** @param {HTMLElement} root */
function build(root) {
  const svg = svgEl('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
  const line = svgEl('path', { class: 'equity-line', 'vector-effect': 'non-scaling-stroke' });
  const area = svgEl('path', { class: 'equity-area' });
  svg.append(area, line);
  const session = el('button', { type: 'button', className: 'small-button', id: 'equity-session' });
  const days = el('button', { type: 'button', className: 'small-button', id: 'equity-days' });
  const sum = el('p', { className: 'equity-sum' });
  const [high, low, first, last] = ['high', 'low', 'first', 'last'].map((name) => el('span', { className: `equity-${name} faint` }));
  const none = el('p', { className: 'none' });
  root.replaceChildren(
    el('header', { className: 'equity-head' }, sum, el('div', { className: 'equity-views' }, session, days)),
    el('div', { className: 'equity-plot' }, svg, high, low, none), el('div', { className: 'equity-axis' }, first, last),
  );
  return { svg, line, area, session, days, sum, high, low, first, last, none };
}

/**
 * @param {ReturnType<typeof build>} parts
 * @param {Point[]} points
 * @param {boolean} ofDay
 */
function render(parts, points, ofDay) {
  setText(parts.session, t('equity.session'));
  setText(parts.days, t('equity.days'));
  parts.session.setAttribute('aria-pressed', String(!ofDay));
  parts.days.setAttribute('aria-pressed', String(ofDay));
  const [firstPoint, lastPoint] = [points[0], points[points.length - 1]];
  const enough = points.length > 1;
  parts.none.hidden = enough;
  setText(parts.none, enough ? '' : t(ofDay ? 'equity.none_days' : 'equity.none'));
  [parts.svg, parts.high, parts.low, parts.first, parts.last].forEach((node) => node.classList.toggle('visually-hidden', !enough));
  const change = enough ? lastPoint.balance - firstPoint.balance : 0;
  parts.sum.dataset.move = format.moveOf(change);
  setText(parts.sum, enough ? `${format.money(lastPoint.balance)} (${format.profit(change)})` : '');
  if (enough) plot(parts, points, change);
}

/**
 * @param {ReturnType<typeof build>} parts
 * @param {Point[]} points
 * @param {number} change
 */
function plot({ svg, line, area, high, low, first, last }, points, change) {
  const balances = points.map((one) => one.balance);
  const [bottom, top] = [Math.min(...balances), Math.max(...balances)];
  const reach = top - bottom || 1;
  const end = points[points.length - 1];
  const start = points[0].time ?? 0;
  const span = end.time ? end.time - start || 1 : points.length - 1;
  /**
   * @param {Point} one
   * @param {number} index
   */
  const x = (one, index) => (((one.time === undefined ? index : one.time - start) / span) * WIDTH).toFixed(1);
  /** @param {Point} parts */
  const y = ({ balance }) => (HEIGHT * (1 - MARGIN - ((balance - bottom) / reach) * (1 - 2 * MARGIN))).toFixed(1);
  const path = points.map((one, index) => (index === 0 ? `M${x(one, index)} ${y(one)}` : `H${x(one, index)}V${y(one)}`)).join('');
  line.setAttribute('d', path);
  area.setAttribute('d', `${path}V${HEIGHT}H0Z`);
  svg.dataset.move = format.moveOf(change);
  setText(high, format.money(top));
  setText(low, format.money(bottom));
  setText(first, points[0].day ?? format.time(points[0].time));
  setText(last, end.day ?? format.time(end.time));
  svg.setAttribute('aria-label', t('equity.summary', {
    first: format.money(balances[0]), last: format.money(balances.at(-1)), low: format.money(bottom), high: format.money(top),
  }));
}
