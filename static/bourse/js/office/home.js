// The home page of the back office: asks for the figures every few seconds, and draws the charts of the day.
import { draw } from './charts.js';
import { shown } from './figures.js';

const SECONDS = 5;
const KEPT = 24 * 60; // minutes

const figures = /** @type {HTMLElement} */ (document.getElementById('figures'));
const lost = /** @type {HTMLElement} */ (document.getElementById('figures-lost'));
/** @type {Map<number, import('./charts.js').Line>} */
const minutes = new Map();

async function refresh() {
  const since = Math.max(0, ...minutes.keys()); // the newest minute is not over yet
  const response = await fetch(`${figures.dataset.url}?since=${since}`, { headers: { Accept: 'application/json' } });
  if (!response.ok || response.redirected) throw new Error(String(response.status));
  const told = await response.json();
  for (const line of told.minutes) minutes.set(line[0], line);
  for (const minute of minutes.keys()) if (minute < told.now - KEPT * 60_000) minutes.delete(minute);
  if (!figures.contains(document.activeElement)) figures.replaceChildren(...shown(told)); // nobody loses a focused link
  draw([...minutes.values()], told.now);
}

async function keepUp() {
  try {
    await refresh();
    lost.hidden = true;
  } catch {
    lost.textContent = figures.dataset.lost ?? '';
    lost.hidden = false;
  }
  setTimeout(keepUp, SECONDS * 1000);
}

keepUp();
