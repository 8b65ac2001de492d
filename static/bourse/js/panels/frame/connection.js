/** Says whether what the page shows is live and orders are taken, and greys what is not live. */
import { isAway, isLive } from '../../state/selectors.js';
import { byId, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import { t } from '../../ui/i18n.js';

/** @param {Store} store */
export function mountConnection(store) {
  const badge = byId('connection');
  const text = byId('connection-text');
  const latency = byId('connection-latency');

  draw(store, ['connection', 'away', 'selected', 'instruments'], (state) => {
    const { attempt, latency: ms } = state.connection;
    const phase = isLive(state) && isAway(state, state.selected) ? 'away' : state.connection.phase;
    badge.dataset.phase = phase;
    document.body.dataset.live = String(isLive(state));
    setText(text, attempt > 1 ? t('connection.attempt', { attempt }) : t(`connection.${phase}`));
    badge.title = t(`connection.${phase}.long`);
    setText(latency, ms === null ? '' : `${Math.max(1, Math.round(ms))} ms`);
  });
}
