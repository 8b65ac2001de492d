/** The page's languages: which one is on, and its word for a key. Static text is marked in the template with `data-t…`. */
import en from '../locales/en.js';
import zh from '../locales/zh.js';
import { loadPreferences, savePreference } from '../base/storage.js';

const WORDS = { en, zh };
const HTML_LANG = { en: 'en', zh: 'zh-CN' };
const ATTRIBUTES = ['aria-label', 'title', 'placeholder'];

const listeners = [];
let language = 'en';

/** The remembered language, else the browser's, else English. */
function preferredLanguage(remembered, browser = '') {
  if (WORDS[remembered]) return remembered;
  return browser.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/** The words for `key`, with `{name}` replaced from `values`. A missing key shows itself. */
export function t(key, values = {}) {
  const words = WORDS[language][key] ?? en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A refusal in words; a code that is newer than this page falls back on the server's own sentence. */
export function reason(code, message) {
  const known = WORDS[language][`error.${code}`];
  const words = known ?? message ?? t('error.unknown');
  return code ? t('error.with_code', { words, code }) : words;
}

/** Calls `listener` after each change of language. */
export const onLanguage = (listener) => listeners.push(listener);

export function startLanguage() {
  use(preferredLanguage(loadPreferences().language, navigator.language));
}

export function toggleLanguage() {
  use(language === 'en' ? 'zh' : 'en');
  savePreference('language', language);
}

function use(next) {
  language = next;
  document.documentElement.lang = HTML_LANG[next];
  translate(document);
  listeners.forEach((listener) => listener());
}

/** Puts words into every marked element under `root`. */
function translate(root) {
  root.querySelectorAll('[data-t]').forEach((node) => {
    node.textContent = t(node.dataset.t);
  });
  for (const name of ATTRIBUTES) {
    const mark = `data-t-${name}`;
    root.querySelectorAll(`[${mark}]`).forEach((node) => node.setAttribute(name, t(node.getAttribute(mark))));
  }
}
