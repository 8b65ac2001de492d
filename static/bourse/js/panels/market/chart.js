/**
 * Candles and volume of the contract on view, with the reader's own fills, orders and position in them. The drawing is
 * Lightweight Charts', which is optional: without it the panel says how to install it. It knows prices as numbers of
 * ticks, so that whatever the tick is, its scale has round ones, and the words on it are prices.
 */
import { PERIODS } from '../../line/protocol.js';
import { legsOf, tickOf, working } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { onLanguage, t } from '../../ui/i18n.js';

const NEAR_THE_START = 30;
/** Closer than this to a whole number of ticks is one: the library adds up its lines. */
const WHOLE = 1e-6;
const COLOURS = ['text', 'muted', 'line', 'line-strong', 'panel', 'accent', 'up', 'down', 'up-wash', 'down-wash'];
/** @typedef {typeof import('lightweight-charts')} Library */
/**
 * @typedef {object} View
 * @property {Store} store
 * @property {Library} library
 * @property {HTMLElement} root
 * @property {import('lightweight-charts').IChartApi} chart
 * @property {import('lightweight-charts').ISeriesApi<'Candlestick'>} candles
 * @property {import('lightweight-charts').ISeriesApi<'Histogram'>} volume
 * @property {import('lightweight-charts').ISeriesMarkersPluginApi<import('lightweight-charts').Time>} markers
 * @property {Map<string, import('lightweight-charts').IPriceLine>} lines
 * @property {Bars | null} drawn
 * @property {Record<string, string>} colours
 * @property {unknown} at
 * @property {number} tick of the candles that are drawn
 */

/** @type {Record<string, number>} */
const KEYS = { ArrowLeft: -10, ArrowRight: 10 };
/** @type {Record<string, number>} */
const ZOOM = { '+': 1.25, '=': 1.25, '-': 0.8 };

/**
 * Returns {period(by)}, the next or previous length of a bar, for the keyboard.
 * @param {Store} store
 * @param {Client} client
 */
export function mountChart(store, client) {
  load().then((library) => {
    mountCover(store, library);
    if (library) mountCanvas(store, client, library);
  });
  return mountPeriods(store, client);
}

/**
 * Words in place of candles: why there are none.
 * @param {Store} store
 * @param {Library | null} library
 */
function mountCover(store, library) {
  const cover = byId('chart-cover');
  draw(store, ['bars'], (state) => {
    setText(cover, coverWords(state, library));
    cover.hidden = cover.textContent === '';
  });
}

/**
 * The drawing library, or null where it was not installed.
 * @returns {Promise<Library | null>}
 */
async function load() {
  const { library } = byId('panel-chart').dataset;
  if (!library) return null;
  try {
    return await import(library);
  } catch {
    return null;
  }
}

/**
 * @param {State} parts
 * @param {Library | null} library
 */
function coverWords({ bars }, library) {
  if (!library) return t('chart.not_installed');
  if (bars.list.length > 0) return '';
  return t(bars.loaded ? 'chart.none' : 'chart.waiting');
}

/**
 * @param {Store} store
 * @param {Client} client
 */
function mountPeriods(store, client) {
  const buttons = Object.keys(PERIODS).map((period) => {
    const button = el('button', { type: 'button', textContent: period, data: { period } });
    button.addEventListener('click', () => client.market.setPeriod(period));
    return button;
  });
  byId('periods').replaceChildren(...buttons);
  draw(store, ['bars'], ({ bars }) => buttons.forEach((button) => {
    button.setAttribute('aria-pressed', String(button.dataset.period === bars.period));
    button.setAttribute('aria-label', t(`chart.period.${button.dataset.period}`));
  }));
  const periods = Object.keys(PERIODS);
  return {
    period: (/** @type {number} */ by) => {
      const next = periods[periods.indexOf(store.state.bars.period) + by];
      if (next) client.market.setPeriod(next);
    },
  };
}

// --- the canvas

/**
 * @param {Store} store
 * @param {Client} client
 * @param {Library} library
 */
function mountCanvas(store, client, library) {
  const root = byId('chart-canvas');
  byId('chart-attribution').hidden = false;
  // Its own logo would need an inline style, which our pages do not allow; the panel has the link to TradingView itself.
  const chart = library.createChart(root, { autoSize: true, layout: { attributionLogo: false } });
  const candles = chart.addSeries(library.CandlestickSeries, { priceLineStyle: library.LineStyle.Dotted });
  const volume = chart.addSeries(library.HistogramSeries, {
    priceScaleId: '', priceFormat: { type: 'volume' }, lastValueVisible: false, priceLineVisible: false,
  });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  candles.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.22 } });
  /** @type {View} */
  const view = {
    store, library, root, chart, candles, volume, markers: library.createSeriesMarkers(candles, []),
    lines: new Map(), drawn: null, colours: {}, at: null, tick: 1,
  };
  candles.applyOptions({
    priceFormat: {
      type: 'custom', minMove: 1,
      formatter: (/** @type {number} */ ticks) => priceOf(ticks, view.tick),
      tickmarksFormatter: (/** @type {number[]} */ marks) => marks.map((ticks) => markOf(ticks, view.tick)),
    },
  });

  paint(view);
  onColours(() => {
    paint(view);
    view.drawn = null;
    showBars(view);
    showOwn(view);
  });
  draw(store, ['bars', 'instruments'], () => showBars(view));
  draw(store, ['bars', 'fills', 'orders', 'positions', 'selected'], () => showOwn(view));
  onLanguage(() => showLegend(view));
  chart.subscribeCrosshairMove(({ time }) => {
    view.at = time ?? null;
    showLegend(view);
  });
  chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
    if (range && range.from < NEAR_THE_START) client.market.older();
  });
  root.addEventListener('keydown', (event) => walk(event, chart));
}

/**
 * Calls `listener` when the theme or the colours of rise and fall change.
 * @param {() => void} listener
 */
function onColours(listener) {
  const root = document.documentElement;
  new MutationObserver(listener).observe(root, { attributes: true, attributeFilter: ['data-theme', 'data-up'] });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', listener);
}

/**
 * The page's colours as the canvas needs them: resolved.
 * @param {HTMLElement} root
 */
function resolved(root) {
  const probe = root.appendChild(el('span', { className: 'colour-probe', hidden: true }));
  const colours = Object.fromEntries(COLOURS.map((name) => {
    probe.style.setProperty('--probe', `var(--${name})`);
    return [name, getComputedStyle(probe).color];
  }));
  probe.remove();
  return colours;
}

/** @param {View} view */
function paint(view) {
  const { chart, candles, root } = view;
  const colours = resolved(root);
  view.colours = colours;
  chart.applyOptions({
    layout: {
      background: { type: view.library.ColorType.Solid, color: colours.panel },
      textColor: colours.muted,
      fontFamily: getComputedStyle(root).fontFamily,
      fontSize: 11,
    },
    grid: { vertLines: { color: colours.line }, horzLines: { color: colours.line } },
    crosshair: { mode: 0, vertLine: { color: colours['line-strong'] }, horzLine: { color: colours['line-strong'] } },
    rightPriceScale: { borderColor: colours.line },
    timeScale: {
      borderColor: colours.line, timeVisible: true, rightOffset: 6, barSpacing: 7, lockVisibleTimeRangeOnResize: true,
      tickMarkFormatter: (/** @type {any} */ time, /** @type {number} */ kind) => markText(view, time, kind),
    },
    localization: { timeFormatter: (/** @type {any} */ time) => format.moment(time * 1000, isDaily(view)) },
  });
  candles.applyOptions({
    upColor: colours.up, downColor: colours.down, wickUpColor: colours.up, wickDownColor: colours.down, borderVisible: false,
  });
}

/** @param {View} parts */
const isDaily = ({ store }) => store.state.bars.period === '1d';

/**
 * Days where days begin, else the time, both of the reader's clock.
 * @param {View} view
 * @param {any} time
 * @param {number} kind
 */
function markText(view, time, kind) {
  const { TickMarkType } = view.library;
  const isDay = kind === TickMarkType.DayOfMonth || kind === TickMarkType.Month || kind === TickMarkType.Year;
  return isDay ? format.date(time * 1000, isDaily(view)) : format.time(time * 1000).slice(0, 5);
}

// --- bars

/** @param {{ start: number }} bar */
const timeOf = ({ start }) => /** @type {import('lightweight-charts').UTCTimestamp} */ (start / 1000);

/**
 * A place on the scale as a price: the nearest that there is.
 * @param {number} ticks
 * @param {number} tick
 */
const priceOf = (ticks, tick) => format.price(Math.round(ticks) * tick, tick);

/**
 * The word at a line of the scale. Lines may be two and a half ticks apart: one that stands between two prices has none.
 * @param {number} ticks
 * @param {number} tick
 */
const markOf = (ticks, tick) => (Math.abs(ticks - Math.round(ticks)) < WHOLE ? priceOf(ticks, tick) : '');

/**
 * @param {BarData} bar
 * @param {number} tick
 */
function candleOf(bar, tick) {
  /** @param {number} price */
  const ticks = (price) => Math.round(price / tick);
  return { time: timeOf(bar), open: ticks(bar.open), high: ticks(bar.high), low: ticks(bar.low), close: ticks(bar.close) };
}

/**
 * @param {BarData} bar
 * @param {Record<string, string>} colours
 */
const volumeOf = (bar, colours) => ({
  time: timeOf(bar), value: bar.volume, color: colours[bar.close >= bar.open ? 'up-wash' : 'down-wash'],
});

/**
 * Draws what is new: as a rule the last bar; all of them only when others have come.
 * @param {View} view
 */
function showBars(view) {
  const { store, candles, volume, colours } = view;
  const { bars } = store.state;
  const tick = tickOf(store.state, bars.instrumentId);
  if (view.drawn?.list === bars.list && view.tick === tick) return;
  if (isLater(view.drawn, bars) && view.tick === tick) {
    bars.list.slice(view.drawn.list.length - 1).forEach((bar) => {
      candles.update(candleOf(bar, tick));
      volume.update(volumeOf(bar, colours));
    });
  } else {
    view.tick = tick;
    candles.setData(bars.list.map((bar) => candleOf(bar, tick)));
    volume.setData(bars.list.map((bar) => volumeOf(bar, colours)));
    if (bars.list.length > 0 && !isSame(view.drawn, bars)) view.chart.timeScale().resetTimeScale();
  }
  view.drawn = bars;
  showLegend(view);
}

/**
 * @param {Bars | null} before
 * @param {Bars} now
 */
const isSame = (before, now) => (
  before !== null && before.instrumentId === now.instrumentId && before.period === now.period && before.list.length > 0
);

/**
 * Whether only the last bar has changed, or one has come after it.
 * @param {Bars | null} before
 * @param {Bars} now
 * @returns {before is Bars}
 */
function isLater(before, now) {
  if (!before || !isSame(before, now)) return false;
  const grown = now.list.length - before.list.length;
  const last = before.list.length - 1;
  return (grown === 0 || grown === 1) && now.list[0] === before.list[0] && now.list[last].start === before.list[last].start;
}

/**
 * Open, high, low, close and volume of the bar under the cross, else of the last one.
 * @param {View} parts
 */
function showLegend({ store, root, at }) {
  const { bars } = store.state;
  const bar = (at !== null && bars.list.find((one) => one.start / 1000 === at)) || bars.list.at(-1);
  const tick = tickOf(store.state, bars.instrumentId);
  /** @param {number} value */
  const price = (value) => format.price(value, tick);
  const legend = byId('chart-legend');
  const values = bar && {
    open: price(bar.open), high: price(bar.high), low: price(bar.low), close: price(bar.close), volume: format.lots(bar.volume),
  };
  setText(legend, bar ? t('chart.legend', values) : '');
  legend.dataset.move = bar ? format.moveOf(bar.close - bar.open) : 'flat';
  root.setAttribute('aria-label', bar ? t('chart.summary', { ...values, id: bars.instrumentId ?? '', period: t(`chart.period.${bars.period}`) }) : t('chart.title'));
}

// --- the reader's own

/** @param {View} view */
function showOwn(view) {
  const { store, colours } = view;
  const { bars, fills, selected } = store.state;
  const mine = fills.filter((one) => one.instrument_id === selected);
  view.markers.setMarkers(markersOf(mine, bars.list, colours));
  showLines(view);
}

/**
 * What was bought and what was sold within a bar: one arrow each, however many fills there were.
 * @param {OwnFill[]} fills
 * @param {BarData[]} bars
 * @param {Record<string, string>} colours
 * @returns {import('lightweight-charts').SeriesMarker<import('lightweight-charts').Time>[]}
 */
function markersOf(fills, bars, colours) {
  const found = new Map();
  fills.forEach(({ timestamp, direction, volume }) => {
    const bar = bars.findLast((one) => one.start <= timestamp);
    if (!bar) return;
    const key = `${bar.start} ${direction}`;
    found.set(key, { start: bar.start, direction, volume: volume + (found.get(key)?.volume ?? 0) });
  });
  return [...found.values()].sort((a, b) => a.start - b.start).map(({ start, direction, volume }) => ({
    time: timeOf({ start }),
    position: direction === 'BUY' ? 'belowBar' : 'aboveBar',
    shape: direction === 'BUY' ? 'arrowUp' : 'arrowDown',
    color: colours[direction === 'BUY' ? 'up' : 'down'],
    text: format.lots(volume),
  }));
}

/**
 * A line at the price of each working order, and at the mean price of what is held, which it names itself.
 * @param {View} view
 */
function showLines(view) {
  const wanted = new Map([...orderLines(view), ...positionLines(view)]);
  view.lines.forEach((line, key) => {
    if (wanted.has(key)) return;
    view.candles.removePriceLine(line);
    view.lines.delete(key);
  });
  wanted.forEach((options, key) => {
    const line = view.lines.get(key);
    if (line) line.applyOptions(options);
    else view.lines.set(key, view.candles.createPriceLine(options));
  });
}

/**
 * @param {View} parts
 * @returns {[string, import('lightweight-charts').CreatePriceLineOptions][]}
 */
function orderLines({ store, colours, library }) {
  return working(store.state.orders)
    .filter((one) => one.instrument_id === store.state.selected && Number(one.price) > 0)
    .map((one) => [one.order_id, {
      price: Number(one.price) / tickOf(store.state, one.instrument_id),
      axisLabelVisible: true,
      color: one.direction === 'BUY' ? colours.up : colours.down,
      lineWidth: 1,
      lineStyle: library.LineStyle.Dashed,
      title: `${t(`direction.${one.direction}`)} ${format.lots(one.remaining_volume)}`,
    }]);
}

/**
 * @param {View} parts
 * @returns {[string, import('lightweight-charts').CreatePriceLineOptions][]}
 */
function positionLines({ store, colours, library }) {
  const held = store.state.positions?.find((one) => one.instrument_id === store.state.selected);
  const tick = tickOf(store.state, store.state.selected);
  return legsOf(held ? [held] : []).map(({ position, side }) => [side, {
    price: Number(position[`open_price_${side}`]) / tick,
    axisLabelVisible: false, // A mean of prices may be none, and the scale can only say those that are.
    color: colours.accent,
    lineWidth: 1,
    lineStyle: library.LineStyle.Solid,
    title: `${t(`positions.${side}`)} ${format.lots(position[`volume_${side}`])} @ ${format.average(position[`open_price_${side}`], tick)}`,
  }]);
}

/**
 * @param {KeyboardEvent} event
 * @param {import('lightweight-charts').IChartApi} chart
 */
function walk(event, chart) {
  const scale = chart.timeScale();
  if (KEYS[event.key]) scale.scrollToPosition(scale.scrollPosition() + KEYS[event.key], false);
  else if (ZOOM[event.key]) scale.applyOptions({ barSpacing: scale.options().barSpacing * ZOOM[event.key] });
  else if (event.key === 'End') scale.scrollToRealTime();
  else return;
  event.preventDefault();
  event.stopPropagation();
}
