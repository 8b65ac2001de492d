/** The two switches that belong to the reader, not to the exchange: language, and which colour means up. */
import { byId, setText } from '../dom.js';
import { onLanguage, t, toggleLanguage } from '../i18n.js';
import { loadPreferences, savePreference } from '../storage.js';

const OTHER_LANGUAGE = { en: ['中文', 'zh-CN'], 'zh-CN': ['English', 'en'] };

export function mountPreferences() {
  mountLanguage();
  mountColours();
}

function mountLanguage() {
  const button = byId('language');
  const label = () => {
    const [name, lang] = OTHER_LANGUAGE[document.documentElement.lang];
    setText(button, name);
    button.lang = lang;
    button.title = t('language.toggle');
  };
  button.addEventListener('click', toggleLanguage);
  onLanguage(label);
  label();
}

function mountColours() {
  const button = byId('colours');
  let up = loadPreferences().up === 'green' ? 'green' : 'red';
  const show = () => {
    const now = t(`colours.${up}_up`);
    document.documentElement.dataset.up = up;
    button.setAttribute('aria-pressed', String(up === 'red'));
    button.title = t('colours.toggle', { now });
    setText(byId('colours-text'), now);
  };
  button.addEventListener('click', () => {
    up = up === 'red' ? 'green' : 'red';
    savePreference('up', up);
    show();
  });
  onLanguage(show);
  show();
}
