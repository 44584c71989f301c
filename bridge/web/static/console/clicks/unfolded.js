// What is shown below a row once it is unfolded: what to do, and each click's details.

import { because, element } from "../../element.js";
import { hasWords, language, say } from "../../words.js";
import { deliveryResult, openButton, personal } from "../entry.js";
import { timeElement } from "../times.js";
import { isRefused } from "./groups.js";

/** @typedef {import("./groups.js").Click} Click */

const ENGLISH = "en";

/** @param {Click[]} group equal clicks */
export function unfolded(group) {
  const [newest] = group;
  if (!newest) return [];
  const isUnknown = isRefused(newest) && !newest.crm_user;
  return [isUnknown ? element("p", {}, [say("console.why.unknown-sender")]) : null, adviceFor(newest), times(group)];
}

/**
 * The cause. Where there is only an English sentence it is marked as English, for screen readers.
 * @param {Click} click
 */
export function causeOf(click) {
  if (!isRefused(click) && click.why === null) return personal(null);
  const reason = isRefused(click) ? click.cause ?? click.reason : click.reason;
  const isEnglish = (!reason || typeof reason === "string") && language !== ENGLISH;
  return element("span", { class: isEnglish && "soft", lang: isEnglish && ENGLISH }, [because({ reason, why: click.why })]);
}

/** @param {Click} click */
function adviceFor(click) {
  if (click.outcome === "found") return element("p", {}, [say(`console.result.${deliveryResult(/** @type {LogEntry} */ (click))}`)]);
  const key = `console.do.${isRefused(click) ? click.reason : click.outcome}`;
  return hasWords(key) ? element("p", {}, [element("b", {}, [say("console.do")]), " ", say(key)]) : null;
}

/** When each of them was; an accepted one opens its details. @param {Click[]} group */
function times(group) {
  const items = group.map((click) => element("li", {}, [isRefused(click) ? timeElement(click.time) : openButton(click)]));
  const key = group.every(isRefused) ? "console.time" : "console.details";
  return element("div", { class: "row" }, [element("b", {}, [say(key)]), element("ul", { class: "row times" }, items)]);
}
