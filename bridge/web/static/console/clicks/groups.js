// Equal clicks in a row: the same agent, outcome and cause. They are one row of the table.

import { deliveryResult } from "../entry.js";

/** @typedef {LogEntry | RefusedClick} Click */

/** @param {Click} click @returns {click is RefusedClick} */
export function isRefused(click) {
  return click.outcome === "refused";
}

/**
 * The clicks as groups, in their order; a click unlike the one before it begins a new one.
 * @param {Click[]} clicks newest first
 * @returns {Click[][]}
 */
export function grouped(clicks) {
  /** @type {Click[][]} */
  const groups = [];
  let before = "";
  for (const click of clicks) {
    const same = sameness(click);
    if (same === before) groups.at(-1)?.push(click);
    else groups.push([click]);
    before = same;
  }
  return groups;
}

/** What equal clicks have in common. @param {Click} click */
function sameness(click) {
  const { crm, crm_user, outcome, why } = click;
  const own = isRefused(click)
    ? [click.reason, click.cause, click.source_ip]
    : [click.agent, click.extension, click.pbx, click.caller, click.popup_id && deliveryResult(click)];
  return JSON.stringify([crm, crm_user, outcome, why, own]);
}
