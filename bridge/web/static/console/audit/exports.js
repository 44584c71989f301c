// Exports every lookup that matches the search, as CSV or JSONL.

import { allMatching, byId } from "../../element.js";
import { statusOf } from "../../http.js";
import { isolated } from "../../text.js";
import { say } from "../../words.js";
import { FILTERS, parameters } from "../address.js";
import { download } from "../download.js";
import { fieldText, fileSize } from "../times.js";

const buttons = () => allMatching("[data-format]");

export class Exports {
  /** @type {import("../frame.js").Api | null} */
  #api = null;
  /** @type {AbortController | null} */
  #running = null;

  constructor() {
    for (const each of buttons()) each.addEventListener("click", () => this.#run(each.dataset.format ?? ""));
    byId("export-stop").addEventListener("click", () => this.#running?.abort());
  }

  /** @param {import("../frame.js").Api} api */
  signedIn(api) {
    this.#api = api;
  }

  signedOut() {
    this.#running?.abort();
    this.#api = null;
    byId("export-status").replaceChildren();
  }

  /** @param {boolean} isVisible whether this view has something to export */
  setVisible(isVisible) {
    byId("export").hidden = !isVisible;
    byId("export-status").replaceChildren();
  }

  draw() {
    byId("export-status").replaceChildren();
    for (const each of buttons()) each.setAttribute("aria-label", `${each.textContent}: ${say("console.export")}`);
  }

  /** @param {string} format */
  async #run(format) {
    if (!this.#api) return;
    const running = new AbortController();
    const name = `popbridge-audit-${fieldText(Date.now()).slice(0, 10)}.${format}`;
    this.#start(running);
    try {
      const options = { open: this.#api.open, signal: running.signal, onProgress: showProgress };
      const size = await download(pathFor(format), name, options);
      this.#finish(say("console.exported", { name: isolated(name), size: fileSize(size) }), format);
    } catch (error) {
      this.#finish(problem(error), format);
      this.#api?.check(error);
    }
  }

  /** @param {AbortController} running */
  #start(running) {
    this.#running = running;
    byId("export-status").replaceChildren();
    for (const each of buttons()) each.hidden = true;
    showProgress(0);
    byId("export-stop").hidden = false;
    byId("export-stop").focus();
  }

  /** @param {string} message @param {string} format */
  #finish(message, format) {
    const hadFocus = document.activeElement === byId("export-stop");
    this.#running = null;
    for (const each of buttons()) each.hidden = false;
    byId("export-stop").hidden = true;
    if (hadFocus) buttons().find((each) => each.dataset.format === format)?.focus();
    if (this.#api) byId("export-status").textContent = message;
  }
}

/** @param {number} bytes */
function showProgress(bytes) {
  byId("export-stop").textContent = say("console.exporting", { size: fileSize(bytes) });
}

/** @param {unknown} error */
function problem(error) {
  if (error instanceof DOMException && error.name === "AbortError") return say("console.export.stopped");
  if (statusOf(error) === 429) return say("console.export.too-many");
  return say(statusOf(error) === 503 ? "console.problem.unavailable" : "console.export.interrupted");
}

/** @param {string} format */
function pathFor(format) {
  const asked = new URLSearchParams({ format });
  for (const name of FILTERS) {
    const value = parameters().get(name);
    if (value) asked.set(name, value);
  }
  return `/api/audit/export?${asked}`;
}
