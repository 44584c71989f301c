// The agent's session with the bridge. It is kept in this tab's sessionStorage: no cookie, so it works in a frame.

import { endsSession, reasonOf, send } from "../http.js";

const KEY = "popbridge.session";
const CARDS = "popbridge.cards";

/**
 * The token in the address, or null; it is removed from the address.
 */
export function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/**
 * Exchanges the token of a link for a session; a session's own token is accepted too. Throws `RequestFailed`.
 * @param {string} token
 * @returns {Promise<SessionData>}
 */
export async function signIn(token) {
  const session = await send("POST", "/desktop/session", { bearer: token });
  store(KEY, session);
  return session;
}

/**
 * The session from before a reload, or null. The bridge decides whether it is still valid.
 * @returns {SessionData | null}
 */
export function storedSession() {
  return stored(KEY);
}

/** Removes everything about the agent from this tab. */
export function forget() {
  store(KEY, null);
  store(CARDS, null);
}

/** One signed-in agent. `onExpired` is called with the bridge's reason when it no longer accepts the session. */
export class Session {
  #data;
  #onExpired;
  #ended = new AbortController();
  /** How far the bridge's clock is ahead of this computer's, in milliseconds. */
  clockOffset = 0;

  /** @param {SessionData} data @param {(reason: string) => void} onExpired */
  constructor(data, onExpired) {
    this.#data = data;
    this.#onExpired = onExpired;
  }

  get agent() {
    return this.#data.agent;
  }

  get token() {
    return this.#data.session;
  }

  get recordHosts() {
    return this.#data.record_hosts ?? [];
  }

  /** Whether contacts can be made in the agent's CRM from here. */
  get createsContacts() {
    return this.#data.creates_contacts ?? false;
  }

  /** Whether the agent may choose what makes a popup. */
  get choosesPop() {
    return this.#data.chooses_pop ?? false;
  }

  /** Aborted once the agent is not signed in any more. */
  get ended() {
    return this.#ended.signal;
  }

  /** A name for the agent that no other agent has. */
  get owner() {
    return `${this.agent.crm} ${this.agent.crm_user}`;
  }

  /** The time by the bridge's clock, in milliseconds. */
  now = () => Date.now() + this.clockOffset;

  /**
   * Sends a request as this agent. Throws `RequestFailed`.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @param {{keepalive?: boolean, headers?: Record<string, string>}} [options]
   */
  async send(method, path, body, options = {}) {
    try {
      return await send(method, path, { bearer: this.token, body, ...options });
    } catch (error) {
      if (endsSession(error)) this.#onExpired(reasonOf(error));
      throw error;
    }
  }

  /** The agent is not signed in any more: nothing is stored from now on. */
  end() {
    this.#ended.abort();
  }

  /** Ends the session at the bridge. It ends by itself if that fails. */
  async signOut() {
    await send("DELETE", "/desktop/session", { bearer: this.token }).catch(() => {});
  }

  /**
   * The bridge has sent newer data about the session.
   * @param {Partial<SessionData>} changes
   */
  update(changes) {
    this.#data = { ...this.#data, ...changes };
    if (!this.ended.aborted) store(KEY, this.#data);
  }

  /** The address that opens this page in its own window, signed in. What follows the # reaches no server and no log. */
  windowAddress() {
    return `/desktop${location.search}#token=${encodeURIComponent(this.token)}`;
  }

  /**
   * Keeps the cards for a reload of this tab.
   * @param {StoredCards} data
   */
  storeCards(data) {
    if (!this.ended.aborted) store(CARDS, { owner: this.owner, ...data });
  }

  /**
   * The cards from before a reload if they are this agent's, else null.
   * @returns {StoredCards | null}
   */
  storedCards() {
    const found = stored(CARDS);
    return found?.owner === this.owner && found.cards ? found : null;
  }
}

/** @typedef {{cards: import("./cards.js").Snapshot, lastId: string | null}} StoredCards */

/** @param {string} key @param {unknown} value */
function store(key, value) {
  try {
    if (value) sessionStorage.setItem(key, JSON.stringify(value));
    else sessionStorage.removeItem(key);
  } catch {
    // The browser forbids storage, or it is full: after a reload the agent must open the link again.
  }
}

/** @param {string} key @returns {any} */
function stored(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}
