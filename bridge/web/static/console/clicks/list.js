// Why was there no popup? One row for equal clicks in a row, refused ones too; unfolded it says the cause and what to do.

import { allMatching, element, foreign, ltr } from "../../element.js";
import { say, sayValue } from "../../words.js";
import { agentOf, callerOf, deliveryChips, none, outcomeChip, personal, visuallyHidden } from "../entry.js";
import { periodElement, timeElement, timeText } from "../times.js";
import { grouped, isRefused } from "./groups.js";
import { causeOf, unfolded } from "./unfolded.js";

/** @typedef {import("./groups.js").Click} Click */

const REFUSED_KEPT_MS = 24 * 3_600_000;
const SLACK_MS = 60_000; // a search for the last day is a moment old
const COLUMNS = ["time", "agent", "extension", "outcome", "cause"];

/** @param {Click[]} clicks newest first */
export function list(clicks) {
  const names = COLUMNS.map((name) => element("th", { role: "columnheader", scope: "col" }, [say(`console.${name}`)]));
  return element("table", { class: "lookups compact clicks", role: "table", "aria-label": say("console.why.list") }, [
    element("thead", { role: "rowgroup" }, [element("tr", { role: "row" }, names)]),
    element("tbody", { role: "rowgroup" }, grouped(clicks).flatMap(rowsOf)),
  ]);
}

/**
 * That no click arrived, or none with a problem, and where to look then.
 * @param {{since: string, until: string}} period
 * @param {string} agent "" for everybody's
 * @param {boolean} isProblems whether only problems were searched for
 */
export function nothingFound({ since, until }, agent, isProblems) {
  if (isProblems) return element("div", { class: "sheet nothing-found" }, [element("h2", {}, [say("console.why.fine")]), element("p", {}, [say("console.why.fine.text")])]);
  const isOld = Date.parse(since) < Date.now() - REFUSED_KEPT_MS - SLACK_MS;
  const key = agent ? "console.why.none.text" : "console.why.none.anybody";
  return element("div", { class: "sheet nothing-found" }, [
    element("h2", {}, [say("console.why.none")]),
    element("p", {}, [say(key, { since: timeText(since), until: timeText(until || Date.now()) })]),
    isOld ? element("p", { class: "soft" }, [say("console.why.day")]) : null,
  ]);
}

/** The row of a group, and the one below it that it unfolds. @param {Click[]} group @param {number} place */
function rowsOf(group, place) {
  const [newest] = group;
  if (!newest) return [];
  const id = `unfolded-${place}`;
  const below = element("tr", { role: "row", id, class: "unfolded", hidden: true }, [
    element("td", { role: "cell", colspan: COLUMNS.length }, [element("div", {}, unfolded(group))]),
  ]);
  const drawn = [unfoldButton(group, id), whose(newest), extensionOf(newest), outcomeOf(group), inShort(newest)];
  const cells = drawn.map((cell, column) => element("td", { role: "cell", class: `at-${COLUMNS[column]}` }, [cell]));
  const row = element("tr", { role: "row", class: "lookup", "data-outcome": newest.outcome }, cells);
  row.addEventListener("click", ({ target }) => {
    const isButton = target instanceof Element && target.closest("button");
    if (isButton || !getSelection()?.toString()) unfold(row, below);
  });
  return [row, below];
}

/** @param {HTMLElement} row @param {HTMLElement} below */
function unfold(row, below) {
  below.hidden = !below.hidden;
  const [opener] = allMatching("[data-row]", row);
  opener?.setAttribute("aria-expanded", String(!below.hidden));
  opener?.focus();
}

/** When; a click on it is a click on its row. @param {Click[]} group @param {string} below the id of what it unfolds */
function unfoldButton(group, below) {
  const [last, first] = [group.at(0)?.time ?? "", group.at(-1)?.time ?? ""];
  const time = group.length > 1 ? periodElement(first, last) : timeElement(last);
  return element("button", { type: "button", class: "open", "data-row": true, "aria-expanded": "false", "aria-controls": below }, [time]);
}

/** @param {Click} click */
function whose(click) {
  if (!isRefused(click)) return agentOf(click);
  const sender = click.crm_user ? foreign(click.crm_user) : element("span", { class: "soft" }, [say("console.why.nobody")]);
  return element("span", { class: "who-of" }, [sender, " ", element("span", { class: "soft", dir: "ltr" }, [foreign(click.crm), " · ", ltr(click.source_ip)])]);
}

/** @param {Click} click */
function extensionOf(click) {
  return isRefused(click) ? none() : personal(click.extension);
}

/** @param {Click[]} group */
function outcomeOf(group) {
  const [newest] = group;
  const number = group.length;
  const count = number > 1 ? [" ", element("b", { class: "times-clicked", "aria-hidden": "true" }, [ltr(`×${number}`)]), visuallyHidden(say("console.why.equal", { number }))] : [];
  return element("span", {}, [outcomeChip(newest?.outcome ?? ""), ...count]);
}

/** The cause in one line; of a popup, who called and what happened to it. @param {Click} click */
function inShort(click) {
  if (isRefused(click)) return element("span", {}, [element("b", {}, [sayValue("console.reason", click.reason)]), " ", causeOf(click)]);
  return click.popup_id ? element("span", {}, [deliveryChips(click), " ", callerOf(click)]) : causeOf(click);
}
