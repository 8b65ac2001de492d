/** The strip over the desk: which contract, its last price, its touch and its rules for the day. */
import { byId, el, instrumentOf, setText } from '../dom.js';
import { touch } from '../depth.js';
import * as format from '../format.js';
import { t } from '../i18n.js';
import { draw } from './draw.js';

export function mountMarket(store, client) {
  const tabs = new Map(store.state.instruments.map((one) => [one.instrument_id, tabFor(one, client)]));
  byId('instruments-tabs').replaceChildren(...tabs.values());
  if (tabs.size === 0) mountNothing(store);
  draw(store, ['selected', 'ticks'], (state) => tabs.forEach((tab, id) => showTab(tab, id, state)));
  draw(store, ['selected', 'ticks'], showLast);
  draw(store, ['selected', 'books'], showFacts);
}

function mountNothing(store) {
  const words = byId('instruments-tabs').appendChild(el('p', { className: 'none' }));
  draw(store, [], () => setText(words, t('market.none')));
}

function tabFor(instrument, client) {
  const tab = el('button', { type: 'button', className: 'tab', title: instrument.name },
    el('span', { className: 'tab-id', textContent: instrument.instrument_id }),
    el('span', { className: 'tab-last' }));
  tab.addEventListener('click', () => client.select(instrument.instrument_id));
  return tab;
}

function showTab(tab, id, state) {
  const tick = state.ticks[id];
  const last = tab.querySelector('.tab-last');
  tab.setAttribute('aria-pressed', String(state.selected === id));
  last.dataset.move = tick?.move ?? 'flat';
  setText(last, format.price(tick?.price, instrumentOf(state, id).tick));
}

const ARROWS = { up: '▲', down: '▼', flat: '' };

function showLast(state) {
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const tick = state.ticks[state.selected];
  const move = tick?.move ?? 'flat';
  const text = format.price(tick?.price, instrument.tick);
  byId('last').dataset.move = move;
  setText(byId('market-name'), `${instrument.instrument_id} ${instrument.name}`);
  setText(byId('last-price'), text);
  setText(byId('last-arrow'), ARROWS[move]);
  document.title = tick ? `${text} ${instrument.instrument_id} · Bourse` : `${instrument.instrument_id} · Bourse`;
}

function showFacts(state) {
  const instrument = instrumentOf(state, state.selected);
  if (!instrument) return;
  const { bid, ask, spread } = touch(state.books[state.selected]);
  const price = (value) => format.price(value, instrument.tick);
  setText(byId('fact-bid'), price(bid));
  setText(byId('fact-ask'), price(ask));
  setText(byId('fact-spread'), price(spread));
  setText(byId('fact-limit-up'), price(instrument.limit_up));
  setText(byId('fact-limit-down'), price(instrument.limit_down));
  setText(byId('fact-tick'), price(instrument.tick));
  setText(byId('fact-multiplier'), format.lots(instrument.multiplier));
}
