/** The user's funds in one bar, in the exchange's own numbers, with a gauge of the risk; for strangers, the way in. */
import { byId, el, setText } from '../../ui/dom.js';
import { riskText } from '../shared/risk_text.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

/** @type {('balance' | 'available' | 'margin' | 'frozen_orders' | 'profit')[]} */
const FACTS = ['balance', 'available', 'margin', 'frozen_orders', 'profit'];

/** Of a phone: where the funds are; who has none yet is shown the way in wherever the ticket does not. */
const VIEWS = 'account';
const VIEWS_OF_STRANGERS = 'market chart orders account';

/**
 * `begin()` lets a stranger in, `reset()` sets a demo account back.
 * @param {Store} store
 * @param {{ begin: () => unknown, reset: () => unknown }} parts
 */
export function mountAccount(store, { begin, reset }) {
  const parts = build();
  parts.begin.addEventListener('click', begin);
  parts.reset.addEventListener('click', reset);
  byId('account-body').replaceChildren(parts.none, parts.begin, parts.list, parts.risk, parts.reset);
  draw(store, ['account', 'session', 'venue', 'demoAccount', 'connection', 'resetting', 'accountMissing'], (state) => {
    const { account, session } = state;
    const stranger = session.phase === 'anonymous' || session.phase === 'signing-in';
    byId('panel-account').dataset.views = stranger && state.venue.demo ? VIEWS_OF_STRANGERS : VIEWS;
    setText(byId('account-user'), session.userId ?? '');
    parts.none.hidden = account !== null;
    parts.list.hidden = parts.risk.hidden = account === null;
    parts.begin.hidden = !stranger;
    parts.reset.hidden = stranger || !state.demoAccount;
    parts.reset.disabled = state.connection.phase !== 'live' || Boolean(state.resetting);
    setText(parts.none, noneText(state, stranger));
    setText(parts.begin, t(state.venue.demo ? 'demo.start' : 'session.sign_in'));
    setText(parts.reset, t(state.resetting ? 'demo.resetting' : 'demo.reset'));
    if (account) show(parts, account, state.venue);
  });
}

/**
 * @param {Pick<State, 'venue' | 'accountMissing'>} parts
 * @param {boolean} stranger
 */
function noneText({ venue, accountMissing }, stranger) {
  if (!stranger) return t(accountMissing ? 'account.missing' : 'account.waiting');
  return t(venue.demo ? 'account.none_demo' : 'account.none');
}

function build() {
  const rows = Object.fromEntries(FACTS.map((name) => [name, { label: el('dt'), value: el('dd', { data: { fact: name } }) }]));
  const list = el('dl', { className: 'funds' }, ...FACTS.map((name) => el('div', { className: name }, rows[name].label, rows[name].value)));
  const label = el('span', { className: 'faint' });
  const value = el('span', { className: 'number', data: { fact: 'risk_ratio' } });
  const meter = el('div', { className: 'meter' }, el('span', { className: 'meter-fill' }));
  meter.setAttribute('role', 'meter');
  meter.setAttribute('aria-valuemin', '0');
  const risk = el('div', { className: 'risk' }, label, meter, value);
  const begin = el('button', { type: 'button', className: 'primary', id: 'account-begin' });
  const reset = el('button', { type: 'button', className: 'small-button', id: 'demo-reset' });
  return { none: el('p', { className: 'none' }), begin, reset, rows, list, risk, riskLabel: label, riskValue: value, meter };
}

/**
 * The profit of the day is what the account has changed by beside deposits and withdrawals, so commission is in it.
 * @param {Account} account
 * @param {typeof FACTS[number]} name
 */
function amountOf(account, name) {
  if (name === 'profit') return account.profit - (account.commission ?? NaN);
  return name === 'frozen_orders' ? account.frozen - account.margin : account[name];
}

/** @param {Account} account */
const profitHint = ({ close_profit: close, position_profit: position, commission }) => (commission === undefined ? '' : t('account.profit_hint', {
  close: format.profit(close), position: format.profit(position), commission: format.money(commission),
}));

/**
 * @param {ReturnType<typeof build>} parts
 * @param {Account} account
 * @param {State['venue']} venue
 */
function show({ rows, riskLabel, riskValue, meter }, account, { riskWarn, riskLimit }) {
  FACTS.forEach((name) => {
    setText(rows[name].label, t(`account.${name}`));
    const amount = amountOf(account, name);
    setText(rows[name].value, name === 'profit' ? format.profit(amount) : format.money(amount));
  });
  rows.profit.value.dataset.move = format.moveOf(amountOf(account, 'profit'));
  rows.profit.value.title = profitHint(account);
  const ratio = account.risk_ratio ?? 0;
  setText(riskLabel, t('account.risk'));
  setText(riskValue, riskText(account));
  meter.dataset.level = ratio >= riskLimit ? 'danger' : ratio >= riskWarn ? 'high' : 'calm';
  meter.style.setProperty('--filled', String(Math.min(1, Math.max(0, ratio / riskLimit))));
  meter.style.setProperty('--warned', String(Math.min(1, riskWarn / riskLimit)));
  meter.title = t('account.risk_hint', { warn: format.hundredths(riskWarn), limit: format.hundredths(riskLimit) });
  meter.setAttribute('aria-label', t('account.risk'));
  const full = Math.round(riskLimit * 100);
  meter.setAttribute('aria-valuemax', String(full));
  meter.setAttribute('aria-valuenow', String(Math.min(full, Math.round(ratio * 100))));
  meter.setAttribute('aria-valuetext', riskText(account));
}
