// The connection to the bridge: one tab of the agent reads the stream and passes every event on to the other tabs.

import { listen } from "./listening.js";
import { Tabs } from "./tabs.js";

/** @typedef {import("../sse.js").StreamState} StreamState */
/**
 * What one tab tells the others: `acked` the bridge has this acknowledgement; `noteChanged` a popup's note was saved or
 * sent; the rest is what the agent did there.
 * @typedef {object} TabMessage
 * @property {[string, import("./acks.js").AckEvent]} [acked]
 * @property {string} [dismissed]
 * @property {[string, number]} [snoozed]
 * @property {string} [noteChanged]
 * @property {boolean} [signedOut]
 */
/** @typedef {{cards: import("./cards.js").Snapshot, clockOffset: number}} TabState */
/**
 * @typedef {object} Handlers
 * @property {(event: string, data: any) => void} onEvent an event of the stream, parsed
 * @property {(state: StreamState, detail?: number | string) => void} onState as in sse.js
 * @property {() => TabState} snapshot what a new tab needs
 * @property {(state: TabState) => void} merge takes in what the leading tab has
 * @property {() => void} onLead this tab reads the stream from now on
 * @property {(reason: string) => void} onRefused the bridge does not accept the session any more
 * @property {(message: TabMessage) => void} onTabMessage
 */
/**
 * @typedef {{kind: "event", event: string, data: string, id?: string} | {kind: "state", state: StreamState, detail?: number | string}
 *   | {kind: "message", message: TabMessage} | {kind: "newcomer"}
 *   | {kind: "briefing", lastId: string | null, state: StreamState, detail?: number | string, snapshot: TabState}} Envelope
 */

export class Connection {
  /** @type {string | null} */
  lastId;
  /** @type {{state: StreamState, detail?: number | string}} */
  #state = { state: "connecting" };
  #handlers;
  #token;
  tabs;

  /**
   * @param {string} name shared by the tabs that share the connection
   * @param {string} token
   * @param {string | null} lastId the event to continue after
   * @param {Handlers} handlers
   */
  constructor(name, token, lastId, handlers) {
    this.#handlers = handlers;
    this.#token = token;
    this.lastId = lastId;
    this.tabs = new Tabs(name, { lead: (signal) => this.#lead(signal), receive: (envelope) => this.#receive(envelope) });
    this.#send({ kind: "newcomer" });
  }

  /**
   * Tells the other tabs of this agent in this browser.
   * @param {TabMessage} message
   */
  tell(message) {
    this.#send({ kind: "message", message });
  }

  close() {
    this.tabs.leave();
  }

  /** @param {Envelope} envelope */
  #send(envelope) {
    this.tabs.send(envelope);
  }

  /** @param {AbortSignal} signal */
  async #lead(signal) {
    this.#handlers.onLead();
    this.#brief();
    await listen(this.#token, {
      signal,
      lastId: () => this.lastId,
      onEvent: ({ event, data, id }) => this.#share({ kind: "event", event, data, id }),
      onState: (state, detail) => this.#setState(state, detail),
    });
  }

  /** @param {Envelope & {kind: "event"}} event */
  #share(event) {
    this.#send(event);
    this.#handle(event);
  }

  /** @param {StreamState} state @param {number | string} [detail] */
  #setState(state, detail) {
    if (state === "refused") return this.#handlers.onRefused(String(detail ?? ""));
    if (state === this.#state.state && detail === this.#state.detail) return;
    this.#state = { state, detail };
    this.#send({ kind: "state", state, detail });
    this.#handlers.onState(state, detail);
  }

  /** @param {Envelope} envelope */
  #receive(envelope) {
    if (envelope.kind === "event") this.#handle(envelope);
    else if (envelope.kind === "state") this.#handlers.onState(envelope.state, envelope.detail);
    else if (envelope.kind === "message") this.#handlers.onTabMessage(envelope.message);
    else if (envelope.kind === "newcomer" && this.tabs.leads) this.#brief();
    else if (envelope.kind === "briefing") this.#takeBriefing(envelope);
  }

  /** Brings the other tabs up to date. */
  #brief() {
    this.#send({ kind: "briefing", lastId: this.lastId, ...this.#state, snapshot: this.#handlers.snapshot() });
  }

  /** @param {Envelope & {kind: "briefing"}} briefing */
  #takeBriefing({ lastId, state, detail, snapshot }) {
    this.lastId = later(this.lastId, lastId);
    this.#handlers.merge(snapshot);
    this.#handlers.onState(state, detail);
  }

  /** @param {Envelope & {kind: "event"}} event */
  #handle({ event, data, id }) {
    try {
      this.#handlers.onEvent(event, JSON.parse(data));
    } catch (error) {
      console.error("popbridge: an event could not be shown", error);
    }
    if (id !== undefined) this.lastId = later(this.lastId, id);
  }
}

/**
 * The later of two event ids (`<milliseconds>-<number>`), either of which may be null.
 * @param {string | null} one
 * @param {string | null} other
 */
export function later(one, other) {
  if (!one || !other) return one || other || null;
  const [ms = 0, number = 0] = one.split("-").map(Number);
  const [otherMs = 0, otherNumber = 0] = other.split("-").map(Number);
  return otherMs > ms || (otherMs === ms && otherNumber > number) ? other : one;
}
