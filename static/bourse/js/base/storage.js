/**
 * What outlives a page: preferences (localStorage), a user with a token of his own (sessionStorage, this tab only).
 * The token never goes to localStorage. A browser that forbids storage gets a page that forgets, not one that fails.
 */
const SESSION = 'bourse.session';
const PREFERENCES = 'bourse.preferences';

/**
 * @param {'localStorage' | 'sessionStorage'} area
 * @param {string} key
 * @param {any} otherwise
 */
function read(area, key, otherwise) {
  try {
    return JSON.parse(globalThis[area].getItem(key) ?? 'null') ?? otherwise;
  } catch {
    return otherwise;
  }
}

/**
 * @param {'localStorage' | 'sessionStorage'} area
 * @param {string} key
 * @param {unknown} value
 */
function write(area, key, value) {
  try {
    globalThis[area].setItem(key, JSON.stringify(value));
  } catch {
    // Full or forbidden: the page works without.
  }
}

/**
 * @param {'localStorage' | 'sessionStorage'} area
 * @param {string} key
 */
function remove(area, key) {
  try {
    globalThis[area].removeItem(key);
  } catch {
    // As above.
  }
}

export const loadSession = () => read('sessionStorage', SESSION, null);
/**
 * @param {string} userId
 * @param {string} token
 */
export const saveSession = (userId, token) => write('sessionStorage', SESSION, { userId, token });

export const clearSession = () => remove('sessionStorage', SESSION);

export const loadPreferences = () => read('localStorage', PREFERENCES, {});
/**
 * @param {string} name
 * @param {unknown} value
 */
export const savePreference = (name, value) => write('localStorage', PREFERENCES, { ...loadPreferences(), [name]: value });
