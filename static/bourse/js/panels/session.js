/** Who is signed in, and the dialog to become someone. Hands the token to the client and keeps no copy. */
import { byId, setText } from '../dom.js';
import { reason, t } from '../i18n.js';
import { draw } from './draw.js';

/** Returns {ask()}, which opens the dialog. */
export function mountSession(store, client) {
  const dialog = byId('sign-in');
  const form = byId('sign-in-form');
  const ask = () => {
    if (!dialog.open) dialog.showModal();
    form.user_id.focus();
  };
  byId('open-sign-in').addEventListener('click', ask);
  byId('sign-out').addEventListener('click', () => client.signOut());
  byId('sign-in-cancel').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => giveUp(store, client, form));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    enter(client, form);
  });
  draw(store, ['session'], (state) => show(state, dialog, form, ask));
  return { ask };
}

function enter(client, form) {
  const userId = form.user_id.value.trim();
  const token = form.token.value.trim();
  if (userId && token) client.signIn(userId, token);
  else setText(byId('sign-in-problem'), t('session.missing'));
}

/** Closing the dialog while the exchange has not answered means: never mind. */
function giveUp(store, client, form) {
  form.token.value = '';
  setText(byId('sign-in-problem'), '');
  if (store.state.session.phase === 'signing-in') client.signOut();
}

function show(state, dialog, form, ask) {
  const { phase, userId, problem } = state.session;
  const inside = phase === 'signed-in' || phase === 'restoring';
  const busy = phase === 'signing-in';
  byId('open-sign-in').hidden = inside;
  byId('sign-out').hidden = !inside;
  byId('who').hidden = !inside;
  setText(byId('who'), userId ?? '');
  byId('sign-in-submit').disabled = busy;
  setText(byId('sign-in-submit'), t(busy ? 'session.waiting' : 'session.sign_in'));
  setText(byId('sign-in-problem'), problem ? problemWords(problem) : '');
  if (inside && dialog.open) dialog.close();
  if (problem?.key === 'session.ended') ask();
}

const problemWords = ({ key, code, message }) => (key ? t(key) : reason(code, message));
