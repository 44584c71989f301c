// An event stream (text/event-stream) over fetch, because EventSource cannot send an Authorization header.

const SILENCE_MS = 45_000; // three heartbeats
const MAX_WAIT_MS = 30_000;
const STABLE_MS = 5_000; // after a stream that lasted this long the waits start small again

/** @typedef {{event: string, data: string, id?: string, retry?: number}} ServerEvent */
/** @typedef {"connecting" | "live" | "waiting" | "refused"} StreamState */
/**
 * @typedef {object} Handlers
 * @property {() => string | null} lastId the event to continue after
 * @property {(event: ServerEvent) => void} onEvent
 * @property {(state: StreamState, detail?: number | string) => void} onState
 *   `waiting` comes with the milliseconds until the next attempt, `refused` with the bridge's reason or ""
 * @property {AbortSignal} signal ends it
 */
/** @typedef {{isGoodbye: boolean, openMs: number, refused: string | null, retryAfterMs?: number}} StreamEnd */

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
export async function follow(url, token, { lastId, onEvent, onState, signal }) {
  let failures = 0;
  while (!signal.aborted) {
    onState("connecting");
    const end = await readOnce(url, token, lastId(), signal, {
      onOpen: () => onState("live"),
      onEvent: (event) => {
        failures = 0;
        onEvent(event);
      },
    });
    if (signal.aborted) return;
    if (end.refused !== null) return onState("refused", end.refused);
    failures = end.isGoodbye || end.openMs > STABLE_MS ? 1 : failures + 1;
    const wait = Math.max(end.retryAfterMs ?? 0, end.isGoodbye ? 200 + 1000 * Math.random() : backOff(failures));
    onState("waiting", wait);
    await pause(wait, signal);
  }
}

/**
 * One connection, until it ends.
 * @param {string} url
 * @param {string} token
 * @param {string | null} lastId
 * @param {AbortSignal} signal
 * @param {{onOpen: () => void, onEvent: (event: ServerEvent) => void}} handlers
 * @returns {Promise<StreamEnd>}
 */
async function readOnce(url, token, lastId, signal, { onOpen, onEvent }) {
  /** @type {StreamEnd} */
  const end = { isGoodbye: false, openMs: 0, refused: null };
  const started = performance.now();
  const watchdog = new Watchdog();
  const read = parser((event) => {
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
    if (response.status === 401 || response.status === 403) return { ...end, refused: "" };
    if (!response.ok || !response.body) return { ...end, retryAfterMs: milliseconds(response.headers.get("Retry-After")) };
    onOpen();
    const stream = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await stream.read(); !piece.done; piece = await stream.read()) {
      watchdog.reset();
      end.openMs = performance.now() - started;
      read(piece.value);
      if (end.isGoodbye || end.refused !== null) break;
    }
  } catch {
    // No connection, or it broke: the caller tries again.
  } finally {
    watchdog.stop();
  }
  return end;
}

/** Aborts a connection that has been silent for too long, or when the network is gone. */
class Watchdog {
  #timer = 0;
  #abort = new AbortController();
  #cut = () => this.#abort.abort();

  constructor() {
    addEventListener("offline", this.#cut);
    this.reset();
  }

  get signal() {
    return this.#abort.signal;
  }

  reset() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#cut, SILENCE_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    removeEventListener("offline", this.#cut);
    this.#cut();
  }
}

/** @param {string} token @param {string | null} lastId @returns {Record<string, string>} */
function headers(token, lastId) {
  const sent = { Accept: "text/event-stream", Authorization: `Bearer ${token}` };
  return lastId === null ? sent : { ...sent, "Last-Event-ID": lastId };
}

/** @param {string | null} seconds the value of a Retry-After header */
function milliseconds(seconds) {
  return /^\d+$/.test(seconds ?? "") ? Math.min(Number(seconds) * 1000, MAX_WAIT_MS) : 0;
}

/**
 * Waits; ends early when the network comes back or the page becomes visible.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
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
