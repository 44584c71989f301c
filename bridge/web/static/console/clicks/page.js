// Clicks, problems first: why was there no popup? Refused ones too, each with its cause and what to do.

import { byId } from "../../element.js";
import { label, say } from "../../words.js";
import { Results } from "../results.js";
import { start } from "../frame.js";
import { parameters } from "../address.js";
import { fill, period, read } from "./form.js";
import { list, nothingFound } from "./list.js";

class Clicks {
  #results = new Results({
    form: "clicks-form",
    fill,
    read,
    path: pathFor,
    draw: ({ items }) => [items.length ? list(items) : nothing()],
    count: ({ items, next_cursor: more }) => {
      if (!items.length) return "";
      return say(more ? "console.why.shown.more" : "console.why.shown", { number: items.length });
    },
  });

  /** @param {import("../frame.js").Api} api */
  signedIn(api) {
    this.#results.signedIn(api);
  }

  signedOut() {
    this.#results.signedOut();
  }

  show() {
    this.#results.show();
  }

  draw() {
    label(byId("results"), "console.why.list");
    byId("results").removeAttribute("title");
    this.#results.draw();
  }
}

function nothing() {
  const found = parameters();
  return nothingFound(period(found), found.get("agent") ?? "", found.get("all") !== "true");
}

/** @param {URLSearchParams} found */
function pathFor(found) {
  const asked = new URLSearchParams({ ...period(found), names: "true" });
  for (const name of ["agent", "crm", "limit", "cursor"]) {
    const value = found.get(name);
    if (value) asked.set(name, value);
  }
  if (found.get("all") !== "true") asked.set("problems", "true");
  return `/api/clicks?${asked}`;
}

start(new Clicks());
