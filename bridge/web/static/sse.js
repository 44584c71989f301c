// Server-sent events by fetch, because EventSource cannot send an Authorization header.

const SILENCE_MS = 45_000; // three heartbeats
const LONGEST_WAIT_MS = 30_000;
const SOUND_MS = 5_000; // a stream that lasted this long was a good one: waits begin anew

/** Splits a stream's text into events. Gives `feed(text)`; calls `take({event, data, id, retry})` once per event. */
export function reader(take) {
  let rest = "";
  let skipNewline = false;
  let event = {};

  function field(line) {
    if (line === "") {
      if (event.data !== undefined) take({ event: "message", ...event });
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

  return function feed(text) {
    if (skipNewline && text.startsWith("\n")) text = text.slice(1);
    skipNewline = text.endsWith("\r");
    const lines = (rest + text).split(/\r\n|\r|\n/);
    rest = lines.pop();
    lines.forEach(field);
  };
}

/** How long to wait before try number `failures` (1, 2, …): doubling from one second, half of it by chance. */
export function backOff(failures, random = Math.random) {
  const most = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (failures - 1));
  return most / 2 + (most / 2) * random();
}

/**
 * Follows `url` until the token is refused or `signal` aborts, connecting again whenever the stream breaks, from after
 * the event `lastId()`. `onEvent({event, data, id})`; `onState(state, detail)` with connecting, live, waiting (detail: ms
 * until the next try) and refused (detail: the bridge's reason, if it gave one).
 */
export async function follow(url, token, { lastId, onEvent, onState, signal }) {
  let failures = 0;
  while (!signal.aborted) {
    onState("connecting");
    const end = await once(url, token, lastId(), signal, {
      onOpen: () => onState("live"),
      onEvent: (event) => {
        failures = 0;
        onEvent(event);
      },
    });
    if (signal.aborted) return;
    if (end.refused !== null) {
      onState("refused", end.refused);
      return;
    }
    failures = end.bye || end.openMs > SOUND_MS ? 1 : failures + 1;
    const wait = Math.max(end.retryAfterMs ?? 0, end.bye ? 200 + 1000 * Math.random() : backOff(failures));
    onState("waiting", wait);
    await pause(wait, signal);
  }
}

async function once(url, token, lastId, signal, { onOpen, onEvent }) {
  const end = { bye: false, openMs: 0, refused: null };
  const began = performance.now();
  const cut = new AbortController();
  const lost = () => cut.abort();
  addEventListener("offline", lost);
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(lost, SILENCE_MS);
  };
  const feed = reader((event) => {
    if (event.event === "bye") end.bye = true;
    else if (event.event === "signed-out") end.refused = JSON.parse(event.data).reason;
    else onEvent(event);
  });
  try {
    heard();
    const response = await fetch(url, {
      headers: headers(token, lastId),
      cache: "no-store",
      signal: AbortSignal.any([signal, cut.signal]),
    });
    if (response.status === 401 || response.status === 403) return { ...end, refused: "" };
    if (!response.ok) return { ...end, retryAfterMs: seconds(response.headers.get("Retry-After")) };
    onOpen();
    const stream = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await stream.read(); !part.done; part = await stream.read()) {
      heard();
      end.openMs = performance.now() - began;
      feed(part.value);
      if (end.bye || end.refused !== null) break;
    }
  } catch {
    // No connection, or it broke off: the caller tries again.
  } finally {
    clearTimeout(timer);
    removeEventListener("offline", lost);
    cut.abort();
  }
  return end;
}

function headers(token, lastId) {
  const sent = { Accept: "text/event-stream", Authorization: `Bearer ${token}` };
  if (lastId !== null) sent["Last-Event-ID"] = lastId;
  return sent;
}

function seconds(text) {
  return /^\d+$/.test(text ?? "") ? Math.min(Number(text) * 1000, LONGEST_WAIT_MS) : 0;
}

/** Waits; a network that comes back, or the page being looked at again, ends the wait. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const looked = () => document.visibilityState === "visible" && done();
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      document.removeEventListener("visibilitychange", looked);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    document.addEventListener("visibilitychange", looked);
    signal.addEventListener("abort", done);
  });
}
