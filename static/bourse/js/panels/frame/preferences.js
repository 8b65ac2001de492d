/** What belongs to the reader, not to the exchange: language, theme, which colour means up. */
import { loadPreferences, savePreference } from '../../base/storage.js';
import { byId, setText } from '../../ui/dom.js';
import { onLanguage, t, toggleLanguage } from '../../ui/i18n.js';

/** @type {Record<string, string[]>} */
const OTHER_LANGUAGE = { en: ['中文', 'zh-CN'], 'zh-CN': ['EN', 'en'] };
const THEMES = ['system', 'light', 'dark'];
const root = document.documentElement;

export function mountPreferences() {
  mountLanguage();
  mountTheme();
  mountColours();
}

function mountLanguage() {
  const button = byId('language');
  const label = () => {
    const [name, lang] = OTHER_LANGUAGE[root.lang];
    setText(button, name);
    button.lang = lang;
    button.title = t('language.toggle');
  };
  button.addEventListener('click', toggleLanguage);
  onLanguage(label);
  label();
}

/** The system's theme until the reader chooses one; early.js has put on what he chose before. */
function mountTheme() {
  choice(byId('theme'), byId('theme-text'), 'theme', {
    now: () => root.dataset.theme ?? 'system',
    next: (now) => THEMES[(THEMES.indexOf(now) + 1) % THEMES.length],
    use: (theme) => {
      if (theme === 'system') delete root.dataset.theme;
      else root.dataset.theme = theme;
      savePreference('theme', theme);
    },
  });
}

/** Until the reader chooses, red is up where one reads Chinese and green where one reads English. */
function mountColours() {
  onLanguage(() => {
    root.dataset.up = loadPreferences().up ?? (root.lang.startsWith('zh') ? 'red' : 'green');
  });
  choice(byId('colours'), byId('colours-text'), 'colours', {
    now: () => root.dataset.up ?? 'red',
    next: (now) => (now === 'red' ? 'green' : 'red'),
    use: (up) => {
      root.dataset.up = up;
      savePreference('up', up);
    },
  });
}

/**
 * A button that goes from one choice to the next and says which one is on.
 * @param {HTMLElement} button
 * @param {HTMLElement} text
 * @param {string} name
 * @param {{ now: () => string, next: (now: string) => string, use: (chosen: string) => void }} parts
 */
function choice(button, text, name, { now, next, use }) {
  const show = () => {
    setText(text, t(`${name}.${now()}`));
    button.title = t(`${name}.toggle`, { now: t(`${name}.${now()}`) });
  };
  button.addEventListener('click', () => {
    use(next(now()));
    show();
  });
  onLanguage(show);
  show();
}
