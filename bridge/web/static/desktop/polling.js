// Asks the bridge again and again for the events that a stream would bring, where the network lets no stream through.

import { problemOf } from "../http.js";
import { backOff, pause } from "../sse.js";
import { headers, parser } from "../sse_once.js";

const EVERY_MS = 2_000;
const TIMEOUT_MS = 15_000;

/** @typedef {import("../sse.js").Handlers} Handlers */
/** `isLost`: the bridge gave no answer, or said goodbye. `refused` is its reason or "". @typedef {{isLost: boolean, isEmpty: boolean, refused?: string}} Answer */

/**
 * Polls until the token is refused or `signal` aborts. After a failure it takes another name: what was in the answer that
 * got lost is sent again.
 * @param {string} url
 * @param {string} token
 * @param {Handlers} handlers
 */
export async function poll(url, token, { lastId, onEvent, onState, signal }) {
  let failures = 0;
  let page = newName();
  while (!signal.aborted) {
    const asked = performance.now();
    const { isLost, isEmpty, refused } = await ask(`${url}?page=${page}`, headers(token, lastId()), signal, onEvent);
    if (signal.aborted) return;
    if (refused !== undefined) return onState("refused", refused);
    if (isLost) {
      failures += 1;
      page = newName();
      const wait = backOff(failures);
      onState("waiting", wait);
      await pause(wait, signal);
    } else {
      failures = 0;
      onState("polling");
      if (isEmpty) await pause(Math.max(0, EVERY_MS - (performance.now() - asked)), signal);
    }
  }
}

function newName() {
  return Math.random().toString(36).slice(2);
}

/**
 * @param {string} url
 * @param {Record<string, string>} sent
 * @param {AbortSignal} signal
 * @param {Handlers["onEvent"]} onEvent
 * @returns {Promise<Answer>}
 */
async function ask(url, sent, signal, onEvent) {
  /** @type {Answer} */
  const lost = { isLost: true, isEmpty: true };
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(url, { headers: { ...sent, Accept: "text/plain" }, cache: "no-store", signal: limited });
    const isAnswer = response.ok && (response.headers.get("Content-Type") ?? "").startsWith("text/plain");
    if (isAnswer) return take(await response.text(), onEvent);
    const problem = response.status === 401 || response.status === 403 ? await problemOf(response) : null;
    return problem ? { ...lost, refused: problem.reason ?? "" } : lost;
  } catch {
    return lost; // no connection, or it broke: the caller tries again
  }
}

/**
 * @param {string} text
 * @param {Handlers["onEvent"]} onEvent
 */
function take(text, onEvent) {
  /** @type {Answer} */
  const answer = { isLost: false, isEmpty: text === "" };
  parser((event) => {
    if (event.event === "bye") answer.isLost = true;
    else if (event.event === "signed-out") answer.refused = JSON.parse(event.data).reason;
    else onEvent(event);
  })(text);
  return answer;
}
