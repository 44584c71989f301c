// A search and its results, page by page. The address says what is searched for; a search changes it, so the back button
// returns to the one before. Clicks on a result open its details in the dialog.

import { byId } from "../element.js";
import { say } from "../words.js";
import { parameters, push, without } from "./address.js";
import { DetailsDialog } from "./details_dialog.js";
import { showProblem } from "./problems.js";

/** Parameters that do not change what is searched for. */
const NOT_SEARCHED = ["click"];

/**
 * @typedef {object} Search
 * @property {string} form the id of its form
 * @property {(found: URLSearchParams) => void} fill fills the form from the address
 * @property {() => URLSearchParams} read the form's content, for the address
 * @property {(found: URLSearchParams) => string} path the request for what the address says
 * @property {(answer: any) => (Node | string)[]} draw
 * @property {(answer: any) => string} count in words
 * @property {boolean} [hasDetails] false where results are no clicks
 */

export class Results {
  /** @type {import("./frame.js").Api | null} */
  #api = null;
  /** @type {any} */
  #answer = null;
  /** @type {unknown} */
  #error = null;
  /** @type {string | null} */
  #searched = null;
  #searches = 0;
  #search;
  /** @type {DetailsDialog | null} */
  #dialog = null;

  /** @param {Search} search */
  constructor(search) {
    this.#search = search;
    if (search.hasDetails !== false) this.#dialog = new DetailsDialog((clickId) => this.#entry(clickId));
    byId(search.form).addEventListener("submit", (event) => {
      event.preventDefault();
      this.searchFor(search.read());
    });
    byId("newest").addEventListener("click", () => this.#turnTo(null, []));
    byId("older").addEventListener("click", () => this.#turnTo(this.#answer?.next_cursor ?? null, [...this.#before, parameters().get("cursor") ?? ""]));
    byId("newer").addEventListener("click", () => this.#turnTo(this.#before.at(-1) ?? null, this.#before.slice(0, -1)));
  }

  /** @param {import("./frame.js").Api} api */
  signedIn(api) {
    this.#api = api;
    this.#dialog?.signedIn(api);
    this.show();
  }

  signedOut() {
    this.#api = this.#answer = this.#error = this.#searched = null;
    this.#searches += 1;
    this.#dialog?.signedOut();
    for (const id of ["found", "status", "problem"]) byId(id).replaceChildren();
    byId(this.#search.form, HTMLFormElement).reset();
  }

  /** Shows what the address says; what is shown already is not loaded again. */
  show() {
    const found = parameters();
    const searched = String(without(found, ...NOT_SEARCHED));
    if (searched !== this.#searched) {
      this.#searched = searched;
      this.#search.fill(found);
      this.load();
    }
    this.#dialog?.show(found.get("click"));
  }

  draw() {
    this.#dialog?.draw();
    if (this.#api) this.#drawAnswer();
  }

  /** @param {URLSearchParams} asked */
  searchFor(asked) {
    this.#searched = null;
    push(asked, null);
    this.show();
  }

  async load() {
    if (!this.#api) return;
    const search = ++this.#searches;
    this.#answer = this.#error = null;
    byId("results").setAttribute("aria-busy", "true");
    byId("status").textContent = say("console.searching");
    try {
      const answer = await this.#api.get(this.#search.path(parameters()));
      if (search === this.#searches) this.#answer = answer;
    } catch (error) {
      if (search === this.#searches) this.#error = error;
    }
    if (search === this.#searches && this.#api) this.#drawAnswer();
  }

  /** @param {string | null} clickId @returns {LogEntry | undefined} the log entry on the page */
  #entry(clickId) {
    for (const item of this.#answer?.items ?? []) if (item.click_id === clickId) return item;
    return undefined;
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

  #drawAnswer() {
    const cursor = this.#answer?.next_cursor;
    byId("results").setAttribute("aria-busy", "false");
    byId("status").textContent = this.#answer ? this.#search.count(this.#answer) : "";
    showProblem(byId("problem"), this.#error, () => this.load());
    byId("found").replaceChildren(...(this.#answer ? this.#search.draw(this.#answer) : []));
    const isFirst = !parameters().get("cursor");
    byId("newest", HTMLButtonElement).disabled = isFirst;
    byId("newer", HTMLButtonElement).disabled = !this.#before.length;
    byId("older", HTMLButtonElement).disabled = !cursor;
    byId("paging").hidden = isFirst && !cursor;
  }
}
