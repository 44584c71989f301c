// The audit log. The address says what is searched for; a search changes it, so the back button returns to the one before.

import { allMatching, byId, foreign } from "../../element.js";
import { label, say } from "../../words.js";
import { FILTERS, parameters, push, without } from "../address.js";
import { DetailsDialog } from "../details_dialog.js";
import { Exports } from "./exports.js";
import * as forms from "./forms.js";
import { table } from "./lookups.js";
import { start } from "../frame.js";
import { showProblem } from "../problems.js";
import { list, nothingFound } from "../why.js";

/** Parameters that do not change what is searched for. */
const NOT_SEARCHED = ["click", "view"];

/** @typedef {import("../frame.js").Api} Api */

class Audit {
  /** @type {Api | null} */
  #api = null;
  /** @type {List<LogEntry | RefusedClick> | null} */
  #answer = null;
  /** @type {unknown} */
  #error = null;
  /** @type {string | null} */
  #searched = null;
  #searches = 0;
  #exports = new Exports();
  #dialog = new DetailsDialog((clickId) => this.#entry(clickId));

  constructor() {
    /** @param {string} id @param {string} event @param {(event: Event) => void} act */
    const on = (id, event, act) => byId(id).addEventListener(event, act);
    on("lookups-form", "input", forms.checkOrder);
    on("lookups-form", "submit", (event) => this.#submit(event, forms.readLookups()));
    on("why-form", "submit", (event) => this.#submit(event, forms.readWhy()));
    on("clear", "click", () => this.#search(new URLSearchParams()));
    on("newest", "click", () => this.#turnTo(null, []));
    on("older", "click", () => this.#turnTo(this.#answer?.next_cursor ?? null, [...this.#before, parameters().get("cursor") ?? ""]));
    on("newer", "click", () => this.#turnTo(this.#before.at(-1) ?? null, this.#before.slice(0, -1)));
    for (const each of allMatching("[data-period]")) {
      each.addEventListener("click", () => {
        forms.setPeriod(each.dataset.period ?? "");
        forms.checkOrder();
        byId("lookups-form", HTMLFormElement).requestSubmit();
      });
    }
  }

  /**
   * Somebody has signed in.
   * @param {Api} api
   */
  signedIn(api) {
    this.#api = api;
    this.#exports.signedIn(api);
    this.#dialog.signedIn(api);
    this.show();
  }

  /** Nobody is signed in: removes everything from the page. */
  signedOut() {
    this.#api = this.#answer = this.#error = this.#searched = null;
    this.#searches += 1;
    this.#exports.signedOut();
    this.#dialog.signedOut();
    for (const id of ["found", "status", "problem"]) byId(id).replaceChildren();
    for (const id of ["lookups-form", "why-form"]) byId(id, HTMLFormElement).reset();
  }

  /** Shows what the address says; what is shown already is not loaded again. */
  show() {
    const found = parameters();
    const isWhy = found.get("view") === "why";
    byId("lookups-form").hidden = isWhy;
    byId("why-form").hidden = !isWhy;
    byId("to-lookups").setAttribute("aria-current", String(!isWhy));
    byId("to-why").setAttribute("aria-current", String(isWhy));
    this.#exports.setVisible(!isWhy);
    const searched = `${isWhy} ${without(found, ...NOT_SEARCHED)}`;
    if (searched !== this.#searched) {
      this.#searched = searched;
      (isWhy ? forms.fillWhy : forms.fillLookups)(found);
      forms.checkOrder();
      this.#load();
    }
    this.#dialog.show(found.get("click"));
  }

  /** Draws everything in the page's present language. */
  draw() {
    forms.drawChoices();
    forms.checkOrder();
    label(byId("results"), parameters().get("view") === "why" ? "console.why.list" : "console.lookups");
    byId("results").removeAttribute("title");
    this.#exports.draw();
    this.#dialog.draw();
    if (this.#api) this.#drawAnswer();
  }

  /** @param {string | null} clickId @returns {LogEntry | undefined} the log entry on the page */
  #entry(clickId) {
    for (const item of this.#answer?.items ?? []) if ("click_id" in item && item.click_id === clickId) return item;
    return undefined;
  }

  /** @param {Event} event @param {URLSearchParams} asked */
  #submit(event, asked) {
    event.preventDefault();
    this.#search(asked);
  }

  /** @param {URLSearchParams} asked */
  #search(asked) {
    this.#searched = null;
    push(asked, null);
    this.show();
  }

  /** The cursors of the pages before this one, kept in the history entry. @returns {string[]} */
  get #before() {
    return history.state?.before ?? [];
  }

  /** @param {string | null} cursor @param {string[]} before */
  #turnTo(cursor, before) {
    const asked = without(parameters(), "cursor", "click");
    if (cursor) asked.set("cursor", cursor);
    push(asked, { before });
    this.show();
    byId("results").focus();
    byId("results").scrollIntoView();
  }

  async #load() {
    const search = ++this.#searches;
    const path = pathFor(parameters());
    this.#answer = this.#error = null;
    if (!path || !this.#api) return this.#drawAnswer();
    byId("results").setAttribute("aria-busy", "true");
    byId("status").textContent = say("console.searching");
    try {
      const answer = await this.#api.get(path);
      if (search === this.#searches) this.#answer = answer;
    } catch (error) {
      if (search === this.#searches) this.#error = error;
    }
    if (search === this.#searches && this.#api) this.#drawAnswer();
  }

  #drawAnswer() {
    const cursor = this.#answer?.next_cursor;
    byId("results").setAttribute("aria-busy", "false");
    byId("status").textContent = this.#answer ? countWords(this.#answer) : "";
    showProblem(byId("problem"), this.#error, () => this.#load());
    byId("found").replaceChildren(...(this.#answer ? results(this.#answer) : []));
    const isFirst = !parameters().get("cursor");
    byId("newest", HTMLButtonElement).disabled = isFirst;
    byId("newer", HTMLButtonElement).disabled = !this.#before.length;
    byId("older", HTMLButtonElement).disabled = !cursor;
    byId("paging").hidden = isFirst && !cursor;
  }
}

/** @param {List<LogEntry | RefusedClick>} answer */
function results({ items }) {
  const found = parameters();
  const isWhy = found.get("view") === "why";
  if (!items.length) return [isWhy ? nothingFound(forms.periodFor(found)) : foreign(say("console.none.text"))];
  return [isWhy ? list(items) : table(/** @type {LogEntry[]} */ (items))];
}

/** @param {List<LogEntry | RefusedClick>} answer */
function countWords({ items, next_cursor: more }) {
  const isWhy = parameters().get("view") === "why";
  if (!items.length) return say(isWhy ? "console.why.none" : "console.none");
  const key = isWhy ? "console.why.shown" : "console.shown";
  return say(more ? `${key}.more` : key, { number: items.length });
}

/** @param {URLSearchParams} found @returns {string | null} the request for it; null if "why" names no agent yet */
function pathFor(found) {
  const isWhy = found.get("view") === "why";
  if (isWhy && !found.get("agent")) return null;
  const asked = new URLSearchParams(isWhy ? forms.periodFor(found) : {});
  for (const name of [...(isWhy ? ["agent", "crm"] : FILTERS), "limit", "cursor"]) {
    const value = found.get(name);
    if (value) asked.set(name, value);
  }
  return `${isWhy ? "/api/clicks" : "/api/audit"}?${asked}`;
}

start(new Audit());
