/** Says whether what the page shows is live, and greys it where it is not. */
import { isLive } from '../../state/selectors.js';
import { byId, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import { t } from '../../ui/i18n.js';

/** @param {Store} store */
export function mountConnection(store) {
  const badge = byId('connection');
  const text = byId('connection-text');
  const latency = byId('connection-latency');

  draw(store, ['connection'], (state) => {
    const { phase, attempt, latency: ms } = state.connection;
    badge.dataset.phase = phase;
    document.body.dataset.live = String(isLive(state));
    setText(text, attempt > 1 ? t('connection.attempt', { attempt }) : t(`connection.${phase}`));
    badge.title = t(`connection.${phase}.long`);
    setText(latency, ms === null ? '' : `${Math.max(1, Math.round(ms))} ms`);
  });
}
