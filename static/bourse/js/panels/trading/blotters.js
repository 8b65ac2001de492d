/** The tools beside the tabs of the tables: the one on view as a file, and what belongs to one table alone. */
import { mountTabs } from '../shared/tabs.js';
import { csvText, download } from '../../ui/csv.js';
import { byId, setText } from '../../ui/dom.js';
import { onLanguage, t } from '../../ui/i18n.js';

/**
 * `tables`: by tab id, {columns, rows()}; columns with a `value` go into files. Returns {show(tabId)}.
 * @param {Store} store
 * @param {Record<string, Blotter>} tables
 */
export function mountBlotters(store, tables) {
  let shown = '';
  const label = () => {
    byId('csv').hidden = !tables[shown];
    byId('cancel-all').hidden = shown !== 'tab-orders';
    setText(byId('csv'), t('blotters.csv'));
    byId('csv').title = t('blotters.csv_hint');
  };
  const tabs = mountTabs('blotter-tabs', 'tab-positions', (tabId) => {
    shown = tabId;
    label();
  });
  byId('csv').addEventListener('click', () => save(shown, tables[shown], store.state.session.userId));
  onLanguage(label);
  return tabs;
}

/**
 * All rows that the page has loaded.
 * @param {string} tabId
 * @param {Blotter} parts
 * @param {string | null} userId
 */
function save(tabId, { columns, rows }, userId) {
  const kept = columns.flatMap(({ label, value }) => (value && label ? [{ head: t(label), value }] : []));
  const day = new Date().toISOString().slice(0, 10);
  download(`bourse-${tabId.replace('tab-', '')}-${userId ?? 'nobody'}-${day}.csv`, csvText(kept, rows()));
}
