/**
 * What outlives a page: preferences (localStorage), a user with a token of his own (sessionStorage, this tab only).
 * The token never goes to localStorage. A browser that forbids storage gets a page that forgets, not one that fails.
 */
const SESSION = 'bourse.session';
const PREFERENCES = 'bourse.preferences';

function read(area, key, otherwise) {
  try {
    return JSON.parse(globalThis[area].getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(area, key, value) {
  try {
    globalThis[area].setItem(key, JSON.stringify(value));
  } catch {
    // Full or forbidden: the page works without.
  }
}

function remove(area, key) {
  try {
    globalThis[area].removeItem(key);
  } catch {
    // As above.
  }
}

export const loadSession = () => read('sessionStorage', SESSION, null);
export const saveSession = (userId, token) => write('sessionStorage', SESSION, { userId, token });

export const clearSession = () => remove('sessionStorage', SESSION);

export const loadPreferences = () => read('localStorage', PREFERENCES, {});
export const savePreference = (name, value) => write('localStorage', PREFERENCES, { ...loadPreferences(), [name]: value });
