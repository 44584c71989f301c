// The search form of the audit page: filled from the address, and read back into it.

import { byId } from "../../element.js";
import { isolated } from "../../text.js";
import { say, sayValue } from "../../words.js";
import { FILTERS } from "../address.js";
import { field, setOptions, setValue, timeField } from "../fields.js";
import { fieldText, isoText, utcOffset } from "../times.js";

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
const DEFAULTS = { limit: "50" };
const MORE_FILTERS = ["did", "extension", "ivrid", "crm"];
const TIMES = ["since", "until"];

/** @param {string} name */
const lookupField = (name) => field("lookups-form", name);

/** Draws the choices, and the time zone of the times, in the page's present language. */
export function drawChoices() {
  const outcomes = OUTCOMES.map((one) => new Option(sayValue("console.outcome", one), one));
  setOptions(byId("outcomes", HTMLSelectElement), [new Option(say("console.outcome.any"), ""), ...outcomes]);
  setOptions(byId("limits", HTMLSelectElement), LIMITS.map((one) => new Option(one, one)), DEFAULTS.limit);
  const zone = `${Intl.DateTimeFormat().resolvedOptions().timeZone}, ${utcOffset(Date.now())}`;
  byId("zone").textContent = say("console.zone", { zone: isolated(zone) });
}

/** @param {URLSearchParams} found */
export function fillLookups(found) {
  for (const name of [...FILTERS, "limit"]) {
    const value = found.get(name) ?? "";
    setValue(lookupField(name), TIMES.includes(name) && value ? timeField(value) : value, DEFAULTS[name]);
  }
  if (MORE_FILTERS.some((name) => found.get(name))) byId("more-filters", HTMLDetailsElement).open = true;
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
  if (period === "hour") start.setHours(start.getHours() - 1, start.getMinutes(), 0, 0);
  else start.setHours(0, 0, 0, 0);
  if (period === "week") start.setDate(start.getDate() - 6);
  lookupField("since").value = fieldText(start);
  lookupField("until").value = "";
}
