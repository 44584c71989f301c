// Requests to the bridge.

/**
 * The bridge refused a request (`status` is HTTP's) or did not answer (0). `detail` is its explanation, in English, `said`
 * the same as data and `reason` its stable word for it, if it gave them.
 */
export class RequestFailed extends Error {
  /** @param {number} status @param {Reason | null} [said] */
  constructor(status, detail = "", reason = "", said = null) {
    super(`request failed with status ${status}`);
    this.status = status;
    this.detail = detail;
    this.reason = reason;
    this.said = said;
  }

  /** Whether the same request would be refused again: the bridge was reached, and is not just busy. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && this.status !== 429;
  }
}

/** Which page of the bridge this is: each has a session of its own, and one in another site's frame one for that site. */
function pageName() {
  if (location.pathname.startsWith("/console")) return "console";
  return self === top ? "desktop" : "framed";
}

/**
 * The headers by which the bridge knows who asks: the token, or without one ("") the session in this page's cookie.
 * @param {string} bearer
 * @returns {Record<string, string>}
 */
export function credentials(bearer) {
  const page = { "Popbridge-Page": pageName() };
  return bearer ? { ...page, Authorization: `Bearer ${bearer}` } : page;
}

/**
 * @typedef {object} Options
 * @property {string} bearer the token; "" for the session in the page's cookie
 * @property {unknown} [body] sent as JSON
 * @property {boolean} [keepalive] let the request outlive the page
 * @property {Record<string, string>} [headers]
 */

/**
 * Sends a request; resolves to the JSON of the response, null if it has none. Throws `RequestFailed`.
 * @param {string} method
 * @param {string} path
 * @param {Options} options
 * @returns {Promise<any>}
 */
export async function send(method, path, { bearer, body, keepalive = false, headers = {} }) {
  /** @type {Record<string, string>} */
  const sent = { ...credentials(bearer), Accept: "application/json", ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers: sent, body: JSON.stringify(body), cache: "no-store", keepalive });
  } catch {
    throw new RequestFailed(0);
  }
  if (!response.ok) throw await failureOf(response);
  return response.status === 204 ? null : response.json().catch(() => null);
}

/** @param {Response} response an error response, with problem+json or not */
export async function failureOf(response) {
  const problem = await response.json().catch(() => null);
  return new RequestFailed(response.status, problem?.detail ?? "", problem?.reason ?? "", problem?.detail_reason ?? null);
}

/**
 * The bridge's word for why a request failed; "" if it gave none.
 * @param {unknown} error
 */
export function reasonOf(error) {
  return error instanceof RequestFailed ? error.reason : "";
}

/**
 * Whether the bridge does not accept the session any more: it is over, or its agent is not in the directory.
 * @param {unknown} error
 */
export function endsSession(error) {
  return statusOf(error) === 401 || reasonOf(error) === "unknown-agent";
}

/**
 * The bridge's own explanation of a refusal; null where somebody else has answered.
 * @param {Response} response
 * @returns {Promise<{reason?: string} | null>}
 */
export async function problemOf(response) {
  const isOurs = (response.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
  return isOurs ? response.json().catch(() => ({})) : null;
}

/**
 * The status of a failed request; 0 for any other error.
 * @param {unknown} error
 */
export function statusOf(error) {
  return error instanceof RequestFailed ? error.status : 0;
}
