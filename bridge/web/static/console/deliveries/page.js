// Deliveries: what became of each, what was sent, what came back; one or all that match are sent again.

import { byId, foreign } from "../../element.js";
import { say, sayValue } from "../../words.js";
import { parameters } from "../address.js";
import { field, setOptions, setValue, timeField } from "../fields.js";
import { start } from "../frame.js";
import { Results } from "../results.js";
import { isoText } from "../times.js";
import { DeliveryDialog } from "./dialog.js";
import { ResendAll } from "./resend_all.js";
import { table } from "./table.js";

const STATES = ["pending", "delivered", "failed", "expired"];
const EVENTS = ["call.popup", "call.note", "call.answered_elsewhere", "call.ended", "call.log"];
const FILTERS = ["state", "target", "event", "since"];

/** @param {string} name */
const at = (name) => field("deliveries-form", name);

class Deliveries {
  #results = new Results({
    form: "deliveries-form",
    hasDetails: false,
    fill,
    read,
    path: pathFor,
    draw: ({ items }) => [items.length ? table(items, (id) => this.#dialog.show(id)) : foreign(say("console.none.text"))],
    count: ({ items, next_cursor: more }) => {
      if (!items.length) return say("console.delivery.none");
      return say(more ? "console.delivery.shown.more" : "console.delivery.shown", { number: items.length });
    },
  });
  #dialog = new DeliveryDialog(() => this.#results.load());
  #resendAll = new ResendAll(filters, () => this.#results.load());

  /** @param {import("../frame.js").Api} api */
  signedIn(api) {
    this.#dialog.signedIn(api);
    this.#resendAll.signedIn(api);
    this.#results.signedIn(api);
  }

  signedOut() {
    this.#dialog.signedOut();
    this.#resendAll.signedOut();
    this.#results.signedOut();
  }

  show() {
    this.#results.show();
    this.#resendAll.draw();
  }

  draw() {
    const any = () => new Option(say("console.outcome.any"), "");
    setOptions(byId("delivery-states", HTMLSelectElement), [any(), ...STATES.map((one) => new Option(sayValue("console.state", one), one))]);
    setOptions(byId("delivery-events", HTMLSelectElement), [any(), ...EVENTS.map((one) => new Option(sayValue("console.event", one), one))]);
    this.#results.draw();
    this.#dialog.draw();
    this.#resendAll.draw();
  }
}

/** @param {URLSearchParams} found */
function fill(found) {
  for (const name of FILTERS) setValue(at(name), name === "since" ? timeField(found.get(name) ?? "") : (found.get(name) ?? ""));
}

function read() {
  const found = new URLSearchParams(FILTERS.map((name) => [name, at(name).value.trim()]));
  found.set("since", isoText(found.get("since") ?? ""));
  return found;
}

/** What is searched for, without what is not said. @returns {Record<string, string>} */
function filters() {
  const found = parameters();
  return Object.fromEntries(FILTERS.map((name) => [name, found.get(name) ?? ""]).filter(([, value]) => value));
}

/** @param {URLSearchParams} found */
function pathFor(found) {
  const asked = new URLSearchParams(filters());
  const cursor = found.get("cursor");
  if (cursor) asked.set("cursor", cursor);
  return `/api/deliveries?${asked}`;
}

start(new Deliveries());
