// Who is signed in to the console, and requests in their name. Nothing else of the console knows how that is proven: in
// every tab of this browser by a cookie that no script can read. Where the browser keeps no cookies, by a token in this
// tab's sessionStorage, which is sent to the bridge in a header only.

import { credentials, reasonOf, RequestFailed, send, statusOf } from "../http.js";
import { follow } from "../sse.js";
import { parameters, replace } from "./address.js";

const KEY = "popbridge.console";
/** @type {Record<string, string>} */
const REFUSALS = {
  "incomplete-token": "incomplete",
  "revoked-token": "revoked",
  "signed-out": "left",
  "no-token": "left",
};

/** Nobody is signed in. `why` is a key of `console.signed-out.…`; "" for no reason. */
export class SignedOut extends Error {
  /** @param {string} why */
  constructor(why) {
    super(`signed out: ${why}`);
    this.why = why;
  }
}

export class Session {
  #token;

  /** @param {string} token "" for the session in this page's cookie @param {Whose} whose */
  constructor(token, whose) {
    this.#token = token;
    this.whose = whose;
  }

  /**
   * Sends a request; resolves to its JSON. Throws `RequestFailed`.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  send(method, path, body) {
    return send(method, path, { bearer: this.#token, body });
  }

  /**
   * The response to a GET, whatever it is: for files.
   * @param {string} path
   * @param {AbortSignal} signal
   */
  open(path, signal) {
    return fetch(path, { headers: credentials(this.#token), cache: "no-store", signal });
  }

  /**
   * Follows an event stream until it is refused or its signal aborts.
   * @param {string} path
   * @param {import("../sse.js").Handlers} handlers
   */
  follow(path, handlers) {
    return follow(path, this.#token, handlers);
  }

  /** Ends the session in the cookie, in every tab, and at the identity provider; a token outlives this. */
  async end() {
    if (this.#token) return;
    const told = await this.send("DELETE", "/console/session").catch(() => null);
    if (told?.leave) location.assign(told.leave);
  }
}

/**
 * Signs in with a token; with "", by the session in this page's cookie. Throws `SignedOut`.
 * @param {string} token
 * @param {Stored | null} before the session that the token belonged to before a reload
 */
export async function signIn(token, before = null) {
  try {
    const trimmed = token.trim();
    return await (trimmed ? tokenSession(trimmed) : cookieSession());
  } catch (error) {
    throw new SignedOut(refusalOf(error, before));
  }
}

/** @param {string} token */
async function tokenSession(token) {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new RequestFailed(401, "", "incomplete-token");
  const whose = await send("POST", "/console/session", { bearer: token });
  const inCookie = await cookieSession().catch(() => null);
  if (inCookie && inCookie.whose.token_id === whose.token_id) {
    forget();
    return inCookie;
  }
  store({ ...whose, token });
  return new Session(token, whose);
}

async function cookieSession() {
  const whose = await send("GET", "/console/session", { bearer: "" });
  if (whose.reason) throw new RequestFailed(401, "", whose.reason);
  return new Session("", whose);
}

/** The session that a page begins with: by a token in its address, or the one from before. Throws `SignedOut`. */
export async function resume() {
  const token = takeToken();
  const before = stored();
  return token === null ? signIn(before?.token ?? "", before) : signIn(token);
}

/** Whether the address brings a sign-in along. */
export function isInAddress() {
  return parameters().has("token");
}

/** The token in the address, or null; it is removed from the address. */
function takeToken() {
  const found = parameters();
  const token = found.get("token");
  found.delete("token");
  if (token !== null) replace(found);
  return token;
}

/** Removes the token from this tab. */
export function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing was stored.
  }
}

/** @typedef {Whose & {token: string}} Stored */

/** @returns {Stored | null} */
function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}

/** @param {Stored} session */
function store(session) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // The browser forbids storage: after a reload the token must be pasted again.
  }
}

/**
 * Why a request ended the session, as a key of `console.signed-out.…`; "" where nobody was signed in.
 * @param {unknown} error
 * @param {Pick<Whose, "expires_at"> | null} whose of the session, if it was accepted before
 */
export function refusalOf(error, whose = null) {
  const [status, reason] = [statusOf(error), reasonOf(error)];
  if (reason === "no-token" && !whose) return "";
  if (status === 403 || reason === "not-allowed") return "agent";
  if (status !== 401) return "unreachable";
  const known = REFUSALS[reason];
  if (known) return known;
  if (!whose) return "refused";
  return Date.parse(whose.expires_at) <= Date.now() ? "expired" : "revoked";
}
