// What a test showed: findings, what was sent and answered, what was read in it. Pure drawing.

import { because, copyButton, element, foreign, ltr } from "../../element.js";
import { say, sayValue } from "../../words.js";
import { subject } from "../findings.js";

/**
 * @typedef {{what: string, grade: string, message: string, fix: string, reason?: Reason | null, advice?: Reason | null}} Finding
 * @typedef {{request: string, status: number, ms: number, body: string}} Exchange
 * @typedef {{extension: string, name: string, calls: {state: string, direction: string, caller: {number: string, name: string}}[]}} Extension
 * @typedef {{grade: string, findings: Finding[], exchanges: Exchange[], extensions: Extension[] | null}} Trial
 */

/** @type {Record<string, string>} grades in the colours of deliveries */
const COLOURS = { OK: "delivered", WARN: "expired", FAIL: "failed" };

/** @param {Trial} trial */
export function drawTrial(trial) {
  const read = trial.extensions ? [readList(trial.extensions)] : [];
  return element("div", { class: "trial" }, [findings(trial.findings), ...read, ...exchanges(trial.exchanges)]);
}

/** @param {Finding[]} found */
export function findings(found) {
  const rows = found.map(({ what, grade, message, fix, reason = null, advice = null }) => {
    const told = because({ reason, why: message });
    const fixing = fix ? fixLine(because({ reason: advice, why: fix })) : null;
    return element("li", {}, [gradeChip(grade), " ", element("b", {}, subject(what)), ": ", told, fixing]);
  });
  return element("ul", { class: "findings" }, rows);
}

/** @param {string} grade */
export function gradeChip(grade) {
  return element("span", { class: "chip result", "data-delivery": COLOURS[grade] ?? "pending" }, [say(`connect.grade.${grade}`)]);
}

/** @param {Node} fix */
function fixLine(fix) {
  return element("p", { class: "advice" }, [say("connect.fix"), " ", fix]);
}

/** @param {Extension[]} extensions */
function readList(extensions) {
  const busy = extensions.filter((one) => one.calls.length);
  const head = say("connect.read", { extensions: extensions.length, busy: busy.length });
  const rows = [...busy, ...extensions.filter((one) => !one.calls.length)].map((one) =>
    element("li", {}, [ltr(one.extension), " ", foreign(one.name), ...one.calls.flatMap((call) => [" ", callChip(call)])]),
  );
  return element("details", { open: busy.length > 0 }, [
    element("summary", {}, [head]),
    element("ul", { class: "read", tabindex: 0, "aria-label": head }, rows),
  ]);
}

/** @param {Extension["calls"][0]} call */
function callChip({ state, direction, caller }) {
  const words = [sayValue("state", state), " · ", sayValue("direction", direction), " · "];
  return element("span", { class: "chip result", "data-delivery": "pending" }, [...words, ltr(caller.number || "–"), " ", foreign(caller.name)]);
}

/** @param {Exchange[]} found */
export function exchanges(found) {
  return found.map(({ request, status, ms, body }, index) =>
    element("details", {}, [
      element("summary", {}, [say("connect.answer"), " ", ltr(`${request} → ${status || "–"}, ${Math.round(ms)} ms`)]),
      element("pre", { tabindex: 0, dir: "ltr", "aria-label": `${say("connect.answer")} ${index + 1}` }, [body || say("connect.no-answer")]),
    ]),
  );
}

/**
 * A text to copy, whole.
 * @param {string} name
 * @param {string} text
 * @param {string} key
 */
export function copyable(name, text, key) {
  const head = element("div", { class: "row" }, [element("b", {}, [ltr(name)]), copyButton(text, key)]);
  head.lastElementChild?.setAttribute("aria-label", say("copy.what", { what: name }));
  return element("div", { class: "copyable" }, [head, element("pre", { tabindex: 0, dir: "ltr", "aria-label": name }, [text])]);
}
