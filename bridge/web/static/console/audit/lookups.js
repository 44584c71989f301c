// The table of lookups: one row each. On a narrow page each row becomes a sheet.

import { element, ltr } from "../../element.js";
import { say } from "../../words.js";
import { agentOf, callerOf, deliveryChips, openButton, outcomeChip, personal } from "../entry.js";

/** @type {Record<string, (entry: LogEntry) => HTMLElement>} */
const COLUMNS = {
  "console.time": openButton,
  "console.agent": agentOf,
  "console.extension": extensionOf,
  caller: callerOf,
  "console.did": (entry) => personal(entry.did),
  "console.outcome": (entry) => outcomeChip(entry.outcome),
  "console.deliveries": deliveryChips,
};

/**
 * The entries as a table. Its roles are explicit because the narrow layout would lose them.
 * @param {LogEntry[]} entries
 */
export function table(entries) {
  const names = Object.keys(COLUMNS).map((key) => element("th", { role: "columnheader", scope: "col", class: classOf(key) }, [say(key)]));
  return element("table", { class: "lookups compact", role: "table", "aria-label": say("console.lookups") }, [
    element("thead", { role: "rowgroup" }, [element("tr", { role: "row" }, names)]),
    element("tbody", { role: "rowgroup" }, entries.map(row)),
  ]);
}

/** @param {LogEntry} entry */
function extensionOf({ extension, pbx }) {
  if (!extension) return personal(extension);
  return element("span", {}, [ltr(extension), " ", element("span", { class: "soft" }, [ltr(pbx ?? "")])]);
}

/** @param {string} key */
function classOf(key) {
  return `at-${key.replace("console.", "")}`;
}

/** @param {LogEntry} entry */
function row(entry) {
  const cells = Object.entries(COLUMNS).map(([key, draw]) => element("td", { role: "cell", class: classOf(key) }, [draw(entry)]));
  return element("tr", { role: "row", class: "lookup" }, cells);
}
