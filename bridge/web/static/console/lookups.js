// The table of lookups: a row each, its time a button that opens the story. On a narrow page each row is a small sheet.

import { element, ltr } from "../element.js";
import { say } from "../words.js";
import { agentOf, callerOf, deliveryChips, known, outcomeChip, unseen } from "./line.js";
import { shown } from "./moments.js";

const COLUMNS = {
  "console.time": (line) => opener(line),
  "console.agent": agentOf,
  "console.extension": extensionOf,
  "console.caller": callerOf,
  "console.did": (line) => known(line.did),
  "console.outcome": (line) => outcomeChip(line.outcome),
  "console.deliveries": deliveryChips,
};

/** The lines as a table. Its roles are told: a table that is laid out as sheets would lose them. */
export function table(lines) {
  const names = Object.keys(COLUMNS).map((key) => element("th", { role: "columnheader", scope: "col" }, [say(key)]));
  return element("table", { class: "lookups", role: "table", "aria-label": say("console.lookups") }, [
    element("thead", { role: "rowgroup" }, [element("tr", { role: "row" }, names)]),
    element("tbody", { role: "rowgroup" }, lines.map(row)),
  ]);
}

function extensionOf({ extension, pbx }) {
  if (!extension) return known(extension);
  return element("span", {}, [ltr(extension), " ", element("span", { class: "soft" }, [ltr(pbx ?? "")])]);
}

function row(line) {
  const cells = Object.entries(COLUMNS).map(([key, draw]) => element("td", { role: "cell", "data-name": say(key) }, [draw(line)]));
  return element("tr", { role: "row", class: "lookup" }, cells);
}

/** The button that opens a click's story. */
export function opener(line) {
  const attributes = { type: "button", class: "open", "data-open": line.click_id, "aria-haspopup": "dialog" };
  return element("button", attributes, [unseen(`${say("console.open")} `), shown(line.time)]);
}
