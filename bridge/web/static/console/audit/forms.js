// The two search forms of the audit page: filled from the address, and read back into it.

import { byId } from "../../element.js";
import { isolated, plain } from "../../text.js";
import { say, sayValue } from "../../words.js";
import { FILTERS } from "../address.js";
import { fieldText, isoText, parseTime, utcOffset } from "../times.js";

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
/** @type {Record<string, string>} */
const DEFAULTS = { limit: "50", within: "60" };
const MORE_FILTERS = ["did", "extension", "ivrid", "crm"];
const TIMES = ["since", "until"];
const MINUTE_MS = 60_000;
const MAX_MINUTES = 24 * 60;

/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

/** @param {string} form @param {string} name @returns {Field} */
function fieldOf(form, name) {
  const found = byId(form, HTMLFormElement).elements.namedItem(name);
  if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement) return found;
  throw new Error(`no such field: ${name}`);
}

/** @param {string} name */
const lookupField = (name) => fieldOf("lookups-form", name);
/** @param {string} name */
const whyField = (name) => fieldOf("why-form", name);

/** Draws the choices, and the time zone of the times, in the page's present language. */
export function drawChoices() {
  const outcomes = OUTCOMES.map((one) => new Option(sayValue("console.outcome", one), one));
  setOptions(byId("outcomes", HTMLSelectElement), [new Option(say("console.outcome.any"), ""), ...outcomes]);
  setOptions(byId("limits", HTMLSelectElement), LIMITS.map((one) => new Option(one, one)));
  const zone = `${Intl.DateTimeFormat().resolvedOptions().timeZone}, ${utcOffset(Date.now())}`;
  byId("zone").textContent = say("console.zone", { zone: isolated(zone) });
}

/** @param {HTMLSelectElement} select @param {HTMLOptionElement[]} options */
function setOptions(select, options) {
  const before = select.value;
  select.replaceChildren(...options);
  setValue(select, before);
}

/** @param {Field} field @param {string} value from the address: a choice that is not in the list is added to it */
function setValue(field, value) {
  if (field instanceof HTMLInputElement) {
    field.value = value;
    return;
  }
  if (value && ![...field.options].some((one) => one.value === value)) field.append(new Option(plain(value), value));
  field.value = value || (DEFAULTS[field.name] ?? "");
}

/** @param {URLSearchParams} found */
export function fillLookups(found) {
  for (const name of [...FILTERS, "limit"]) {
    const value = found.get(name) ?? "";
    setValue(lookupField(name), TIMES.includes(name) && value ? timeField(value) : value);
  }
  if (MORE_FILTERS.some((name) => found.get(name))) byId("more-filters", HTMLDetailsElement).open = true;
}

/** @param {string} text */
function timeField(text) {
  const time = parseTime(text);
  return Number.isNaN(time) ? "" : fieldText(time);
}

/** The search form's content as parameters of the address. */
export function readLookups() {
  const found = new URLSearchParams();
  for (const name of [...FILTERS, "limit"]) {
    const value = lookupField(name).value.trim();
    found.set(name, TIMES.includes(name) ? isoText(value) : value);
  }
  if (found.get("limit") === DEFAULTS.limit) found.delete("limit");
  return found;
}

/** Marks the search as invalid if it ends before it begins. */
export function checkOrder() {
  const [since, until] = [lookupField("since"), lookupField("until")];
  const isWrong = since.value && until.value && Date.parse(since.value) >= Date.parse(until.value);
  until.setCustomValidity(isWrong ? say("console.order") : "");
}

/** @param {string} period `hour`, `day` (today) or `week` (with today) */
export function setPeriod(period) {
  const start = new Date();
  if (period === "hour") start.setHours(start.getHours() - 1);
  else start.setHours(0, 0, 0, 0);
  if (period === "week") start.setDate(start.getDate() - 6);
  lookupField("since").value = fieldText(start);
  lookupField("until").value = "";
}

/** @param {URLSearchParams} found */
export function fillWhy(found) {
  for (const name of ["agent", "crm", "within"]) setValue(whyField(name), found.get(name) ?? "");
  whyField("at").value = timeField(found.get("at") ?? "") || fieldText(Date.now());
}

/** The "why" form's content as parameters of the address. */
export function readWhy() {
  const [agent, at, within, crm] = ["agent", "at", "within", "crm"].map((name) => whyField(name).value.trim());
  return new URLSearchParams({ view: "why", agent: agent ?? "", at: isoText(at ?? ""), within: within ?? "", crm: crm ?? "" });
}

/**
 * The period that "why" covers, around the time named.
 * @param {URLSearchParams} found
 */
export function periodFor(found) {
  const around = Math.min(Number(found.get("within")) || Number(DEFAULTS.within), MAX_MINUTES) * MINUTE_MS;
  const time = parseTime(found.get("at") ?? "");
  const middle = Number.isNaN(time) ? Date.now() : time;
  return { since: isoText(middle - around), until: isoText(middle + around) };
}
