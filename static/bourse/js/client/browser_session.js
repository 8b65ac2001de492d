/**
 * The browser's session with this site: signing in and out, and the short-lived token that it is given for the socket.
 * The token is kept in memory only, and renewed while the page is open.
 */

const RENEW_AT = 0.5; // of its life
const AGAIN_MS = 15000;
/** @type {RequestInit} */
const OPTIONS = { cache: 'no-store', credentials: 'same-origin', keepalive: true, method: 'POST' };

/** @param {string} name */
const cookie = (name) => document.cookie.split('; ').find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';

/**
 * {ok: true, ...answer} or {ok: false, code, message, retryAfter}; it never throws.
 * @param {string} path
 * @param {object} [body]
 */
async function post(path, body = {}) {
  try {
    const headers = { 'Content-Type': 'application/json', 'X-CSRFToken': cookie('csrftoken') };
    const response = await fetch(path, { ...OPTIONS, headers, body: JSON.stringify(body) });
    const answer = response.headers.get('Content-Type')?.includes('json') ? await response.json() : { code: 'reload' };
    return { ...answer, ok: response.ok, retryAfter: Number(response.headers.get('Retry-After')) || null };
  } catch {
    return { ok: false, code: 'unreachable' };
  }
}

export class BrowserSession {
  /**
   * `said`: what the page was told of its session when it was made.
   * @param {Store} store
   * @param {Client} client
   * @param {SessionTold} said
   */
  constructor(store, client, said) {
    this.store = store;
    this.client = client;
    /** @type {number | undefined} */
    this.timer = undefined;
    this.userId = said.user_id;
    this.#note(said);
    client.freshToken = () => this.#token();
  }

  /** Connects: as the user of the session, else as whom this tab remembers, else as a visitor who may watch. */
  async start() {
    if (this.userId === null) return this.client.start();
    const token = await this.#token();
    return token ? this.client.enter(this.userId, token) : this.client.start();
  }

  /**
   * @param {string} userId
   * @param {string} password
   */
  signIn(userId, password) {
    return this.#enter('/session', { user_id: userId, password });
  }

  startDemo() {
    return this.#enter('/demo-account');
  }

  /** The starting funds again, for an account without orders and positions. */
  resetDemo() {
    return post('/demo-account/reset');
  }

  /** Leaves, when the server has ended the session. */
  async signOut() {
    if (this.userId !== null) {
      const answer = await post('/session/end');
      if (!answer.ok) return this.client.notice('not-signed-out', answer);
    }
    clearTimeout(this.timer);
    this.userId = null;
    return this.client.signOut();
  }

  /**
   * Null, or why not.
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<Problem | null>}
   */
  async #enter(path, body) {
    const answer = await post(path, body);
    if (!answer.ok) return answer;
    this.userId = answer.user_id;
    this.#note(answer);
    const token = await this.#token();
    if (!token) return { code: 'unreachable' };
    this.client.enter(answer.user_id, token);
    return null;
  }

  /** @param {Partial<SessionTold>} parts */
  #note({ demo_account: isDemo }) {
    this.store.set({ demoAccount: isDemo });
  }

  /** A fresh token, or null when the session is over. */
  async #token() {
    if (this.userId === null) return null;
    clearTimeout(this.timer);
    const answer = await post('/session/token');
    if (answer.ok && answer.user_id === this.userId) {
      this.timer = setTimeout(() => this.#renew(), answer.expires_in * 1000 * RENEW_AT);
      return answer.token;
    }
    if (answer.code === 'signed_out' || answer.ok) this.userId = null;
    else this.timer = setTimeout(() => this.#renew(), AGAIN_MS);
    return null;
  }

  async #renew() {
    const token = await this.#token();
    if (token && this.userId !== null) this.client.renew(this.userId, token);
  }
}
