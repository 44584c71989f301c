// Shows why a request failed, with a button to try again where that may help.

import { because, button } from "../element.js";
import { RequestFailed } from "../http.js";
import { say } from "../words.js";

/** @type {Record<number, string>} */
const KEYS = { 0: "unreachable", 400: "malformed", 404: "gone", 429: "too-many", 503: "unavailable" };
/** Statuses of what would be refused again. */
const FINAL = [400, 403, 404, 409, 413];

/**
 * Shows the problem in `place`, in the bridge's words where it gave them as a reason; nothing if there is none, or if the
 * token was refused: then the page signs out.
 * @param {HTMLElement} place
 * @param {unknown} error
 * @param {() => void} retry
 */
export function showProblem(place, error, retry) {
  if (!error) return place.replaceChildren();
  const { status, detail, said } = error instanceof RequestFailed ? error : new RequestFailed(0);
  if (status === 401) return place.replaceChildren();
  const key = KEYS[status] ?? "other";
  const again = FINAL.includes(status) ? [] : [" ", button(say("console.again"), "again", retry)];
  if (said) return place.replaceChildren(because({ reason: said, why: detail }), ...again);
  const more = ["malformed", "other"].includes(key) ? [" ", because({ why: detail || `HTTP ${status}` })] : [];
  place.replaceChildren(say(`console.problem.${key}`), ...more, ...again);
}
