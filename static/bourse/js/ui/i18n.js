/** The page's languages: which one is on, and its word for a key. Static text is marked in the template with `data-t…`. */
import { loadPreferences, savePreference } from '../base/storage.js';
import en from '../locales/en.js';
import zh from '../locales/zh.js';

/** @typedef {'en' | 'zh'} Language */

/** @type {Record<string, Record<string, string>>} */
const WORDS = { en, zh };
const HTML_LANG = { en: 'en', zh: 'zh-CN' };
/** As pages that the server writes know them. */
const SITE_LANG = { en: 'en', zh: 'zh-hans' };
const ATTRIBUTES = ['aria-label', 'title', 'placeholder'];

/** @type {(() => void)[]} */
const listeners = [];
/** @type {Language} */
let language = 'en';

/**
 * The remembered language, else the browser's, else English.
 * @param {string} remembered
 * @param {string} [browser]
 * @returns {Language}
 */
function preferredLanguage(remembered, browser = '') {
  if (remembered === 'en' || remembered === 'zh') return remembered;
  return browser.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/**
 * The words for `key`, with `{name}` replaced from `values`. A missing key shows itself.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const words = WORDS[language][key] ?? WORDS.en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

const MALFORMED = 400;
/** Codes from here on speak of trading, and their sentences are for people. */
const OF_TRADING = 1000;
/** A message begins with the field that is meant. */
const FIELD = /: (?:[\w[\]]+\.)*(\w+)(?:\[\d+\])? (?:must|cannot|is) /;

/**
 * A refusal in the page's words. A code that is newer than this page has the server's own sentence in the server's language,
 * which is English; in another it has its number.
 * @param {number | string | null | undefined} code
 * @param {string | null | undefined} message
 */
export function reason(code, message) {
  const known = code === MALFORMED ? malformed(message) : WORDS[language][`error.${code}`];
  const words = known ?? (language === 'en' ? message : null) ?? t('error.unknown');
  return code ? t('error.with_code', { words, code }) : words;
}

/**
 * A message that the exchange could not read: which of its fields is meant, never what the server checked.
 * @param {string | null | undefined} message
 */
function malformed(message) {
  const [, field = ''] = FIELD.exec(message ?? '') ?? [];
  const name = WORDS[language][`field.${field}`];
  return name ? t('error.field', { name }) : t('error.400');
}

/** What the exchange says by itself and not as a reason why it takes no orders. */
const SAID_BY_ITSELF = /** @type {Record<string, string>} */ ({
  'Orders are taken again.': 'announcement.open',
  'The exchange stops; connect again in a moment': 'announcement.leaves',
});

/**
 * What the exchange says by itself has no code, and is English: in another language the page says what it means.
 * @param {string} message
 */
export const announcement = (message) => (language === 'en' ? message : t(SAID_BY_ITSELF[message] ?? 'announcement.closed'));

/**
 * What the exchange says beyond its code, where the reader's language is the server's.
 * @param {number | string | null | undefined} code
 * @param {string | null | undefined} message
 */
export const detail = (code, message) => (language === 'en' && Number(code) >= OF_TRADING && message?.includes(' ') ? message : '');

/**
 * Calls `listener` after each change of language.
 * @param {() => void} listener
 */
export const onLanguage = (listener) => listeners.push(listener);

export function startLanguage() {
  use(preferredLanguage(loadPreferences().language, navigator.language));
}

export function toggleLanguage() {
  use(language === 'en' ? 'zh' : 'en');
  savePreference('language', language);
}

/** @param {Language} next */
function use(next) {
  language = next;
  document.documentElement.lang = HTML_LANG[next];
  translate(document);
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('a[data-lang]'))) {
    link.search = `?lang=${SITE_LANG[next]}`;
  }
  listeners.forEach((listener) => listener());
}

/**
 * Puts words into every marked element under `root`.
 * @param {Document} root
 */
function translate(root) {
  root.querySelectorAll('[data-t]').forEach((node) => {
    node.textContent = t(node.getAttribute('data-t') ?? '');
  });
  for (const name of ATTRIBUTES) {
    const mark = `data-t-${name}`;
    root.querySelectorAll(`[${mark}]`).forEach((node) => node.setAttribute(name, t(node.getAttribute(mark) ?? '')));
  }
}
