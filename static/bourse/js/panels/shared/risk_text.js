/** Margin as a share of the balance, in words. */
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

/**
 * Without a balance there is no share of it.
 * @param {{ risk_ratio?: number, margin: number, balance: number }} account
 */
export function riskText({ risk_ratio: ratio = 0, margin, balance }) {
  return balance > 0 || (balance === 0 && margin === 0) ? format.percent(ratio) : t('account.no_balance');
}
