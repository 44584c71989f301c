// Shows why a request failed, with a button to try again where that may help.

import { button, foreign } from "../element.js";
import { RequestFailed } from "../http.js";
import { say } from "../words.js";

/** @type {Record<number, string>} */
const KEYS = { 0: "unreachable", 400: "malformed", 404: "gone", 429: "too-many", 503: "unavailable" };

/**
 * Shows the problem in `place`; nothing if there is none, or if the token was refused: then the page signs out.
 * @param {HTMLElement} place
 * @param {unknown} error
 * @param {() => void} retry
 */
export function showProblem(place, error, retry) {
  if (!error) return place.replaceChildren();
  const { status, detail } = error instanceof RequestFailed ? error : new RequestFailed(0);
  if (status === 401) return place.replaceChildren();
  const key = KEYS[status] ?? "other";
  const more = ["malformed", "other"].includes(key) ? [" ", foreign(detail || `HTTP ${status}`)] : [];
  const again = ["malformed", "gone"].includes(key) ? [] : [" ", button(say("console.again"), "again", retry)];
  place.replaceChildren(say(`console.problem.${key}`), ...more, ...again);
}
