// The page's line to the bridge: the leading tab's stream, shared with the others, so that every tab hears every event.

import { follow } from "../sse.js";
import { Tabs } from "./tabs.js";

/**
 * `take(event)` gets each event, parsed: `{event, data}`; `line(state, detail)` how the connection is; `snapshot()` and
 * `merge(snapshot)` bring a new tab up to date; `refused(reason)` when the bridge knows the session no more; `told(note)`
 * what another tab `tell`s.
 */
export class Wire {
  lastId;
  #state = ["connecting"];
  #on;
  #bearer;

  constructor(name, { bearer, lastId, ...on }) {
    this.#on = on;
    this.#bearer = bearer;
    this.lastId = lastId;
    this.tabs = new Tabs(name, { lead: (signal) => this.#lead(signal), hear: (message) => this.#hear(message) });
    this.tabs.say({ kind: "newcomer" });
  }

  /** Something that concerns the other tabs of this agent in this browser. */
  tell(note) {
    this.tabs.say({ kind: "note", note });
  }

  /** No more of it. */
  leave() {
    this.tabs.leave();
  }

  async #lead(signal) {
    this.#on.leads();
    this.#brief();
    await follow("/desktop/events", this.#bearer, {
      signal,
      lastId: () => this.lastId,
      onEvent: ({ event, data, id }) => this.#share(event, data, id),
      onState: (...state) => this.#turn(state),
    });
  }

  #share(event, data, id) {
    const message = { kind: "event", event, data, id };
    this.tabs.say(message);
    this.#heard(message);
  }

  #turn(state) {
    if (state[0] === "refused") return this.#on.refused(state[1]);
    this.#state = state;
    this.tabs.say({ kind: "line", state });
    this.#on.line(...state);
  }

  #hear(message) {
    if (message.kind === "event") this.#heard(message);
    else if (message.kind === "line") this.#on.line(...message.state);
    else if (message.kind === "note") this.#on.told(message.note);
    else if (message.kind === "newcomer" && this.tabs.leads) this.#brief();
    else if (message.kind === "desk") this.#briefed(message);
  }

  #brief() {
    this.tabs.say({ kind: "desk", lastId: this.lastId, state: this.#state, desk: this.#on.snapshot() });
  }

  #briefed({ lastId, state, desk }) {
    this.lastId = later(this.lastId, lastId);
    this.#on.merge(desk);
    this.#on.line(...state);
  }

  #heard({ event, data, id }) {
    try {
      this.#on.take({ event, data: JSON.parse(data) });
    } catch (error) {
      console.error("popbridge: an event could not be shown", error);
    }
    if (id !== undefined) this.lastId = later(this.lastId, id);
  }
}

/** The later of two ids of the stream (`<milliseconds>-<number>`), either null. */
export function later(one, other) {
  if (!one || !other) return one ?? other ?? null;
  const [[ms, number], [otherMs, otherNumber]] = [one, other].map((id) => id.split("-").map(Number));
  return otherMs > ms || (otherMs === ms && otherNumber > number) ? other : one;
}
