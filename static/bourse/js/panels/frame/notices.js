/** News that need no answer: fills, refused cancels, lost lines. Each leaves by itself or when dismissed. */
import { dayText } from '../shared/cells.js';
import { problemWords } from '../shared/refusal_text.js';
import { riskText } from '../shared/risk_text.js';
import { tickOf } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { announcement, reason, t } from '../../ui/i18n.js';

/** @type {Record<string, (data: any, state: State) => string>} */
const WORDS = {
  fill: (data, state) => t(`fills.notice.${data.direction}`, {
    volume: format.lots(data.volume),
    instrument: data.instrument_id,
    price: format.average(data.price, tickOf(state, data.instrument_id)),
  }),
  'order-refused': ({ code, message }) => t('ticket.refused', { reason: reason(code, message) }),
  'cancel-refused': ({ code, message }) => t('notice.cancel_refused', { reason: reason(code, message) }),
  'amend-refused': ({ code, message }) => t('notice.amend_refused', { reason: reason(code, message) }),
  'not-amended': ({ sentence }) => t('notice.amend_refused', { reason: t(sentence) }),
  dropped: () => t('notice.dropped'),
  statement: ({ day, closing }) => t('statements.notice', { day: dayText(day), closing: format.money(closing) }),
  'risk-warning': (data, { venue }) => t('notice.risk_warning', {
    risk: riskText(data), limit: format.hundredths(venue.riskLimit),
  }),
  liquidation: (data) => t(`notice.liquidation.${data.status}`, { risk: riskText(data) }),
  expired: ({ instrument_id: instrument, price }, state) => t('notice.expired', { instrument, price: format.price(price, tickOf(state, instrument)) }),
  'trade-broken': (data, state) => t('notice.trade_broken', {
    volume: format.lots(data.volume),
    instrument: data.instrument_id,
    price: format.price(data.price, tickOf(state, data.instrument_id)),
  }),
  reset: () => t('demo.reset_done'),
  'not-reset': (answer) => t('notice.not_reset', { words: problemWords(answer) }),
  'not-signed-out': (answer) => t('notice.not_signed_out', { words: problemWords(answer) }),
  'query-refused': ({ code, message }) => t('query.refused', { reason: reason(code, message) }),
  'subscribe-refused': () => t('subscribe.refused'),
  announcement: ({ message }) => announcement(message),
  closed: ({ code }) => t(`close.${code}`),
};

/**
 * @param {Store} store
 * @param {Client} client
 */
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

/**
 * @param {Map<number, HTMLElement>} shown
 * @param {number} id
 * @param {HTMLElement} node
 */
function drop(shown, id, node) {
  node.remove();
  shown.delete(id);
}

/**
 * @param {Notice} parts
 * @param {Client} client
 */
function noticeFor({ id, kind, data }, client) {
  const close = el('button', { type: 'button', className: 'close', textContent: '×', ariaLabel: t('notice.dismiss') });
  close.addEventListener('click', () => client.dismiss(id));
  return el('div', { className: 'notice', data: { kind, direction: data.direction ?? '' } }, el('p'), close);
}
