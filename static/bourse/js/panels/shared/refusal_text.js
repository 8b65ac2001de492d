/** Why something was refused, in words. */
import { reason, t } from '../../ui/i18n.js';

/**
 * Codes of this site are words, codes of the exchange are numbers.
 * @param {Problem} parts
 */
export function problemWords({ key, code, message, retryAfter }) {
  if (key) return t(key);
  if (typeof code !== 'string') return reason(code, message);
  return t(`http.${code}`, { minutes: Math.max(1, Math.ceil((retryAfter ?? 60) / 60)), message: message ?? '' });
}
