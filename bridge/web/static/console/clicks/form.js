// The search form of the clicks page: filled from the address, and read back into it.

import { field, setValue, timeField } from "../fields.js";
import { isoText, MINUTE_MS, parseTime } from "../times.js";

const DAY_MS = 24 * 60 * MINUTE_MS;
const NEAR_MINUTES = 60;

/** @param {string} name */
const at = (name) => field("clicks-form", name);

/** @param {URLSearchParams} found */
export function fill(found) {
  for (const name of ["agent", "crm"]) setValue(at(name), found.get(name) ?? "");
  setValue(at("all"), found.get("all") === "true" ? "true" : "");
  setValue(at("at"), timeField(found.get("at") ?? ""));
}

/** The form's content as parameters of the address. */
export function read() {
  const [agent = "", crm = "", all = "", time = ""] = ["agent", "crm", "all", "at"].map((name) => at(name).value.trim());
  return new URLSearchParams({ agent, crm, all, at: time ? isoText(time) : "" });
}

/**
 * The period that is searched: an hour before and after the time named, else the last day.
 * @param {URLSearchParams} found
 */
export function period(found) {
  const time = parseTime(found.get("at") ?? "");
  if (Number.isNaN(time)) return { since: isoText(Date.now() - DAY_MS), until: "" };
  const around = NEAR_MINUTES * MINUTE_MS;
  return { since: isoText(time - around), until: isoText(time + around) };
}
