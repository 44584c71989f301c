// The audit log: who looked up whom, searched in any spelling, exported as a file.

import { allMatching, byId, element, foreign } from "../../element.js";
import { isolated } from "../../text.js";
import { label, language, say } from "../../words.js";
import { FILTERS } from "../address.js";
import { start } from "../frame.js";
import { Results } from "../results.js";
import { timeText } from "../times.js";
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
    draw: ({ items, named }) => [...about(named), items.length ? table(items) : foreign(say("console.none.text"))],
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

/**
 * How a name was searched for, which the log does not keep.
 * @param {Named | undefined} named
 */
function about(named) {
  if (!named) return [];
  const { callers, more, since } = named;
  const words = [say("console.named", { number: callers, time: isolated(timeText(since)) }), more ? say("console.named.more") : ""];
  return [element("p", { class: "soft", id: "named" }, [words.join(" ")])];
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
