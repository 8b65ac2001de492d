/** News that need no answer: fills, refused cancels, lost lines. Each leaves by itself or when dismissed. */
import { byId, el, instrumentOf, setText } from '../dom.js';
import * as format from '../format.js';
import { reason, t } from '../i18n.js';
import { draw } from './draw.js';

const WORDS = {
  fill: (data, state) => t(`fills.notice.${data.direction}`, {
    volume: format.lots(data.volume),
    instrument: data.instrument_id,
    price: format.price(data.price, instrumentOf(state, data.instrument_id)?.tick ?? 1),
  }),
  'cancel-refused': ({ code, message }) => t('cancel.refused', { reason: reason(code, message) }),
  'cancel-dropped': () => t('cancel.dropped'),
  'query-refused': ({ code, message }) => t('query.refused', { reason: reason(code, message) }),
  'subscribe-refused': ({ message }) => t('subscribe.refused', { message }),
  closed: ({ code }) => t(`close.${code}`),
};

export function mountNotices(store, client) {
  const root = byId('notices');
  const shown = new Map();

  draw(store, ['notices'], (state) => {
    const present = new Set(state.notices.map((one) => one.id));
    shown.forEach((node, id) => present.has(id) || drop(shown, id, node));
    state.notices.forEach((one) => {
      if (!shown.has(one.id)) shown.set(one.id, root.appendChild(noticeFor(one, client)));
      setText(shown.get(one.id).firstElementChild, WORDS[one.kind](one.data, state));
    });
  });
}

function drop(shown, id, node) {
  node.remove();
  shown.delete(id);
}

function noticeFor({ id, kind, data }, client) {
  const close = el('button', { type: 'button', className: 'close', textContent: '×', ariaLabel: t('notice.dismiss') });
  close.addEventListener('click', () => client.dismiss(id));
  return el('div', { className: 'notice', data: { kind, direction: data.direction ?? '' } }, el('p'), close);
}
