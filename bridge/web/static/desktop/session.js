// Who is signed in here. The session lives in this tab's memory and sessionStorage: no cookie, so it works in a frame.

const KEY = "popbridge.session";
const CARDS = "popbridge.cards";

/** The bridge answered with an error, or not at all (`status` 0). `detail` is the bridge's sentence, if it had one. */
export class Refused extends Error {
  constructor(status, detail = "") {
    super(`the bridge answered ${status}`);
    this.status = status;
    this.detail = detail;
  }
}

/** The token that the address brings, or null. It does not stay there. */
export function takeFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/** Trades a token for a session of this page's; one that is a session already is taken over. Raises `Refused`. */
export async function trade(token) {
  const session = await ask("POST", "/desktop/session", { bearer: token });
  keep(KEY, session);
  return session;
}

/** The address of this page in a window of its own, signed in. What follows the # reaches no server and no log. */
export function handOver({ session }) {
  return `/desktop${location.search}#token=${encodeURIComponent(session)}`;
}

/** This tab's session from before a reload, or null. Whether it still holds is the bridge's to say. */
export function kept() {
  return recall(KEY);
}

/** Remembers what the bridge now says about the session. */
export function remember(session) {
  keep(KEY, session);
}

/** The cards are kept beside the session, for a reload. `owner` is whose they are. */
export function keepCards(owner, cards) {
  keep(CARDS, { owner, ...cards });
}

/** The cards from before a reload if they are `owner`'s, else null. */
export function keptCards(owner) {
  const cards = recall(CARDS);
  return cards?.owner === owner ? cards : null;
}

/** Nothing of the agent stays in this tab. */
export function forget() {
  keep(KEY, null);
  keep(CARDS, null);
}

/** Asks the bridge; the answer's JSON, null when it has none. Raises `Refused`. */
export async function ask(method, path, { bearer, body, keepalive = false, headers = {} } = {}) {
  const sent = { Authorization: `Bearer ${bearer}`, Accept: "application/json", ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers: sent, body: JSON.stringify(body), cache: "no-store", keepalive });
  } catch {
    throw new Refused(0);
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, answer?.detail ?? "");
  return answer;
}

function keep(key, value) {
  try {
    if (value) sessionStorage.setItem(key, JSON.stringify(value));
    else sessionStorage.removeItem(key);
  } catch {
    // A browser that forbids storage, or has no room: after a reload the link must be opened again.
  }
}

function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}
