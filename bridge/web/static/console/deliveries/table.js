// The table of deliveries: one row each.

import { because, element, ltr } from "../../element.js";
import { say, sayValue } from "../../words.js";
import { deliveryChip, none, targetName } from "../entry.js";
import { timeElement } from "../times.js";

const COLUMNS = ["time", "delivery.target", "delivery.event", "delivery.state", "attempts", "delivery.last"];

/**
 * @param {ListedDelivery[]} deliveries
 * @param {(id: string) => void} open
 */
export function table(deliveries, open) {
  const names = COLUMNS.map((name) => element("th", { role: "columnheader", scope: "col" }, [say(`console.${name}`)]));
  return element("table", { class: "lookups compact", role: "table", "aria-label": say("console.page.deliveries") }, [
    element("thead", { role: "rowgroup" }, [element("tr", { role: "row" }, names)]),
    element("tbody", { role: "rowgroup" }, deliveries.map((one) => row(one, open))),
  ]);
}

/** @param {ListedDelivery} one @param {(id: string) => void} open */
function row(one, open) {
  const opener = element("button", { type: "button", class: "open", "data-open": one.delivery_id, "aria-haspopup": "dialog" }, [
    timeElement(one.created_at ?? ""),
  ]);
  opener.addEventListener("click", () => open(one.delivery_id));
  const cells = [
    opener,
    element("span", {}, [targetName(one.target), ...(one.crm && one.crm !== one.target ? [" ", element("span", { class: "soft" }, [ltr(one.crm)])] : [])]),
    element("span", {}, [sayValue("console.event", one.event)]),
    deliveryChip(null, one.state),
    element("span", {}, [one.attempts.length]),
    last(one),
  ];
  return element("tr", { role: "row", class: "lookup" }, cells.map((cell, place) => element("td", { role: "cell", "data-name": say(`console.${COLUMNS[place]}`), class: `at-${COLUMNS[place]?.replace("delivery.", "")}` }, [cell])));
}

/** Why the last attempt failed. @param {ListedDelivery} one */
function last({ attempts }) {
  const made = attempts.at(-1);
  if (!made?.error) return none();
  const status = made.status ? [ltr(made.status), " "] : [];
  return element("span", {}, [...status, because({ reason: made.reason, why: made.error })]);
}
