/** What the private tables have in common. */
import { setText } from '../dom.js';
import { NONE } from '../format.js';
import { t } from '../i18n.js';

/** Why a private table is empty: nobody is signed in, nothing is known yet, or there is truly nothing. */
export function emptyWords(state, nothing) {
  if (state.session.phase === 'signed-in') return t(nothing);
  return t(state.session.phase === 'restoring' ? 'private.waiting' : 'private.signed_out');
}

export function showSide(cell, direction) {
  cell.dataset.direction = direction ?? '';
  setText(cell, direction ? t(`direction.${direction}`) : NONE);
}
