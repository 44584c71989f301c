// The audit log: what is looked for is what the address says; a search writes it there, and the back button goes back.

import { foreign } from "../element.js";
import { label as nameControl, say } from "../words.js";
import { FILTERS, go, said, without } from "./address.js";
import { Exports } from "./exports.js";
import * as forms from "./forms.js";
import { table } from "./lookups.js";
import * as problems from "./problems.js";
import { Stories } from "./stories.js";
import { list, nothing } from "./why.js";

const at = (id) => document.getElementById(id);
const BESIDE_THE_QUESTION = ["click", "view"];

export class Audit {
  #desk = null;
  #answer = null;
  #refused = null;
  #asked = null;
  #turn = 0;
  #exports = new Exports();
  #stories = new Stories((clickId) => this.#answer?.items.find((line) => line.click_id === clickId));

  constructor() {
    const on = (id, event, act) => at(id).addEventListener(event, act);
    on("lookups-form", "input", forms.checkOrder);
    on("lookups-form", "submit", (event) => this.#search(event, forms.readLookups()));
    on("why-form", "submit", (event) => this.#search(event, forms.readWhy()));
    on("clear", "click", () => this.#ask(new URLSearchParams()));
    on("newest", "click", () => this.#turnTo(null, []));
    on("older", "click", () => this.#turnTo(this.#answer.next_cursor, [...this.#before, said().get("cursor") ?? ""]));
    on("newer", "click", () => this.#turnTo(this.#before.at(-1), this.#before.slice(0, -1)));
    for (const each of document.querySelectorAll("[data-period]")) {
      each.addEventListener("click", () => {
        forms.setPeriod(each.dataset.period);
        forms.checkOrder();
        at("lookups-form").requestSubmit();
      });
    }
  }

  /** Somebody is signed in. `desk` has get(path), bearer() and refused(error), as the frame gives them. */
  enter(desk) {
    this.#desk = desk;
    this.#exports.enter(desk);
    this.#stories.enter(desk);
    at("audit").hidden = false;
    this.show();
  }

  /** Nobody is: nothing of the log stays on the page. */
  leave() {
    this.#desk = this.#answer = this.#refused = this.#asked = null;
    this.#turn += 1;
    this.#exports.leave();
    this.#stories.leave();
    at("audit").hidden = true;
    for (const id of ["found", "told", "problem"]) at(id).replaceChildren();
    for (const id of ["lookups-form", "why-form"]) at(id).reset();
  }

  /** Shows what the address says; what is there already is not asked for again. */
  show() {
    const words = said();
    const isWhy = words.get("view") === "why";
    at("lookups-form").hidden = isWhy;
    at("why-form").hidden = !isWhy;
    at("to-lookups").setAttribute("aria-current", String(!isWhy));
    at("to-why").setAttribute("aria-current", String(isWhy));
    this.#exports.show(!isWhy);
    const asked = `${isWhy} ${without(words, ...BESIDE_THE_QUESTION)}`;
    if (asked !== this.#asked) {
      this.#asked = asked;
      (isWhy ? forms.fillWhy : forms.fillLookups)(words);
      forms.checkOrder();
      this.#load();
    }
    this.#stories.show(words.get("click"));
  }

  /** All that was drawn, in the page's language. */
  draw() {
    forms.label();
    forms.checkOrder();
    nameControl(at("results"), said().get("view") === "why" ? "console.why.list" : "console.lookups");
    at("results").removeAttribute("title");
    this.#exports.draw();
    this.#stories.draw();
    if (this.#desk) this.#drawAnswer();
  }

  #search(event, words) {
    event.preventDefault();
    this.#ask(words);
  }

  #ask(words) {
    this.#asked = null;
    go(words, { state: null });
    this.show();
  }

  /** The cursors of the pages before this one; they are kept beside the address, through a reload too. */
  get #before() {
    return history.state?.before ?? [];
  }

  #turnTo(cursor, before) {
    const words = without(said(), "cursor", "click");
    if (cursor) words.set("cursor", cursor);
    go(words, { state: { before } });
    this.show();
    at("results").focus();
    at("results").scrollIntoView();
  }

  async #load() {
    const turn = ++this.#turn;
    const path = pathOf(said());
    this.#answer = this.#refused = null;
    if (!path) return this.#drawAnswer();
    at("results").setAttribute("aria-busy", "true");
    at("told").textContent = say("console.asking");
    try {
      const answer = await this.#desk.get(path);
      if (turn === this.#turn) this.#answer = answer;
    } catch (refused) {
      if (turn === this.#turn) this.#refused = refused;
    }
    if (turn === this.#turn && this.#desk) this.#drawAnswer();
  }

  #drawAnswer() {
    const words = said();
    const isWhy = words.get("view") === "why";
    const items = this.#answer?.items ?? [];
    const group = isWhy ? "console.why.shown" : "console.shown";
    const count = { number: items.length };
    at("results").setAttribute("aria-busy", "false");
    at("told").textContent = this.#answer ? countWords(group, isWhy, count, this.#answer.next_cursor) : "";
    problems.show(at("problem"), this.#refused, () => this.#load());
    at("found").replaceChildren(...this.#drawn(items, isWhy, words));
    at("newest").disabled = !words.get("cursor");
    at("newer").disabled = !this.#before.length;
    at("older").disabled = !this.#answer?.next_cursor;
    at("paging").hidden = at("newest").disabled && at("older").disabled;
  }

  #drawn(items, isWhy, words) {
    if (!this.#answer) return [];
    if (items.length) return [isWhy ? list(items) : table(items)];
    return isWhy ? [nothing(forms.spanOf(words))] : [foreign(say("console.none.text"))];
  }
}

function countWords(group, isWhy, count, more) {
  if (!count.number) return isWhy ? say("console.why.none") : say("console.none");
  return say(more ? `${group}.more` : group, count);
}

/** The question that the address stands for; null while "why" names nobody. */
function pathOf(words) {
  const asked = new URLSearchParams();
  if (words.get("view") === "why") {
    if (!words.get("agent")) return null;
    for (const [name, value] of Object.entries(forms.spanOf(words))) asked.set(name, value);
    for (const name of ["agent", "crm", "limit", "cursor"]) if (words.get(name)) asked.set(name, words.get(name));
    return `/api/clicks?${asked}`;
  }
  for (const name of [...FILTERS, "limit", "cursor"]) if (words.get(name)) asked.set(name, words.get(name));
  return `/api/audit?${asked}`;
}
