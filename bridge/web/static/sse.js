// An event stream (text/event-stream) over fetch, because EventSource cannot send an Authorization header.

import { MUTE_TRIES, MAX_WAIT_MS, readOnce } from "./sse_once.js";

const PROOF_MS = 1_000; // a stream that was mute before is believed when it brings more after this long
const STABLE_MS = 5_000; // after a stream that lasted this long the waits start small again

/** @typedef {import("./sse_once.js").ServerEvent} ServerEvent */
/** @typedef {"connecting" | "live" | "polling" | "waiting" | "full" | "refused"} StreamState */
/**
 * @typedef {object} Handlers
 * @property {() => string | null} lastId the event to continue after
 * @property {(event: ServerEvent) => void} onEvent
 * @property {(state: StreamState, detail?: number | string) => void} onState
 *   `waiting` and `full` (too many streams) come with the milliseconds until the next attempt, `refused` with the bridge's
 *   reason or ""
 * @property {() => void} [onMute] the network lets no stream through; it is tried again all the same
 * @property {AbortSignal} signal ends it
 */

/**
 * The wait before attempt number `failures` (1, 2, …): doubling from one second, half of it random.
 * @param {number} failures
 */
export function backOff(failures, random = Math.random) {
  const longest = Math.min(MAX_WAIT_MS, 1000 * 2 ** (failures - 1));
  return longest / 2 + (longest / 2) * random();
}

/**
 * Follows the stream at `url`, reconnecting whenever it breaks, until the token is refused or `signal` aborts.
 * @param {string} url
 * @param {string} token
 * @param {Handlers} handlers
 */
export async function follow(url, token, { lastId, onEvent, onState, onMute, signal }) {
  let failures = 0;
  let mutes = 0;
  while (!signal.aborted) {
    onState("connecting");
    const end = await readOnce(url, token, lastId(), signal, {
      proofMs: mutes < MUTE_TRIES ? 0 : PROOF_MS,
      onLive: () => onState("live"),
      onEvent: (event) => {
        failures = 0;
        onEvent(event);
      },
    });
    if (signal.aborted) return;
    if (end.refused !== null) return onState("refused", end.refused);
    const isStable = end.openMs > STABLE_MS;
    failures = end.isGoodbye || isStable ? 1 : failures + 1;
    mutes = isStable ? 0 : mutes + end.mutes;
    if (mutes >= MUTE_TRIES) onMute?.();
    const wait = waitAfter(end, failures);
    onState(end.isFull ? "full" : "waiting", wait);
    await pause(wait, signal);
  }
}

/** @param {import("./sse_once.js").StreamEnd} end @param {number} failures */
function waitAfter({ isGoodbye, retryAfterMs = 0 }, failures) {
  return Math.max(retryAfterMs, isGoodbye ? 200 + 1000 * Math.random() : backOff(failures));
}

/**
 * Waits; ends early when the network comes back or the page becomes visible.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const over = new AbortController();
    const timer = setTimeout(done, ms);
    addEventListener("online", done, { signal: over.signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && done(), { signal: over.signal });
    signal.addEventListener("abort", done, { signal: over.signal });
  });
}
