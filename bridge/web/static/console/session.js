// Who is signed in to the console: a token, in this tab's sessionStorage alone. It goes to the bridge in a header only.

import { ask, Refused } from "../desktop/session.js";

const KEY = "popbridge.console";

/** This tab's session from before a reload, or null. Whether it still holds is the bridge's to say. */
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

/** Whose token it is: `{token, token_id, role, expires_at}`, kept for a reload. Raises `Refused`. */
export async function signIn(token) {
  const sent = token.trim();
  if (!/^[\x21-\x7e]+$/.test(sent)) throw new Refused(401);
  const session = { ...(await ask("GET", "/console/session", { bearer: sent })), token: sent };
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // A browser that forbids storage: after a reload the token must be pasted again.
  }
  return session;
}

/** Nothing of it stays in this tab. */
export function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing was kept.
  }
}

/** Why a token does not let in, as a key of `console.signed-out.…`. `session`: the one it was, if it held once. */
export function whyNot(refused, session = null) {
  if (refused.status === 403) return "agent";
  if (refused.status !== 401) return "away";
  if (!session) return "refused";
  return Date.parse(session.expires_at) <= Date.now() ? "expired" : "revoked";
}
