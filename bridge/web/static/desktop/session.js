// The agent's session with the bridge. A cookie that no script can read has it, for every tab of this browser; where the
// browser keeps none (in some frames), this tab's sessionStorage has it.

import { endsSession, reasonOf, send } from "../http.js";

const KEY = "popbridge.session";
const CARDS = "popbridge.cards";
const CHECK_MS = 60_000;
const RESTARTED = "popbridge.restarted";
const RESTART_MS = 60_000;
const WINDOW = "popup,width=460,height=780";

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
  /** @type {SessionData} */
  const given = await send("POST", "/desktop/session", { bearer: token });
  const { session: inCookie } = await cookieSession().catch(() => ({ session: null })); // the link is used up by now
  const session = inCookie && ownerOf(inCookie) === ownerOf(given) ? inCookie : given;
  store(KEY, session);
  return session;
}

/**
 * The session in this page's cookie, or the bridge's reason why there is none. Throws `RequestFailed`.
 * @returns {Promise<{session: SessionData | null, reason: string}>}
 */
export async function cookieSession() {
  const told = await send("GET", "/desktop/session", { bearer: "" });
  return told.reason ? { session: null, reason: told.reason } : { session: { ...told, session: "" }, reason: "" };
}

/** @param {SessionData} session @returns {string} a name for its agent that no other agent has */
const ownerOf = ({ agent }) => `${agent.crm} ${agent.crm_user}`;

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

  /** Its text; "" when the page's cookie has it. */
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

  /** How long the card of an ended call stays by itself, in seconds; 0: until it is dismissed. */
  get endedCardSeconds() {
    return this.#data.ended_card_seconds ?? 0;
  }

  /** Whether the agent may choose what makes a popup. */
  get choosesPop() {
    return this.#data.chooses_pop ?? false;
  }

  /** What makes the agent's popups: `button`, `ringing` or `answer`. Where nobody listens to the phone system, clicks alone. */
  get pop() {
    const { usual_pop: usual, preferences } = this.#data;
    return usual ? (this.choosesPop && preferences.pop) || usual : "button";
  }

  /** Aborted once the agent is not signed in any more. */
  get ended() {
    return this.#ended.signal;
  }

  /** A name for the agent that no other agent has. */
  get owner() {
    return ownerOf(this.#data);
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

  /** Puts the end of an unused session off. */
  async stay() {
    await this.send("GET", "/desktop/session").catch(() => {});
  }

  /**
   * Who has signed in in this browser since this session has ended; asked once a minute at most.
   * @returns {Promise<"agent" | "another" | null>}
   */
  async successor() {
    if (this.token || Date.now() - Number(stored(RESTARTED) ?? 0) < RESTART_MS) return null;
    store(RESTARTED, Date.now());
    const { session } = await cookieSession().catch(() => ({ session: null }));
    if (!session) return null;
    return ownerOf(session) === this.owner ? "agent" : "another";
  }

  /**
   * A tab that does not read the stream itself checks the session when it becomes visible.
   * @param {(preferences: Preferences) => void} onAnswer
   */
  checkWhenVisible(onAnswer) {
    let last = Date.now();
    const check = () => {
      if (document.visibilityState !== "visible" || Date.now() - last < CHECK_MS) return;
      last = Date.now();
      this.send("GET", "/desktop/preferences").then(onAnswer, () => {});
    };
    document.addEventListener("visibilitychange", check, { signal: this.ended });
  }

  /** The agent is not signed in any more: nothing is stored from now on. */
  end() {
    this.#ended.abort();
  }

  /** Ends the session at the bridge, and at the identity provider. It ends by itself if that fails. */
  async signOut() {
    const told = await send("DELETE", "/desktop/session", { bearer: this.token }).catch(() => null);
    if (told?.leave && self === top) location.assign(told.leave);
  }

  /**
   * The bridge has sent newer data about the session.
   * @param {Partial<SessionData>} changes
   */
  update(changes) {
    this.#data = { ...this.#data, ...changes };
    if (!this.ended.aborted) store(KEY, this.#data);
  }

  /** Opens this page in its own window: at once, since a browser takes a later one for a pop-up that nobody asked for. */
  async openWindow() {
    const opened = window.open("", "popbridge", WINDOW);
    const address = await this.#windowAddress().catch(() => null);
    if (address) opened?.location.replace(new URL(address, location.href));
    else opened?.close();
  }

  /** Signed in there: the cookie of a frame does not reach that window. What follows the # reaches no server and no log. */
  async #windowAddress() {
    if (!this.token && self === top) return `/desktop${location.search}`;
    const token = this.token || (await this.send("POST", "/desktop/link")).token;
    return `/desktop${location.search}#token=${encodeURIComponent(token)}`;
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
