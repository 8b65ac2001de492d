/** Tabs (one panel of several is shown) and, on phones, views of the whole page. Knows neither trading nor the store. */
import { loadPreferences, savePreference } from '../../base/storage.js';
import { byId } from '../../ui/dom.js';

/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

/**
 * Makes the tabs in the element `id` work, by mouse and by arrow keys; the choice is remembered, `first` is shown until
 * there is one. Returns {show(tabId)}; `onShow(tabId)` is called after each change.
 * @param {string} id
 * @param {string} first
 * @param {(tabId: string) => void} [onShow]
 */
export function mountTabs(id, first, onShow = () => {}) {
  /** @type {NodeListOf<HTMLElement>} */
  const marked = byId(id).querySelectorAll('[role=tab]');
  const tabs = [...marked];
  /** @param {HTMLElement} tab */
  const panelOf = (tab) => byId(tab.getAttribute('aria-controls') ?? '');
  /** @param {string} tabId */
  const show = (tabId) => {
    tabs.forEach((tab) => {
      const chosen = tab.id === tabId;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      panelOf(tab).classList.toggle('shown', chosen);
    });
    onShow(tabId);
  };
  /** @param {HTMLElement} tab */
  const choose = (tab) => {
    savePreference(id, tab.id);
    show(tab.id);
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener('click', () => choose(tab));
    tab.addEventListener('keydown', (event) => {
      const next = STEPS[event.key] && visibleFrom(tabs, index, STEPS[event.key]);
      if (!next) return;
      event.preventDefault();
      next.focus();
      choose(next);
    });
  });
  const remembered = loadPreferences()[id];
  show(tabs.some((tab) => tab.id === remembered) ? remembered : first);
  return { show };
}

/**
 * @param {HTMLElement[]} tabs
 * @param {number} index
 * @param {number} step
 */
function visibleFrom(tabs, index, step) {
  const { length } = tabs;
  const ring = tabs.map((_, away) => tabs[(index + step * (away + 1) + length * length) % length]);
  return ring.find((tab) => tab.checkVisibility());
}

/** The views of a phone. Returns {show(view)} for panels that lead from one to another; on wide screens nothing changes. */
export function mountViews() {
  const buttons = [...byId('views').querySelectorAll('button')];
  /** @param {string} view */
  const show = (view) => {
    document.body.dataset.view = view;
    buttons.forEach((button) => {
      if (button.dataset.view === view) button.setAttribute('aria-current', 'page');
      else button.removeAttribute('aria-current');
    });
    window.scrollTo(0, 0);
  };
  buttons.forEach((button) => button.addEventListener('click', () => show(button.dataset.view ?? '')));
  show(document.body.dataset.view ?? '');
  return { show };
}
