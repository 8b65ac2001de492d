/** A question before something that cannot be taken back: says what will happen, on the button too. */
import { byId, setText } from '../../ui/dom.js';

/** @type {(said: string) => void} */
let answer = () => {};

/**
 * Asks, and gives a promise of 'yes', 'other' or 'no'; `other` is a second way to do it. A way that is null is not offered.
 * @param {{ title: string, text: string, yes: string | null, other?: string | null }} parts
 */
export function ask({ title, text, yes, other = null }) {
  const dialog = byId('confirm');
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(byId('confirm-yes'), yes ?? '');
  byId('confirm-yes').hidden = yes === null;
  setText(byId('confirm-other'), other ?? '');
  byId('confirm-other').hidden = other === null;
  dialog.returnValue = 'no';
  dialog.showModal();
  byId(yes === null ? 'confirm-no' : 'confirm-yes').focus();
  return new Promise((answered) => { answer = answered; });
}

export function mountConfirm() {
  const dialog = byId('confirm');
  dialog.addEventListener('close', () => answer(dialog.returnValue || 'no'));
}
