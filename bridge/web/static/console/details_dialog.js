// The dialog with the details of one click. The address says which click is open.

import { allMatching, byId } from "../element.js";
import { statusOf } from "../http.js";
import { say } from "../words.js";
import { parameters, push, replace, without } from "./address.js";
import { fromDetails, fromEntry } from "./click_details.js";
import { showProblem } from "./problems.js";

const GONE = 404;
/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1 };
const dialog = () => byId("details", HTMLDialogElement);
const isShown = (/** @type {HTMLElement} */ each) => each.getClientRects().length > 0;
const openers = () => allMatching("#found :is([data-open], [data-row])").filter(isShown);

export class DetailsDialog {
  /** @type {import("./frame.js").Api | null} */
  #api = null;
  #entryFor;
  /** @type {string | null} */
  #clickId = null;
  /** @type {ClickDetails | null} */
  #details = null;
  /** @type {unknown} */
  #error = null;

  /** @param {(clickId: string | null) => LogEntry | undefined} entryFor the log entry on the page: it remains longer than details */
  constructor(entryFor) {
    this.#entryFor = entryFor;
    byId("found").addEventListener("click", (event) => this.#clicked(event));
    byId("found").addEventListener("keydown", moveByArrow);
    dialog().addEventListener("close", () => this.#closed());
    dialog().addEventListener("click", ({ target }) => target === dialog() && dialog().close());
    dialog().querySelector("[data-close]")?.addEventListener("click", () => dialog().close());
  }

  /** @param {import("./frame.js").Api} api */
  signedIn(api) {
    this.#api = api;
  }

  signedOut() {
    this.#api = this.#clickId = this.#details = this.#error = null;
    for (const id of ["details-status", "details-body"]) byId(id).replaceChildren();
  }

  /** @param {string | null} clickId null closes the dialog */
  show(clickId) {
    if (clickId === this.#clickId) return;
    this.#clickId = clickId;
    if (!clickId) return dialog().close();
    if (!dialog().open) dialog().showModal();
    this.#load(clickId);
  }

  draw() {
    if (this.#details || this.#error) this.#draw();
  }

  /** @param {string | null} clickId */
  async #load(clickId) {
    if (!clickId || !this.#api) return;
    this.#details = this.#error = null;
    byId("details-body").replaceChildren();
    byId("details-status").textContent = say("console.details.loading");
    try {
      const details = await this.#api.get(`/api/clicks/${encodeURIComponent(clickId)}`);
      if (this.#clickId === clickId) this.#details = details;
    } catch (error) {
      if (this.#clickId === clickId) this.#error = error;
    }
    if (this.#clickId === clickId) this.#draw();
  }

  #draw() {
    const entry = statusOf(this.#error) === GONE ? this.#entryFor(this.#clickId) : undefined;
    showProblem(byId("details-status"), entry ? null : this.#error, () => this.#load(this.#clickId));
    const parts = this.#details ? fromDetails(this.#details) : entry ? fromEntry(entry) : [];
    byId("details-body").replaceChildren(...parts);
  }

  /** @param {Event} event a click on an opener, or anywhere on its row unless text is being selected */
  #clicked({ target }) {
    if (!(target instanceof Element)) return;
    const exact = target.closest("[data-open]");
    const opener = exact ?? target.closest(".lookup")?.querySelector("[data-open]");
    if (!(opener instanceof HTMLElement) || (!exact && getSelection()?.toString())) return;
    opener.focus();
    const found = parameters();
    found.set("click", opener.dataset.open ?? "");
    push(found, { ...history.state, opened: true });
    this.show(opener.dataset.open ?? null);
  }

  /** The dialog was closed: removes the click from the address, and returns the focus to its opener. */
  #closed() {
    const clickId = this.#clickId ?? parameters().get("click");
    this.#clickId = this.#details = this.#error = null;
    byId("details-body").replaceChildren();
    if (parameters().get("click")) removeFromAddress();
    openers().find((each) => each.dataset.open === clickId)?.focus();
  }
}

function removeFromAddress() {
  if (history.state?.opened) history.back();
  else replace(without(parameters(), "click"));
}

/**
 * The arrow keys move from row to row.
 * @param {KeyboardEvent} event
 */
function moveByArrow(event) {
  const step = STEPS[event.key];
  const place = openers().findIndex((each) => event.target instanceof Node && each.contains(event.target));
  if (!step || place < 0) return;
  event.preventDefault();
  openers()[place + step]?.focus();
}
