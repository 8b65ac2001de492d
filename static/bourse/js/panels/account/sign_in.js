/** Who is signed in, and the ways in: a demo account, user id and password, or a token of one's own. Keeps none of them. */
import { problemWords } from '../shared/refusal_text.js';
import { byId, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import { t } from '../../ui/i18n.js';

/**
 * @typedef {object} Parts
 * @property {HTMLDialogElement} dialog
 * @property {HTMLFormElement} form
 * @property {HTMLFormElement} tokenForm
 * @property {boolean} busy while the site is asked
 * @property {Problem | null} problem of the last try
 */

/**
 * Returns {ask(), begin()}: opens the dialog; lets a stranger in the shortest way there is.
 * @param {Store} store
 * @param {Client} client
 * @param {BrowserSession} browserSession
 */
export function mountSignIn(store, client, browserSession) {
  const dialog = byId('sign-in');
  /** @type {Parts} */
  const parts = { dialog, form: byId('sign-in-form'), tokenForm: byId('token-form'), busy: false, problem: null };
  const ask = () => {
    if (!dialog.open) dialog.showModal();
    parts.form.user_id.focus();
  };
  const show = () => render(store.state, parts, ask);
  /** @param {() => Promise<Problem | null>} work */
  const attempt = (work) => attemptTo(work, parts, show);
  const begin = () => {
    if (!store.state.venue.demo) return ask();
    if (!dialog.open) dialog.showModal();
    return attempt(() => browserSession.startDemo());
  };
  byId('open-sign-in').addEventListener('click', ask);
  byId('demo-start').addEventListener('click', begin);
  byId('sign-out').addEventListener('click', () => browserSession.signOut());
  byId('sign-in-cancel').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    giveUp(store, client, parts, show);
    requestAnimationFrame(() => keepFocus(store.state));
  });
  parts.form.addEventListener('submit', (event) => {
    event.preventDefault();
    const { user_id: { value: userId }, password: { value: password } } = parts.form;
    if (userId.trim() && password) attempt(() => browserSession.signIn(userId.trim(), password));
    else missing(parts, 'session.missing_password', show);
  });
  parts.tokenForm.addEventListener('submit', (event) => {
    event.preventDefault();
    enterWithToken(client, parts, show);
  });
  draw(store, ['session', 'venue'], show);
  return { ask, begin };
}

/**
 * @param {() => Promise<Problem | null>} work
 * @param {Parts} parts
 * @param {() => void} show
 */
async function attemptTo(work, parts, show) {
  parts.busy = true;
  parts.problem = null;
  show();
  parts.problem = await work();
  parts.busy = false;
  show();
}

/**
 * @param {Parts} parts
 * @param {string} key
 * @param {() => void} show
 */
function missing(parts, key, show) {
  parts.problem = { key };
  show();
}

/**
 * @param {Client} client
 * @param {Parts} parts
 * @param {() => void} show
 */
function enterWithToken(client, parts, show) {
  const { user_id: userId, token } = parts.tokenForm;
  if (!userId.value.trim() || !token.value.trim()) return missing(parts, 'session.missing', show);
  parts.problem = null;
  return client.signIn(userId.value.trim(), token.value.trim());
}

/**
 * Closing the dialog while the exchange has not answered means: never mind.
 * @param {Store} store
 * @param {Client} client
 * @param {Parts} parts
 * @param {() => void} show
 */
function giveUp(store, client, parts, show) {
  parts.form.password.value = '';
  parts.tokenForm.token.value = '';
  parts.problem = null;
  show();
  if (store.state.session.phase === 'signing-in') client.signOut();
}

/**
 * What the dialog was opened from is gone for who is inside: the keyboard goes on in the ticket, not from the top.
 * @param {State} state
 */
function keepFocus({ session }) {
  const focused = document.activeElement;
  const lost = !focused || focused === document.body || !focused.checkVisibility();
  if (lost && session.phase !== 'anonymous') byId('panel-ticket').focus({ preventScroll: true });
}

/**
 * @param {State} state
 * @param {Parts} parts
 * @param {() => void} ask
 */
function render(state, parts, ask) {
  const { phase, userId, problem } = state.session;
  const { dialog } = parts;
  const inside = phase === 'signed-in' || phase === 'restoring';
  const busy = parts.busy || phase === 'signing-in';
  byId('open-sign-in').hidden = inside;
  byId('sign-out').hidden = !inside;
  byId('who').hidden = !inside;
  setText(byId('who'), userId ?? '');
  byId('demo-offer').hidden = !state.venue.demo;
  byId('sign-in-submit').disabled = byId('token-submit').disabled = byId('demo-start').disabled = busy;
  setText(byId('sign-in-submit'), t(busy ? 'session.waiting' : 'session.sign_in'));
  setText(byId('token-submit'), t(busy ? 'session.waiting' : 'session.sign_in'));
  const told = parts.problem ?? problem;
  setText(byId('sign-in-problem'), told ? problemWords(told) : '');
  if (inside && dialog.open) dialog.close();
  if (problem?.key === 'session.ended') ask();
}
