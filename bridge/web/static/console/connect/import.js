// What a CSV of agents would change, and the file to put in place.

import { because, byId, element, ltr } from "../../element.js";
import { say } from "../../words.js";
import { saveAs } from "../download.js";
import { copyable } from "./trial.js";

/**
 * @typedef {import("./agents.js").Row} Row
 * @typedef {{problems: string[], problem_reasons: Reason[], warnings?: string[], warning_reasons?: Reason[], unchanged: number, added: Row[], removed: Row[],
 *   changed: {before: Row[], after: Row[]}[], text: string}} Preview
 */

/** The CSV as it was typed or chosen. */
export async function readFile() {
  const [file] = byId("import-file", HTMLInputElement).files ?? [];
  if (file) byId("import-csv", HTMLTextAreaElement).value = await file.text();
}

/** @param {Preview} found @param {string} fileName */
export function drawPreview(found, fileName) {
  if (found.problems.length) return found.problems.map((why, place) => element("p", { class: "problem" }, [because({ reason: found.problem_reasons[place], why })]));
  const { added, changed, removed } = found;
  const save = element("button", { type: "button", class: "plain" }, [say("connect.import.save")]);
  save.addEventListener("click", () => saveAs(fileName, new Blob([found.text], { type: "text/csv" })));
  return [
    element("p", {}, [say("connect.import.counts", { added: added.length, changed: changed.length, removed: removed.length, unchanged: found.unchanged })]),
    ...(found.warnings ?? []).map((why, place) => element("p", { class: "advice" }, [because({ reason: found.warning_reasons?.[place], why })])),
    group("connect.import.added", added.map((row) => [line(row)])),
    group("connect.import.changed", changed.map(({ before, after }) => [before.map(line).join(" + "), " → ", after.map(line).join(" + ")])),
    group("connect.import.removed", removed.map((row) => [line(row)])),
    element("p", {}, [say("connect.import.put", { file: fileName })]),
    element("p", {}, [save]),
    copyable(fileName, found.text, "copy csv"),
  ];
}

/** @param {Row} row */
function line({ crm, crm_user: user, pbx, extension, name }) {
  return [crm, user, pbx, extension, name].join(", ");
}

/** @param {string} key @param {string[][]} items */
function group(key, items) {
  if (!items.length) return element("span", { hidden: true });
  const words = say(key, { number: items.length });
  return element("details", { open: items.length <= 20 }, [
    element("summary", {}, [words]),
    element("ul", { class: "read", tabindex: 0, "aria-label": words }, items.map((parts) => element("li", {}, [ltr(parts.join(""))]))),
  ]);
}
