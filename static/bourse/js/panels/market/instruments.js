/** The list of contracts: what each costs now and how far it has moved today; a search box narrows it. */
import { instrumentOf } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/**
 * `chosen()` is called when a contract was picked here. Returns {search(), step(by)} for the keyboard.
 * @param {Store} store
 * @param {Client} client
 * @param {() => void} chosen
 */
export function mountInstruments(store, client, chosen) {
  const list = byId('instrument-list');
  const search = byId('instrument-search');
  /** @type {Map<string, HTMLElement>} */
  const rows = new Map();
  /** @param {string} id */
  const pick = (id) => {
    client.select(id);
    chosen();
  };
  draw(store, ['instruments', 'selected', 'ticks', 'days'], (state) => {
    state.instruments.filter((one) => one.phase !== 'delisted' || rows.has(one.instrument_id)).forEach(({ instrument_id: id }) => {
      const row = rows.get(id) ?? list.appendChild(rowFor(id, pick));
      rows.set(id, row);
      showRow(row, id, state);
    });
    narrow(rows, search, store.state);
  });
  search.addEventListener('input', () => narrow(rows, search, store.state));
  search.addEventListener('keydown', (event) => searched(event, rows, search, pick));
  list.addEventListener('keydown', (event) => walked(event, rows));
  return { search: () => search.focus(), step: (/** @type {number} */ by) => step(store, rows, client, by) };
}

/**
 * @param {string} id
 * @param {(id: string) => void} pick
 */
function rowFor(id, pick) {
  const cells = ['id', 'last', 'change', 'name', 'phase'].map((name) => el('span', { className: name }));
  const row = el('button', { type: 'button', className: 'contract', data: { instrument: id } }, ...cells);
  row.addEventListener('click', () => pick(id));
  return row;
}

/**
 * @param {Element} row
 * @param {string} id
 * @param {State} state
 */
function showRow(row, id, state) {
  const instrument = instrumentOf(state, id);
  const day = state.days[id];
  if (!instrument) return;
  const [idCell, last, change, name, phase] = /** @type {HTMLCollectionOf<HTMLElement>} */ (row.children);
  const price = state.ticks[id]?.price ?? day?.last_price;
  const now = instrument.phase ?? 'continuous';
  row.setAttribute('aria-pressed', String(state.selected === id));
  setText(idCell, id);
  setText(name, instrument.name);
  setText(last, format.price(price, instrument.tick));
  setText(change, format.change(format.shareOf(day)));
  change.dataset.move = last.dataset.move = format.moveOf(day?.change ?? 0);
  phase.dataset.phase = now;
  setText(phase, now === 'continuous' ? '' : t(`phase.${now}`));
}

/**
 * Shows the contracts that the searched words name.
 * @param {Map<string, HTMLElement>} rows
 * @param {HTMLInputElement} search
 * @param {State} state
 */
function narrow(rows, search, state) {
  const words = search.value.trim().toLowerCase();
  let found = 0;
  rows.forEach((row, id) => {
    const text = `${id} ${instrumentOf(state, id)?.name}`.toLowerCase();
    row.hidden = !text.includes(words);
    if (!row.hidden) found += 1;
  });
  const none = byId('instrument-none');
  none.hidden = found > 0;
  setText(none, found > 0 ? '' : t(rows.size > 0 ? 'market.none_found' : 'market.none'));
}

/**
 * @param {KeyboardEvent} event
 * @param {Map<string, HTMLElement>} rows
 * @param {HTMLInputElement} search
 * @param {(id: string) => void} pick
 */
function searched(event, rows, search, pick) {
  const shown = [...rows.values()].filter((row) => !row.hidden);
  if (event.key === 'Enter' && shown.length > 0) {
    search.value = '';
    search.dispatchEvent(new Event('input'));
    pick(shown[0].dataset.instrument ?? '');
    shown[0].focus();
  } else if (event.key === 'ArrowDown') {
    event.preventDefault();
    shown[0]?.focus();
  } else if (event.key === 'Escape') {
    search.blur();
  }
}

/**
 * @param {KeyboardEvent} event
 * @param {Map<string, HTMLElement>} rows
 */
function walked(event, rows) {
  const by = STEPS[event.key];
  if (!by) return;
  event.preventDefault();
  const shown = [...rows.values()].filter((row) => !row.hidden);
  shown[shown.findIndex((row) => row === document.activeElement) + by]?.focus();
}

/**
 * The next contract of the list, or the one before, round and round.
 * @param {Store} store
 * @param {Map<string, HTMLElement>} rows
 * @param {Client} client
 * @param {number} by
 */
function step(store, rows, client, by) {
  const ids = [...rows.keys()];
  if (ids.length === 0) return;
  client.select(ids[(ids.indexOf(store.state.selected ?? '') + by + ids.length) % ids.length]);
}
