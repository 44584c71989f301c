// Why was there no popup? The clicks of an agent, refused ones too, each with its reason and what to do.

import { because, element, foreign, ltr } from "../../element.js";
import { hasWords, language, say, sayValue } from "../../words.js";
import { agentOf, callerOf, deliveryChips, deliveryResult, openButton, outcomeChip, personal } from "../entry.js";
import { timeElement, timeText } from "../times.js";

const REFUSED_KEPT_MS = 24 * 3_600_000;
const SLACK_MS = 60_000; // a search for the last day is a moment old
const ENGLISH = "en";

/** @param {LogEntry | RefusedClick} click @returns {click is RefusedClick} */
function isRefused(click) {
  return click.outcome === "refused";
}

/** @param {(LogEntry | RefusedClick)[]} clicks */
export function list(clicks) {
  const items = clicks.map((click) => item(click, isRefused(click) ? refused(click) : accepted(click)));
  return element("ul", { class: "clicks", "aria-label": say("console.why.list") }, items);
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

/** @param {LogEntry | RefusedClick} click @param {(HTMLElement | null)[]} parts */
function item({ outcome }, parts) {
  return element("li", { class: "sheet click", "data-outcome": outcome }, parts);
}

/** @param {LogEntry} entry */
function accepted(entry) {
  const hasPopup = Boolean(entry.popup_id);
  return [
    element("div", { class: "row" }, [openButton(entry), outcomeChip(entry.outcome), hasPopup ? deliveryChips(entry) : null]),
    element("p", { class: "row whom" }, [agentOf(entry), hasPopup ? callerOf(entry) : null]),
    entry.why === null ? element("p", { class: "because" }, [personal(null)]) : causeOf(entry),
    entry.outcome === "found" ? resultOf(entry) : advice(entry.outcome),
  ];
}

/** @param {RefusedClick} click */
function refused(click) {
  const sender = click.crm_user ? foreign(click.crm_user) : say("console.why.unknown-sender");
  return [
    element("div", { class: "row" }, [
      timeElement(click.time),
      outcomeChip(click.outcome),
      element("b", { class: "reason" }, [sayValue("console.reason", click.reason)]),
    ]),
    element("p", { class: "row whom" }, [sender, element("span", { class: "soft" }, [ltr(click.crm), " · ", ltr(click.source_ip)])]),
    causeOf(click.cause ? { reason: click.cause, why: click.why } : click),
    advice(click.reason),
  ];
}

/**
 * The cause. Where there is only an English sentence it is marked as English, for screen readers.
 * @param {{reason?: Reason | string | null, why: string | null}} cause
 */
function causeOf({ reason, why }) {
  const isEnglish = (!reason || typeof reason === "string") && language !== ENGLISH;
  return element("p", { class: isEnglish ? "because soft" : "because", lang: isEnglish && ENGLISH }, [because({ reason, why })]);
}

/** @param {LogEntry} entry */
function resultOf(entry) {
  return element("p", { class: "advice" }, [say(`console.result.${deliveryResult(entry)}`)]);
}

/** @param {string} slug */
function advice(slug) {
  const key = `console.do.${slug}`;
  return hasWords(key) ? element("p", { class: "advice" }, [element("b", {}, [say("console.do")]), " ", say(key)]) : null;
}
