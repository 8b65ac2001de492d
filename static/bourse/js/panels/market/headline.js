/** The strip over the chart: which contract, its last price, whether it trades now, and its day in figures. */
import { instrumentOf, isAway } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

/** What is needed most comes first: where the room is short, the last ones are not shown. */
const FACTS = ['change', 'limit_up', 'limit_down', 'settlement', 'high', 'low', 'volume', 'open_interest', 'turnover'];
const ARROWS = { up: '▲', down: '▼', flat: '' };

/** @param {Store} store */
export function mountHeadline(store) {
  const facts = Object.fromEntries(FACTS.map((name) => [name, fact(name)]));
  byId('facts').replaceChildren(...FACTS.map((name) => facts[name].box));
  draw(store, ['selected', 'ticks', 'days'], showLast);
  draw(store, ['selected', 'instruments', 'away'], showName);
  draw(store, ['selected', 'instruments', 'days'], (state) => showFacts(facts, state));
}

/** @param {string} name */
function fact(name) {
  const label = el('dt');
  const value = el('dd', { id: `fact-${name.replace('_', '-')}` });
  return { label, value, box: el('div', { data: { fact: name } }, label, value) };
}

/** @param {State} state */
function showName(state) {
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const phase = isAway(state, state.selected) ? 'away' : instrument.phase ?? 'continuous';
  setText(byId('market-name'), instrument.instrument_id);
  setText(byId('market-title'), instrument.name);
  byId('market-title').title = instrument.name;
  byId('market-phase').dataset.phase = phase;
  setText(byId('market-phase'), t(`phase.${phase}`));
  byId('market-phase').title = t(`phase.${phase}.long`);
}

/** @param {State} state */
function showLast(state) {
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const last = state.ticks[state.selected ?? ''];
  const text = format.price(last?.price, instrument.tick);
  const move = last?.move ?? 'flat';
  byId('last').dataset.move = move;
  setText(byId('last-price'), text);
  setText(byId('last-arrow'), ARROWS[move]);
  document.title = last ? `${text} ${instrument.instrument_id} · Bourse` : `${instrument.instrument_id} · Bourse`;
}

/**
 * @param {Record<string, ReturnType<typeof fact>>} facts
 * @param {State} state
 */
function showFacts(facts, state) {
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const day = state.days[state.selected ?? ''];
  /** @param {number | null | undefined} value */
  const price = (value) => format.price(value, instrument.tick);
  /** @type {Record<string, string>} */
  const texts = {
    change: day?.change === null || !day ? format.NONE : `${format.signed(day.change, price)} ${format.change(format.shareOf(day))}`,
    high: price(day?.high),
    low: price(day?.low),
    volume: format.lots(day?.volume),
    turnover: format.short(day?.turnover),
    open_interest: format.lots(day?.open_interest),
    settlement: format.price(day?.settlement_price, instrument.tick),
    limit_up: price(instrument.limit_up),
    limit_down: price(instrument.limit_down),
  };
  FACTS.forEach((name) => {
    setText(facts[name].label, t(`market.${name}`));
    setText(facts[name].value, texts[name]);
  });
  facts.change.value.dataset.move = format.moveOf(day?.change ?? 0);
}
