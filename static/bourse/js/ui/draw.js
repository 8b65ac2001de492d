/** When a panel is drawn: once at the start, after changes of its part of the state, and in a new language. */
import { onLanguage } from './i18n.js';

/**
 * @param {Store} store
 * @param {StateKey[]} keys
 * @param {(state: State) => void} render
 */
export function draw(store, keys, render) {
  store.watch(keys, render);
  onLanguage(() => render(store.state));
}
