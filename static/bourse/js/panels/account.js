/** The user's funds, in the exchange's own numbers; adds nothing up itself. */
import { byId, el, setText } from '../dom.js';
import * as format from '../format.js';
import { t } from '../i18n.js';
import { draw } from './draw.js';

const FACTS = ['balance', 'available', 'frozen', 'margin', 'profit'];
const HIGH_RISK = 0.8;
const DANGEROUS_RISK = 0.95;

export function mountAccount(store) {
  const none = el('p', { className: 'none' });
  const parts = build();
  byId('account-body').replaceChildren(none, parts.list, parts.risk);
  draw(store, ['account', 'session'], (state) => {
    const { account, session } = state;
    setText(byId('account-user'), session.userId ?? '');
    none.hidden = account !== null;
    parts.list.hidden = parts.risk.hidden = account === null;
    setText(none, t(session.phase === 'anonymous' ? 'account.none' : 'account.waiting'));
    if (account) show(parts, account);
  });
}

function build() {
  const rows = Object.fromEntries(FACTS.map((name) => [name, { label: el('dt'), value: el('dd', { data: { fact: name } }) }]));
  const list = el('dl', { className: 'funds' }, ...FACTS.map((name) => el('div', { className: name }, rows[name].label, rows[name].value)));
  const label = el('span');
  const value = el('span', { className: 'number', data: { fact: 'risk_ratio' } });
  const meter = el('div', { className: 'meter' }, el('span', { className: 'meter-fill' }));
  meter.setAttribute('role', 'meter');
  meter.setAttribute('aria-valuemin', '0');
  meter.setAttribute('aria-valuemax', '100');
  const risk = el('div', { className: 'risk' }, el('p', {}, label, value), meter);
  return { rows, list, risk, riskLabel: label, riskValue: value, meter };
}

function show({ rows, riskLabel, riskValue, meter }, account) {
  FACTS.forEach((name) => {
    setText(rows[name].label, t(`account.${name}`));
    setText(rows[name].value, name === 'profit' ? format.profit(account.profit) : format.money(account[name]));
  });
  rows.profit.value.dataset.move = format.moveOf(account.profit);
  const ratio = account.risk_ratio ?? 0;
  setText(riskLabel, t('account.risk'));
  setText(riskValue, format.percent(ratio));
  meter.dataset.level = ratio >= DANGEROUS_RISK ? 'danger' : ratio >= HIGH_RISK ? 'high' : 'calm';
  meter.style.setProperty('--filled', String(Math.min(1, Math.max(0, ratio))));
  meter.setAttribute('aria-label', t('account.risk'));
  meter.setAttribute('aria-valuenow', String(Math.min(100, Math.round(ratio * 100))));
}
