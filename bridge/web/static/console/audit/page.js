// The audit log: who looked up whom, searched in any spelling, exported as a file.

import { allMatching, byId, foreign } from "../../element.js";
import { label, language, say } from "../../words.js";
import { FILTERS } from "../address.js";
import { start } from "../frame.js";
import { Results } from "../results.js";
import { Exports } from "./exports.js";
import * as forms from "./forms.js";
import { table } from "./lookups.js";

const MOST_COUNTED = 10_000;

class Audit {
  #exports = new Exports();
  #results = new Results({
    form: "lookups-form",
    fill: (found) => {
      forms.fillLookups(found);
      forms.checkOrder();
    },
    read: forms.readLookups,
    path: pathFor,
    draw: ({ items }) => [items.length ? table(items) : foreign(say("console.none.text"))],
    count: countWords,
  });

  constructor() {
    byId("lookups-form").addEventListener("input", forms.checkOrder);
    byId("clear").addEventListener("click", () => this.#results.searchFor(new URLSearchParams()));
    for (const each of allMatching("[data-period]")) {
      each.addEventListener("click", () => {
        forms.setPeriod(each.dataset.period ?? "");
        forms.checkOrder();
        byId("lookups-form", HTMLFormElement).requestSubmit();
      });
    }
  }

  /** @param {import("../frame.js").Api} api */
  signedIn(api) {
    this.#exports.signedIn(api);
    this.#results.signedIn(api);
  }

  signedOut() {
    this.#exports.signedOut();
    this.#results.signedOut();
  }

  show() {
    this.#results.show();
  }

  draw() {
    forms.drawChoices();
    forms.checkOrder();
    label(byId("results"), "console.lookups");
    byId("results").removeAttribute("title");
    this.#exports.draw();
    this.#results.draw();
  }
}

/** @param {List<LogEntry> & {total: number}} answer */
function countWords({ items, total }) {
  if (!items.length) return say("console.none");
  const number = new Intl.NumberFormat(language).format(Math.min(total, MOST_COUNTED));
  return say(total > MOST_COUNTED ? "console.total.more" : "console.total", { number, shown: items.length });
}

/** @param {URLSearchParams} found */
function pathFor(found) {
  const asked = new URLSearchParams({ total: "true", names: "true" });
  for (const name of [...FILTERS, "limit", "cursor"]) {
    const value = found.get(name);
    if (value) asked.set(name, value);
  }
  return `/api/audit?${asked}`;
}

start(new Audit());
