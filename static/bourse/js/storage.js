/**
 * What outlives a page: preferences and order ids (localStorage), the signed-in user and fills (sessionStorage, this tab only).
 * The token never goes to localStorage. A browser that forbids storage gets a page that forgets, not one that fails.
 */
import { MOST_FILLS, MOST_ORDERS } from './reduce.js';

const SESSION = 'bourse.session';
const PREFERENCES = 'bourse.preferences';
const ordersKey = (userId) => `bourse.orders.${userId}`;
const fillsKey = (userId) => `bourse.fills.${userId}`;

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

/** Forgets everything private that this tab held. */
export function clearSession(userId) {
  remove('sessionStorage', SESSION);
  if (userId) remove('sessionStorage', fillsKey(userId));
}

export const loadOrderIds = (userId) => read('localStorage', ordersKey(userId), []).slice(0, MOST_ORDERS);
export const saveOrderIds = (userId, ids) => write('localStorage', ordersKey(userId), ids.slice(0, MOST_ORDERS));

export const loadFills = (userId) => read('sessionStorage', fillsKey(userId), []).slice(0, MOST_FILLS);
export const saveFills = (userId, fills) => write('sessionStorage', fillsKey(userId), fills.slice(0, MOST_FILLS));

export const loadPreferences = () => read('localStorage', PREFERENCES, {});
export const savePreference = (name, value) => write('localStorage', PREFERENCES, { ...loadPreferences(), [name]: value });
