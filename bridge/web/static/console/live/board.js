// The agents: a row each, found by its key; of a changed row only the cells that have changed are drawn.

import { allMatching, byId, element, foreign } from "../../element.js";
import { language, say } from "../../words.js";
import { AgentRow, COLUMNS } from "./agent_row.js";

/** @type {Record<string, (agent: FloorAgent) => boolean>} */
const SHOWN = {
  all: () => true,
  calls: ({ calls }) => calls.length > 0,
  free: ({ state, phone }) => state === "idle" && phone !== false,
  away: ({ phone, page }) => phone === false || (phone === null && !page),
};

export class Board {
  /** @type {Map<string, AgentRow>} */
  #rows = new Map();
  /** @type {Map<Element, AgentRow>} the rows in view: only their durations count on */
  #inView = new Map();
  #watch = new IntersectionObserver((seen) => this.#scrolled(seen), { rootMargin: "100px" });
  #body = element("tbody", { role: "rowgroup" });
  #shown = "all";
  #sought = "";
  #clock;

  /** @param {import("./clock.js").Clock} clock */
  constructor(clock) {
    this.#clock = clock;
    byId("find").addEventListener("input", () => {
      this.#sought = byId("find", HTMLInputElement).value.trim().toLocaleLowerCase();
      this.#filter();
    });
  }

  clear() {
    this.#rows.clear();
    this.#inView.clear();
    this.#watch.disconnect();
    this.#body.replaceChildren();
    this.#count();
  }

  /** Draws all in the page's present language. */
  draw() {
    const names = COLUMNS.map((name) => element("th", { role: "columnheader", scope: "col" }, [say(`console.live.${name}`)]));
    const table = element("table", { class: "floor", role: "table", "aria-labelledby": "agents-title" }, [
      element("thead", { role: "rowgroup" }, [element("tr", { role: "row" }, names)]),
      this.#body,
    ]);
    byId("board").replaceChildren(table);
    byId("states").replaceChildren(...Object.keys(SHOWN).map((name) => this.#choice(name)));
    byId("find").setAttribute("placeholder", say("console.live.find"));
    for (const row of this.#rows.values()) row.draw();
    this.#count();
  }

  /** @param {string} name */
  #choice(name) {
    const attributes = { type: "button", class: "plain", "data-shown": name, "aria-pressed": String(name === this.#shown) };
    const made = element("button", attributes, [say(`console.live.show.${name}`), " ", element("span", { class: "count" })]);
    made.addEventListener("click", () => {
      this.#shown = name;
      for (const each of allMatching("#states [data-shown]")) each.setAttribute("aria-pressed", String(each === made));
      this.#filter();
    });
    return made;
  }

  /** @param {FloorAgent[]} agents @param {string[]} gone */
  change(agents, gone) {
    for (const key of gone) this.#remove(key);
    const added = [];
    for (const agent of agents) {
      const row = this.#rows.get(agent.key);
      if (row) row.change(agent);
      else added.push(agent);
      if (row) this.#hide(row);
    }
    if (added.length) this.#add(added);
    if (agents.length || gone.length) this.#count();
  }

  /** @param {string} key */
  #remove(key) {
    const row = this.#rows.get(key);
    if (!row) return;
    this.#watch.unobserve(row.shown);
    this.#inView.delete(row.shown);
    row.shown.remove();
    this.#rows.delete(key);
  }

  /** @param {IntersectionObserverEntry[]} seen */
  #scrolled(seen) {
    const rows = new Map([...this.#rows.values()].map((row) => [/** @type {Element} */ (row.shown), row]));
    for (const { target, isIntersecting } of seen) {
      const row = rows.get(target);
      if (isIntersecting && row) this.#inView.set(target, row);
      else this.#inView.delete(target);
      if (isIntersecting) row?.tick();
    }
  }

  /** @param {FloorAgent[]} agents */
  #add(agents) {
    for (const agent of agents) {
      const row = new AgentRow(agent, this.#clock);
      this.#rows.set(agent.key, row);
      this.#watch.observe(row.shown);
      this.#hide(row);
    }
    const { compare } = new Intl.Collator(language, { numeric: true });
    const inOrder = [...this.#rows.values()].sort((one, other) => compare(one.name, other.name));
    this.#body.replaceChildren(...inOrder.map((row) => row.shown));
  }

  tick() {
    for (const row of this.#inView.values()) row.tick();
  }

  /** @param {AgentRow} row */
  #hide(row) {
    const isShown = Boolean(SHOWN[this.#shown]?.(row.agent)) && row.words.includes(this.#sought);
    if (row.shown.hidden === isShown) row.shown.hidden = !isShown;
  }

  #filter() {
    for (const row of this.#rows.values()) this.#hide(row);
    this.#count();
    this.tick();
  }

  #count() {
    const agents = [...this.#rows.values()].map((row) => row.agent);
    for (const each of allMatching("#states [data-shown]")) {
      const number = agents.filter(SHOWN[each.dataset.shown ?? ""] ?? (() => false)).length;
      const count = each.querySelector(".count");
      if (count && count.textContent !== String(number)) count.textContent = String(number);
    }
    const isEmpty = ![...this.#rows.values()].some((row) => !row.shown.hidden);
    byId("nobody").hidden = !isEmpty;
    const words = say(agents.length ? "console.live.nobody" : "console.live.no-agents");
    if (isEmpty && byId("nobody").textContent !== words) byId("nobody").replaceChildren(foreign(words));
  }
}
