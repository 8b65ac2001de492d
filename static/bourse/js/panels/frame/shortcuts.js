/** The page without a mouse: single keys where nobody is writing, listed in a dialog, and switched off there. */
import { loadPreferences, savePreference } from '../../base/storage.js';
import { byId, el, setText } from '../../ui/dom.js';
import { onLanguage, t } from '../../ui/i18n.js';

/** @typedef {Record<string, [string, () => unknown]>} Actions */

/**
 * `actions`: by key, [name of what it does (see locales/), function]. The first key of a name stands for it in the list.
 * @param {Actions} actions
 */
export function mountShortcuts(actions) {
  const dialog = byId('shortcuts');
  /** @type {Actions} */
  const all = { '?': ['help', () => dialog.showModal()], ...actions };
  const on = byId('shortcuts-on');
  on.checked = loadPreferences().shortcuts !== false;
  on.addEventListener('change', () => savePreference('shortcuts', on.checked));
  byId('shortcuts-open').addEventListener('click', () => dialog.showModal());
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') leave(event);
    if (isTaken(event) || (!on.checked && event.key !== '?')) return;
    const [, act] = all[event.key] ?? [];
    if (!act) return;
    event.preventDefault();
    act();
  });
  list(all);
}

/**
 * Out of a field, back to where single keys are shortcuts.
 * @param {KeyboardEvent} event
 */
function leave({ target, defaultPrevented }) {
  const asked = document.querySelector('dialog[open]');
  if (!defaultPrevented && !asked && target instanceof HTMLElement && target.matches('input, select, textarea')) target.blur();
}

/**
 * Whether the key belongs to somebody else: a field, a dialog, the browser.
 * @param {KeyboardEvent} parts
 */
function isTaken({ target, defaultPrevented, ctrlKey, metaKey, altKey }) {
  const writing = target instanceof Element && target.closest('input:not([type=radio]):not([type=checkbox]), select, textarea');
  const asked = document.querySelector('dialog[open]');
  return defaultPrevented || ctrlKey || metaKey || altKey || Boolean(writing || asked);
}

/**
 * Digits last: an object would put them first.
 * @param {Actions} actions
 */
function list(actions) {
  const all = Object.keys(actions).sort((a, b) => Number(/\d/.test(a)) - Number(/\d/.test(b)));
  const keys = Map.groupBy(all, (key) => actions[key][0]);
  const rows = [...keys].map(([name, ours]) => ({
    name,
    words: el('dd'),
    head: el('dt', {}, ...ours.map((key) => el('kbd', { textContent: key }))),
  }));
  byId('shortcuts-list').replaceChildren(...rows.map(({ head, words }) => el('div', {}, head, words)));
  const label = () => rows.forEach(({ name, words }) => setText(words, t(`shortcuts.${name}`)));
  onLanguage(label);
  label();
}
