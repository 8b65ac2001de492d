/** The line at the top of every page of the documents: what is found while one types. Enter, and whoever has no script,
 * gets the same from the server as a page. */
import { el } from '../ui/dom.js';

const PAUSE_MS = 150;

/** @typedef {{ address: string, title: string, heading: string, language: string, named: string, excerpt: [string, boolean][] }} Found */

export function mountSearch() {
  const form = /** @type {HTMLFormElement} */ (document.querySelector('form.search'));
  const input = /** @type {HTMLInputElement} */ (form.querySelector('input'));
  const list = /** @type {HTMLElement} */ (form.querySelector('.results'));
  let asked = 0;
  let pause = 0;

  const close = () => {
    asked += 1;
    list.hidden = true;
  };

  const look = async () => {
    const query = input.value.trim();
    if (!query) return close();
    const mine = (asked += 1);
    const answer = await fetch(`${form.dataset.json}?q=${encodeURIComponent(query)}`).catch(() => null);
    const found = answer?.ok ? await answer.json() : null;
    if (mine !== asked || !found) return;
    list.replaceChildren(...(found.results.length ? found.results.map(row) : [el('p', { textContent: form.dataset.none })]));
    list.hidden = false;
  };

  input.addEventListener('input', () => {
    clearTimeout(pause);
    pause = setTimeout(look, PAUSE_MS);
  });
  form.addEventListener('focusout', (left) => {
    if (left.relatedTarget && !form.contains(/** @type {Node} */ (left.relatedTarget))) close();
  });
  form.addEventListener('keydown', (pressed) => {
    if (pressed.key === 'Escape') {
      close();
      input.focus();
    } else if (pressed.key === 'ArrowDown' || pressed.key === 'ArrowUp') {
      const stops = [input, ...list.querySelectorAll('a')];
      const at = stops.indexOf(/** @type {HTMLInputElement} */ (document.activeElement));
      stops.at((at + (pressed.key === 'ArrowDown' ? 1 : -1)) % stops.length)?.focus();
      pressed.preventDefault();
    }
  });
  document.addEventListener('keydown', (pressed) => {
    if (pressed.key !== '/' || pressed.ctrlKey || pressed.metaKey || pressed.altKey || form.contains(document.activeElement)) return;
    pressed.preventDefault();
    input.focus();
    input.select();
  });
}

/** @param {Found} found */
function row({ address, title, heading, language, named, excerpt }) {
  const pieces = excerpt.map(([text, marked]) => (marked ? el('mark', { textContent: text }) : text));
  const of = el('span', { className: 'of', textContent: named ? `${title} · ${named}` : title });
  return el('a', { href: address }, el('strong', { textContent: heading || title, lang: language }), ' ', of, el('span', { className: 'excerpt', lang: language }, ...pieces));
}
