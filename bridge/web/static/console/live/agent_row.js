// One agent's row. It remembers what each cell says, and draws a cell only when that changes.

import { callerName, stateChip } from "../../desktop/facts.js";
import { element, foreign, ltr } from "../../element.js";
import { say, sayValue } from "../../words.js";
import { none } from "../entry.js";

export const COLUMNS = ["agent", "state", "contact", "number", "since", "line", "phone", "page", "mode"];

export class AgentRow {
  shown = element("tr", { role: "row" });
  /** @type {FloorAgent} */
  agent;
  name = "";
  /** What a search looks through. */
  words = "";
  #clock;
  /** @type {Map<string, {cell: HTMLElement, said: string}>} */
  #cells = new Map();

  /** @param {FloorAgent} agent @param {import("./clock.js").Clock} clock */
  constructor(agent, clock) {
    this.#clock = clock;
    this.agent = agent;
    this.draw();
  }

  /** Draws every cell in the page's present language. */
  draw() {
    this.#cells.clear();
    for (const name of COLUMNS) {
      const cell = element("td", { role: "cell", class: `at-${name}`, "data-name": say(`console.live.${name}`) });
      this.#cells.set(name, { cell, said: "" });
    }
    this.shown.replaceChildren(...[...this.#cells.values()].map(({ cell }) => cell));
    this.change(this.agent);
  }

  /** @param {FloorAgent} agent */
  change(agent) {
    this.agent = agent;
    this.name = agent.name || agent.crm_user;
    const extensions = agent.extensions.map(([, extension]) => extension);
    this.words = [agent.name, agent.crm_user, agent.crm, ...extensions, ...agent.calls.flatMap(sought)].join(" ").toLocaleLowerCase();
    this.shown.dataset.state = agent.state;
    const [call] = agent.calls;
    this.#set("agent", [agent.name, agent.crm_user, extensions], () => [
      ...(agent.name ? [element("b", {}, [foreign(agent.name)]), " "] : []),
      element("span", { class: "soft user-of" }, [foreign(agent.crm_user)]),
      ...(extensions.length ? [" ", element("span", { class: "soft" }, [ltr(extensions.join(", "))])] : []),
    ]);
    this.#set("state", [agent.state, agent.calls.length], () => stateOf(agent));
    this.#set("contact", [call?.contact, call?.caller], () => (call ? [contactOf(call)] : [none()]));
    this.#set("number", [call?.caller.number, call?.direction], () => (call ? numberOf(call) : [none()]));
    this.#set("since", [call?.since], () => [element("span", { "data-since": call?.since ?? "" }, [this.#clock.since(call?.since)])]);
    this.#set("line", [call?.line, call?.queue], () => lineOf(call));
    this.#set("phone", [agent.phone], () => [say(`console.live.phone.${agent.phone}`)]);
    this.#set("page", [agent.page], () => [say(`console.live.page.${agent.page}`)]);
    this.#set("mode", [agent.mode], () => [sayValue("console.live.mode", agent.mode)]);
  }

  /** Writes anew how long the call has been in its state. */
  tick() {
    const shown = this.#cells.get("since")?.cell.firstElementChild;
    if (shown instanceof HTMLElement && shown.dataset.since) this.#clock.show(shown);
  }

  /** @param {string} name @param {unknown} value @param {() => (Node | string)[]} draw */
  #set(name, value, draw) {
    const place = this.#cells.get(name);
    const said = JSON.stringify(value);
    if (!place || place.said === said) return;
    place.said = said;
    place.cell.replaceChildren(...draw());
  }
}

/** @param {FloorCall} call */
function sought({ caller, contact }) {
  return [caller.number, caller.name, contact];
}

/** @param {FloorAgent} agent */
function stateOf({ state, calls }) {
  const chip = state === "idle" ? element("span", { class: "soft" }, [say("console.live.idle")]) : stateChip(state);
  const more = calls.length > 1 ? [" ", element("span", { class: "soft" }, [say("console.live.more", { number: calls.length - 1 })])] : [];
  return [chip, ...more];
}

/** @param {FloorCall} call */
function contactOf({ contact, caller }) {
  if (contact) return element("b", {}, [foreign(contact)]);
  return caller.name ? foreign(caller.name) : element("span", { class: "soft" }, [foreign(callerName(caller))]);
}

/** @param {FloorCall} call */
function numberOf({ caller, direction }) {
  const way = element("span", { class: "soft" }, [sayValue("direction", direction)]);
  return caller.number ? [element("span", { class: "digits" }, [ltr(caller.number)]), " ", way] : [way];
}

/** @param {FloorCall | undefined} call */
function lineOf(call) {
  const parts = [call?.line, call?.queue].filter(Boolean);
  return parts.length ? parts.flatMap((part, place) => [...(place ? [" · "] : []), foreign(part)]) : [none()];
}
