// The bridge's events, by its stream; by polling while the network lets no stream through.

import { follow } from "../sse.js";
import { poll } from "./polling.js";

/** @typedef {import("../sse.js").Handlers} Handlers */

/**
 * Until the token is refused or `signal` aborts. While it polls, the stream is tried again now and then.
 * @param {string} token
 * @param {Handlers} handlers
 */
export async function listen(token, handlers) {
  const over = new AbortController();
  const signal = AbortSignal.any([handlers.signal, over.signal]);
  /** @type {AbortController | null} */
  let polling = null;

  /** @type {Handlers["onState"]} */
  const onState = (state, detail) => {
    if (state === "refused") over.abort();
    handlers.onState(state, detail);
  };

  function startPolling() {
    if (polling) return;
    polling = new AbortController();
    void poll("/desktop/poll", token, { ...handlers, onState, signal: AbortSignal.any([signal, polling.signal]) });
  }

  await follow("/desktop/events", token, {
    ...handlers,
    signal,
    onMute: startPolling,
    onState: (state, detail) => {
      if (polling && state !== "live" && state !== "refused") return;
      polling?.abort();
      polling = null;
      onState(state, detail);
    },
  });
}
