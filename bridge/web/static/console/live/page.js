// The live page: one stream tells who is on a call, who waits and the day's figures; only what has changed is drawn.

import { byId } from "../../element.js";
import { RequestFailed } from "../../http.js";
import { say } from "../../words.js";
import { start } from "../frame.js";
import { Board } from "./board.js";
import { Clock } from "./clock.js";
import { drawQueues } from "./queues.js";
import { drawSystems } from "./systems.js";
import { drawToday } from "./today.js";

const STREAM = "/console/live/events";

class Live {
  #clock = new Clock();
  #board = new Board(this.#clock);
  /** @type {Map<string, FloorQueue>} */
  #queues = new Map();
  /** @type {FloorChange} what was said last of everything that is not a row */
  #around = { now: "" };
  /** @type {AbortController | null} */
  #following = null;
  #state = "connecting";

  constructor() {
    setInterval(() => this.#tick(), 1000);
    document.addEventListener("visibilitychange", () => this.#tick());
  }

  /** @param {import("../frame.js").Api} api */
  signedIn(api) {
    this.#following = new AbortController();
    api.follow(STREAM, {
      lastId: () => null,
      onEvent: (event) => this.#heard(event),
      onState: (state, detail) => {
        this.#is(state);
        if (state === "refused") api.check(new RequestFailed(401, "", String(detail ?? "")));
      },
      signal: this.#following.signal,
    });
  }

  signedOut() {
    this.#following?.abort();
    this.#following = null;
    this.#queues.clear();
    this.#around = { now: "" };
    this.#board.clear();
    for (const id of ["systems", "today", "queues"]) byId(id).replaceChildren();
    byId("queues-part").hidden = true;
  }

  show() {
    // The address says nothing that is shown here.
  }

  draw() {
    this.#board.draw();
    this.#drawAround();
    this.#is(this.#state);
  }

  /** @param {string} state */
  #is(state) {
    this.#state = state;
    byId("live-state").dataset.state = state;
    byId("live-state").textContent = say(`console.live.state.${state}`);
    byId("board").setAttribute("aria-busy", String(state !== "live"));
  }

  /** @param {import("../../sse.js").ServerEvent} event */
  #heard({ event, data }) {
    if (event === "floor") {
      this.#queues.clear();
      this.#board.clear();
    }
    if (event === "floor" || event === "change") this.#take(JSON.parse(data));
  }

  /** @param {FloorChange} told */
  #take(told) {
    const { now, agents = [], queues = [], gone = [], systems } = told;
    this.#clock.set(now);
    this.#board.change(agents, gone);
    for (const key of gone) this.#queues.delete(key);
    for (const queue of queues) this.#queues.set(queue.key, queue);
    if (systems) this.#around = told;
    if (systems || queues.length || gone.length) this.#drawAround();
  }

  #drawAround() {
    const { systems = [], today } = this.#around;
    drawSystems(systems);
    if (today) drawToday(today);
    drawQueues([...this.#queues.values()], systems, this.#clock);
  }

  #tick() {
    if (document.visibilityState !== "visible") return;
    this.#board.tick();
    for (const each of document.querySelectorAll("#queues [data-since]")) {
      if (each instanceof HTMLElement) this.#clock.show(each);
    }
  }
}

start(new Live());
