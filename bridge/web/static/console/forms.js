// The two forms of the audit page, filled from the address and read back into it.

import { element } from "../element.js";
import { say, sayOne } from "../words.js";
import { FILTERS } from "./address.js";
import { isolated } from "../shown.js";
import { fieldText, isoText, momentOf, offset } from "./moments.js";

const OUTCOMES = [
  "found",
  "no-active-call",
  "unknown-agent",
  "unknown-extension",
  "no-such-call",
  "pbx-refused",
  "pbx-unreachable",
  "pbx-unintelligible",
];
const LIMITS = ["25", "50", "100", "250"];
const USUAL = { limit: "50", within: "60" };
const FURTHER = ["did", "extension", "ivrid", "crm"];
const TIMES = ["since", "until"];
const MINUTE_MS = 60_000;
const at = (id) => document.getElementById(id);

/** Words that the forms' own markup cannot hold. */
export function label() {
  const outcomes = OUTCOMES.map((one) => new Option(sayOne("console.outcome", one), one));
  choicesOf(at("outcomes"), [new Option(say("console.outcome.any"), ""), ...outcomes]);
  choicesOf(at("limits"), LIMITS.map((one) => new Option(one, one)));
  const zone = `${Intl.DateTimeFormat().resolvedOptions().timeZone}, ${offset(Date.now())}`;
  at("zone").textContent = say("console.zone", { zone: isolated(zone) });
}

function choicesOf(select, options) {
  const before = select.value;
  select.replaceChildren(...options);
  put(select, before);
}

/** Puts a value that the address brings into a field; a choice that is not on the list is put there. */
function put(field, value) {
  if (field.tagName === "SELECT" && value && ![...field.options].some((one) => one.value === value)) field.append(new Option(value, value));
  field.value = value || (field.tagName === "SELECT" ? (USUAL[field.name] ?? "") : "");
}

/** Fills the search from what the address says. */
export function fillLookups(words) {
  const fields = at("lookups-form").elements;
  for (const name of [...FILTERS, "limit"]) {
    const value = words.get(name) ?? "";
    put(fields[name], TIMES.includes(name) && value ? timeField(value) : value);
  }
  if (FURTHER.some((name) => words.get(name))) at("more-filters").open = true;
}

function timeField(text) {
  const moment = momentOf(text);
  return Number.isNaN(moment) ? "" : fieldText(moment);
}

/** What the search asks for, as the address says it. */
export function readLookups() {
  const fields = at("lookups-form").elements;
  const words = new URLSearchParams();
  for (const name of [...FILTERS, "limit"]) {
    const value = fields[name].value.trim();
    words.set(name, TIMES.includes(name) ? isoText(value) : value);
  }
  if (words.get("limit") === USUAL.limit) words.delete("limit");
  return words;
}

/** Whether "to" comes after "from"; where not, the form says so when it is sent. */
export function checkOrder() {
  const { since, until } = at("lookups-form").elements;
  const isWrong = since.value && until.value && Date.parse(since.value) >= Date.parse(until.value);
  until.setCustomValidity(isWrong ? say("console.order") : "");
}

/** Sets the search's times to the last hour, today, or the last week. */
export function setPeriod(period) {
  const start = new Date();
  if (period === "hour") start.setHours(start.getHours() - 1);
  else start.setHours(0, 0, 0, 0);
  if (period === "week") start.setDate(start.getDate() - 6);
  const { since, until } = at("lookups-form").elements;
  since.value = fieldText(start);
  until.value = "";
}

/** Fills "why was there no popup?" from what the address says. */
export function fillWhy(words) {
  const fields = at("why-form").elements;
  for (const name of ["agent", "crm", "within"]) put(fields[name], words.get(name) ?? "");
  fields.at.value = timeField(words.get("at") ?? "") || fieldText(Date.now());
}

/** What that form asks for, as the address says it. */
export function readWhy() {
  const { agent, at: when, within, crm } = at("why-form").elements;
  return new URLSearchParams({ view: "why", agent: agent.value.trim(), at: isoText(when.value), within: within.value, crm: crm.value.trim() });
}

/** From when to when "why" looks: around the time named. */
export function spanOf(words) {
  const around = Math.min(Number(words.get("within")) || Number(USUAL.within), 24 * 60) * MINUTE_MS;
  const moment = momentOf(words.get("at") ?? "");
  const middle = Number.isNaN(moment) ? Date.now() : moment;
  return { since: isoText(middle - around), until: isoText(middle + around) };
}

/** The button that tries a failed question again. */
export function againButton(act) {
  const made = element("button", { type: "button", class: "plain" }, [say("console.again")]);
  made.addEventListener("click", act);
  return made;
}
