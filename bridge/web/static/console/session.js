// Who is signed in to the console, in every tab of this browser: a cookie that no script can read has the session. Where
// the browser keeps no cookies, a token in this tab's sessionStorage, which is sent to the bridge in a header only.

import { reasonOf, RequestFailed, send, statusOf } from "../http.js";

const KEY = "popbridge.console";
/** @type {Record<string, string>} */
const REFUSALS = {
  "incomplete-token": "incomplete",
  "revoked-token": "revoked",
  "signed-out": "left",
  "no-token": "left",
};

/**
 * The session from before a reload, or null. The bridge decides whether it is still valid.
 * @returns {ConsoleSession | null}
 */
export function storedSession() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}

/**
 * Signs in with a token; with "", by the session in this page's cookie. Throws `RequestFailed`.
 * @param {string} token
 * @returns {Promise<ConsoleSession>}
 */
export async function signIn(token) {
  const trimmed = token.trim();
  if (!trimmed) return cookieSession();
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new RequestFailed(401, "", "incomplete-token");
  const session = { ...(await send("POST", "/console/session", { bearer: trimmed })), token: trimmed };
  const inCookie = await cookieSession().catch(() => null);
  if (inCookie && inCookie.token_id === session.token_id) {
    forget();
    return inCookie;
  }
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // The browser forbids storage: after a reload the token must be pasted again.
  }
  return session;
}

/**
 * The session in this page's cookie, with no token. Throws `RequestFailed`.
 * @returns {Promise<ConsoleSession>}
 */
async function cookieSession() {
  const told = await send("GET", "/console/session", { bearer: "" });
  if (told.reason) throw new RequestFailed(401, "", told.reason);
  return { ...told, token: "" };
}

/**
 * Ends the session in the cookie, in every tab; a token outlives this.
 * @param {ConsoleSession} session
 */
export async function signOut(session) {
  if (!session.token) await send("DELETE", "/console/session", { bearer: "" }).catch(() => {});
}

/** Removes the token from this tab. */
export function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing was stored.
  }
}

/**
 * Why a token was refused, as a key of `console.signed-out.…`; "" where nobody was signed in.
 * @param {unknown} error
 * @param {Pick<ConsoleSession, "expires_at"> | null} session the one it belonged to, if it was accepted before
 */
export function refusalOf(error, session = null) {
  const [status, reason] = [statusOf(error), reasonOf(error)];
  if (reason === "no-token" && !session) return "";
  if (status === 403 || reason === "not-allowed") return "agent";
  if (status !== 401) return "unreachable";
  if (reason in REFUSALS) return REFUSALS[reason];
  if (!session) return "refused";
  return Date.parse(session.expires_at) <= Date.now() ? "expired" : "revoked";
}
