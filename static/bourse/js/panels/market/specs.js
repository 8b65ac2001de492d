/** The contract on view in writing: what one lot is, what it ties up and what it costs. */
import { instrumentOf } from '../../state/selectors.js';
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

const SPECS = ['tick', 'multiplier', 'margin', 'fee_open', 'fee_close', 'fee_close_today', 'last_day'];

/** @param {Store} store */
export function mountSpecs(store) {
  const rows = SPECS.map((name) => ({ name, label: el('dt'), value: el('dd') }));
  byId('specs').replaceChildren(...rows.map(({ label, value }) => el('div', {}, label, value)));
  draw(store, ['selected', 'instruments'], (state) => {
    const instrument = instrumentOf(state, state.selected);
    if (!instrument) return;
    const texts = textsOf(instrument);
    rows.forEach(({ name, label, value }) => {
      setText(label, t(`specs.${name}`));
      setText(value, texts[name]);
    });
  });
}

/**
 * @param {Instrument} instrument
 * @returns {Record<string, string>}
 */
function textsOf(instrument) {
  const { tick, multiplier, margin_rate_long: long, margin_rate_short: short, last_day: day } = instrument;
  return {
    tick: format.price(tick, tick),
    multiplier: format.lots(multiplier),
    margin: long === short ? format.percent(long) : `${format.percent(long)} / ${format.percent(short)}`,
    fee_open: fee(instrument.fee_open),
    fee_close: fee(instrument.fee_close),
    fee_close_today: fee(instrument.fee_close_today),
    last_day: day ? String(day).replace(/(\d{4})(\d\d)(\d\d)/, '$1-$2-$3') : format.NONE,
  };
}

/**
 * So much a lot, a share of its value, or both.
 * @param {FeeData | undefined} rates
 */
function fee(rates) {
  if (!rates) return format.NONE;
  const parts = [
    rates.per_lot > 0 ? t('specs.per_lot', { sum: format.money(rates.per_lot) }) : '',
    rates.rate > 0 ? `${format.lots(rates.rate * 100)}%` : '',
  ].filter(Boolean);
  return parts.join(' + ') || format.lots(0);
}
