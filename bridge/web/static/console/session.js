// Who is signed in to the console: a token in this tab's sessionStorage. It is sent to the bridge in a header only.

import { RequestFailed, send, statusOf } from "../http.js";

const KEY = "popbridge.console";

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
 * Signs in with a token. Throws `RequestFailed`.
 * @param {string} token
 * @returns {Promise<ConsoleSession>}
 */
export async function signIn(token) {
  const trimmed = token.trim();
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new RequestFailed(401);
  const session = { ...(await send("GET", "/console/session", { bearer: trimmed })), token: trimmed };
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // The browser forbids storage: after a reload the token must be pasted again.
  }
  return session;
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
 * Why a token was refused, as a key of `console.signed-out.…`.
 * @param {unknown} error
 * @param {Pick<ConsoleSession, "expires_at"> | null} session the one it belonged to, if it was accepted before
 */
export function refusalOf(error, session = null) {
  const status = statusOf(error);
  if (status === 403) return "agent";
  if (status !== 401) return "unreachable";
  if (!session) return "refused";
  return Date.parse(session.expires_at) <= Date.now() ? "expired" : "revoked";
}
