// One connection to an event stream, read until it ends.

import { credentials, problemOf } from "./http.js";

const FIRST_MS = 6_000; // the bridge greets at once: silence after this is a proxy's that holds the stream back
const SILENCE_MS = 45_000; // three heartbeats
export const MAX_WAIT_MS = 30_000;
/** After so many mute tries the network is taken to let no stream through. */
export const MUTE_TRIES = 2;

/** @typedef {{event: string, data: string, id?: string, retry?: number}} ServerEvent */
/**
 * `mutes`: by how many tries the network has shown that it lets no stream through.
 * @typedef {{isGoodbye: boolean, isFull: boolean, openMs: number, mutes: number, refused: string | null, retryAfterMs?: number}} StreamEnd
 */

/**
 * Parses a stream: call the result with each piece of its text, and `onEvent` is called for each event.
 * @param {(event: ServerEvent) => void} onEvent
 */
export function parser(onEvent) {
  let rest = "";
  let skipNewline = false;
  /** @type {Partial<ServerEvent>} */
  let event = {};

  /** @param {string} line */
  function readLine(line) {
    if (line === "") {
      if (event.data !== undefined) onEvent({ event: "message", ...event, data: event.data });
      event = {};
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
    else if (name === "event") event.event = value;
    else if (name === "id" && !value.includes("\0")) event.id = value;
    else if (name === "retry" && /^\d+$/.test(value)) event.retry = Number(value);
  }

  /** @param {string} text */
  return function read(text) {
    const piece = skipNewline && text.startsWith("\n") ? text.slice(1) : text;
    skipNewline = piece.endsWith("\r");
    const lines = (rest + piece).split(/\r\n|\r|\n/);
    rest = lines.pop() ?? "";
    lines.forEach(readLine);
  };
}

/**
 * One connection, until it ends. It is live from the first event on, and not before: a proxy may pass on the head and hold
 * the rest back. With `proofMs` it is live when something comes after so long.
 * @param {string} url
 * @param {string} token
 * @param {string | null} lastId
 * @param {AbortSignal} signal
 * @param {{proofMs: number, onLive: () => void, onEvent: (event: ServerEvent) => void}} handlers
 * @returns {Promise<StreamEnd>}
 */
export async function readOnce(url, token, lastId, signal, { proofMs, onLive, onEvent }) {
  /** @type {StreamEnd} */
  const end = { isGoodbye: false, isFull: false, openMs: 0, mutes: 0, refused: null };
  let firstAt = 0;
  let isLive = false;
  const watchdog = new Watchdog(() => (end.mutes = firstAt ? MUTE_TRIES : 1));
  const read = parser((event) => {
    firstAt ||= performance.now();
    if (event.event === "bye") end.isGoodbye = true;
    else if (event.event === "signed-out") end.refused = JSON.parse(event.data).reason;
    else onEvent(event);
  });
  try {
    const response = await fetch(url, {
      headers: headers(token, lastId),
      cache: "no-store",
      signal: AbortSignal.any([signal, watchdog.signal]),
    });
    if (!isStream(response) || !response.body) return { ...end, ...(await notAStream(response)) };
    const stream = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await stream.read(); !piece.done; piece = await stream.read()) {
      read(piece.value);
      if (end.isGoodbye || end.refused !== null) break;
      if (!firstAt) continue;
      watchdog.reset();
      end.openMs = performance.now() - firstAt;
      if (!isLive && end.openMs >= proofMs) onLive();
      isLive ||= end.openMs >= proofMs;
    }
  } catch {
    // No connection, or it broke: the caller tries again.
  } finally {
    watchdog.stop();
  }
  return end;
}

/** @param {Response} response */
function isStream(response) {
  return response.ok && (response.headers.get("Content-Type") ?? "").startsWith("text/event-stream");
}

/**
 * What another answer means. Only the bridge itself can refuse a token; it does so as problem+json. A proxy that forbids
 * streams, or waits for their end, answers for itself.
 * @param {Response} response
 * @returns {Promise<Partial<StreamEnd>>}
 */
async function notAStream(response) {
  const { status, headers: got } = response;
  const problem = await problemOf(response);
  const retryAfterMs = milliseconds(got.get("Retry-After"));
  if (problem && (status === 401 || status === 403)) return { refused: problem.reason ?? "" };
  if (problem) return { retryAfterMs, isFull: problem.reason === "too-many-streams" };
  return { retryAfterMs, mutes: status < 500 || status === 504 ? 1 : 0 };
}

/** Aborts a connection that brings nothing at first, or is silent for too long later, or when the network is gone. */
class Watchdog {
  #timer = 0;
  #abort = new AbortController();
  #cut = () => this.#abort.abort();
  #onSilence;

  /** @param {() => void} onSilence called before the connection is aborted for its silence */
  constructor(onSilence) {
    this.#onSilence = onSilence;
    addEventListener("offline", this.#cut);
    this.reset(FIRST_MS);
  }

  get signal() {
    return this.#abort.signal;
  }

  reset(ms = SILENCE_MS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#onSilence();
      this.#cut();
    }, ms);
  }

  stop() {
    clearTimeout(this.#timer);
    removeEventListener("offline", this.#cut);
    this.#cut();
  }
}

/** @param {string} token @param {string | null} lastId @returns {Record<string, string>} */
export function headers(token, lastId) {
  const sent = { ...credentials(token), Accept: "text/event-stream" };
  return lastId === null ? sent : { ...sent, "Last-Event-ID": lastId };
}

/** @param {string | null} seconds the value of a Retry-After header */
function milliseconds(seconds) {
  return /^\d+$/.test(seconds ?? "") ? Math.min(Number(seconds) * 1000, MAX_WAIT_MS) : 0;
}
