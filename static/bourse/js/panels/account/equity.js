/** The balance over time: of this session, as the exchange told it, or of the settled days. */
import { equityPoint } from '../../state/reduce_history.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';
import { dayText, stamp } from '../shared/cells.js';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 1000;
const HEIGHT = 200;
const MARGIN = 0.08;

/** Returns {columns, rows()} for files. */
export function mountEquity(store) {
  const parts = build(byId('equity-chart'));
  const view = { days: false };
  const rows = () => (view.days ? ofDays(store.state) : ofSession(store.state));
  const show = () => render(parts, rows(), view.days);
  parts.session.addEventListener('click', () => { view.days = false; show(); });
  parts.days.addEventListener('click', () => { view.days = true; show(); });
  store.watch(['account'], ({ account }) => {
    if (Number.isFinite(account?.balance)) store.set(equityPoint(store.state, Date.now(), account.balance));
  });
  draw(store, ['equity', 'statements', 'session'], show);
  return {
    columns: [{ label: 'orders.time', value: (one) => one.day ?? stamp(one.time) }, { label: 'account.balance', value: (one) => one.balance }],
    rows,
  };
}

const ofSession = (state) => state.equity;

/** Closing balances, and where the first day began. */
function ofDays(state) {
  const days = [...(state.statements ?? [])].reverse();
  return days.map((one) => ({ day: dayText(one.day), balance: one.closing }));
}

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

function svgEl(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  return node;
}

function render(parts, points, ofDay) {
  setText(parts.session, t('equity.session'));
  setText(parts.days, t('equity.days'));
  parts.session.setAttribute('aria-pressed', String(!ofDay));
  parts.days.setAttribute('aria-pressed', String(ofDay));
  const enough = points.length > 1;
  parts.none.hidden = enough;
  setText(parts.none, enough ? '' : t(ofDay ? 'equity.none_days' : 'equity.none'));
  [parts.svg, parts.high, parts.low, parts.first, parts.last].forEach((node) => node.classList.toggle('visually-hidden', !enough));
  const change = enough ? points.at(-1).balance - points[0].balance : null;
  parts.sum.dataset.move = format.moveOf(change);
  setText(parts.sum, enough ? `${format.money(points.at(-1).balance)} (${format.profit(change)})` : '');
  if (enough) plot(parts, points, change);
}

function plot({ svg, line, area, high, low, first, last }, points, change) {
  const balances = points.map((one) => one.balance);
  const [bottom, top] = [Math.min(...balances), Math.max(...balances)];
  const reach = top - bottom || 1;
  const start = points[0].time ?? 0;
  const span = points.at(-1).time ? points.at(-1).time - start || 1 : points.length - 1;
  const x = (one, index) => (((one.time === undefined ? index : one.time - start) / span) * WIDTH).toFixed(1);
  const y = ({ balance }) => (HEIGHT * (1 - MARGIN - ((balance - bottom) / reach) * (1 - 2 * MARGIN))).toFixed(1);
  const path = points.map((one, index) => (index === 0 ? `M${x(one, index)} ${y(one)}` : `H${x(one, index)}V${y(one)}`)).join('');
  line.setAttribute('d', path);
  area.setAttribute('d', `${path}V${HEIGHT}H0Z`);
  svg.dataset.move = format.moveOf(change);
  setText(high, format.money(top));
  setText(low, format.money(bottom));
  setText(first, points[0].day ?? format.time(points[0].time));
  setText(last, points.at(-1).day ?? format.time(points.at(-1).time));
  svg.setAttribute('aria-label', t('equity.summary', {
    first: format.money(balances[0]), last: format.money(balances.at(-1)), low: format.money(bottom), high: format.money(top),
  }));
}
