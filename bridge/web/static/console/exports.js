// The export of all lookups that match what the address says, as CSV or JSONL.

import { say } from "../words.js";
import { FILTERS, said } from "./address.js";
import { download } from "./download.js";
import { isolated } from "../shown.js";
import { bytes, fieldText } from "./moments.js";

const at = (id) => document.getElementById(id);
const buttons = () => [...document.querySelectorAll("[data-format]")];

export class Exports {
  #desk = null;
  #running = null;

  constructor() {
    for (const each of buttons()) each.addEventListener("click", () => this.#run(each.dataset.format));
    at("export-stop").addEventListener("click", () => this.#running?.abort());
  }

  enter(desk) {
    this.#desk = desk;
  }

  leave() {
    this.#running?.abort();
    this.#desk = null;
    at("export-told").replaceChildren();
  }

  /** Whether there is something to export on this view. */
  show(isPossible) {
    at("export").hidden = !isPossible;
    at("export-told").replaceChildren();
  }

  draw() {
    at("export-told").replaceChildren();
    for (const each of buttons()) each.setAttribute("aria-label", `${each.textContent}: ${say("console.export")}`);
  }

  async #run(format) {
    const running = new AbortController();
    const name = `popbridge-audit-${fieldText(Date.now()).slice(0, 10)}.${format}`;
    this.#begin(running);
    try {
      const onSize = (size) => (at("export-stop").textContent = say("console.exporting", { size: bytes(size) }));
      const size = await download(pathOf(format), name, { bearer: this.#desk.bearer(), signal: running.signal, onSize });
      this.#end(say("console.exported", { name: isolated(name), size: bytes(size) }), format);
    } catch (failure) {
      this.#end(problem(failure), format);
      if (failure.status) this.#desk?.refused(failure);
    }
  }

  #begin(running) {
    this.#running = running;
    at("export-told").replaceChildren();
    for (const each of buttons()) each.hidden = true;
    at("export-stop").textContent = say("console.exporting", { size: bytes(0) });
    at("export-stop").hidden = false;
    at("export-stop").focus();
  }

  #end(words, format) {
    const hadFocus = document.activeElement === at("export-stop");
    this.#running = null;
    for (const each of buttons()) each.hidden = false;
    at("export-stop").hidden = true;
    if (hadFocus) buttons().find((each) => each.dataset.format === format).focus();
    if (this.#desk) at("export-told").textContent = words;
  }
}

function problem(failure) {
  if (failure.name === "AbortError") return say("console.export.stopped");
  if (failure.status === 429) return say("console.export.often");
  return failure.status === 503 ? say("console.problem.unavailable") : say("console.export.cut");
}

function pathOf(format) {
  const words = said();
  const asked = new URLSearchParams({ format });
  for (const name of FILTERS) if (words.get(name)) asked.set(name, words.get(name));
  return `/api/audit/export?${asked}`;
}
