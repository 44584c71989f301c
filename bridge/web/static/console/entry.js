// The parts of a log entry: pure drawing.

import { element, foreign, ltr } from "../element.js";
import { say, sayValue } from "../words.js";
import { timeElement } from "./times.js";

const DESKTOP = "desktop";

/**
 * A personal value. null was erased; "" was never there.
 * @param {string | number | null | undefined} value
 * @param {(value: unknown) => HTMLElement} draw
 * @returns {HTMLElement}
 */
export function personal(value, draw = ltr) {
  if (value === null || value === undefined) return element("i", { class: "soft" }, [say("console.erased")]);
  return value === "" ? none() : draw(value);
}

export function none() {
  const dash = element("span", { "aria-hidden": "true" }, ["–"]);
  return element("span", { class: "none soft" }, [dash, visuallyHidden(say("console.nothing"))]);
}

/**
 * Words for screen readers only.
 * @param {string} words
 */
export function visuallyHidden(words) {
  return element("span", { class: "visually-hidden" }, [words]);
}

/**
 * The caller's number as sent. A found call without one withheld it.
 * @param {LogEntry} entry
 */
export function callerOf(entry) {
  const own = entry.caller === "" && entry.popup_id ? element("span", {}, [say("console.withheld")]) : personal(entry.caller);
  const name = entry.caller_name ? [element("b", {}, [foreign(entry.caller_name)]), " "] : [];
  const others = (entry.other_callers ?? []).flatMap((number) => [" ", personal(number)]);
  const also = others.length ? [" ", say("console.also-shown"), ...others] : [];
  return name.length || also.length ? element("span", {}, [...name, own, ...also]) : own;
}

/**
 * The agent's name, and their name in the CRM.
 * @param {{agent?: string | null, crm_user: string | null}} entry
 */
export function agentOf({ agent, crm_user }) {
  const name = agent ? [element("b", {}, [foreign(agent)]), " "] : [];
  return element("span", { class: "who-of" }, [...name, personal(crm_user, foreign)]);
}

/**
 * The outcome in its colour and in words.
 * @param {string} outcome
 */
export function outcomeChip(outcome) {
  return element("span", { class: "chip result", "data-outcome": outcome }, [sayValue("console.outcome", outcome)]);
}

/**
 * The state of each delivery of a popup.
 * @param {LogEntry} entry
 */
export function deliveryChips(entry) {
  if (!entry.popup_id) return none();
  const chips = entry.deliveries.map((one) => deliveryChip(targetName(one.target), one.shown_at ? "seen" : one.state));
  return element("span", { class: "chips" }, chips.length ? chips : [deliveryChip(null, "pending")]);
}

/**
 * The name of a target: the desktop page in words, a CRM by its name.
 * @param {string} target
 */
export function targetName(target) {
  return target === DESKTOP ? say("console.target.desktop") : ltr(target);
}

/** @param {string | HTMLElement | null} what @param {string} state a delivery's, or `seen` */
export function deliveryChip(what, state) {
  const words = state === "seen" ? say("console.seen") : sayValue("console.state", state);
  return element("span", { class: "chip result", "data-delivery": state }, what ? [what, " ", words] : [words]);
}

/**
 * What happened to a popup, in one word: the worst first, because somebody asks why it was missing.
 * @param {LogEntry} entry
 */
export function deliveryResult({ deliveries }) {
  const states = deliveries.map((one) => one.state);
  const desktop = deliveries.find((one) => one.target === DESKTOP);
  if (states.includes("failed")) return "failed";
  if (states.includes("expired")) return "expired";
  if (desktop?.shown_at) return "seen";
  if (desktop?.state === "delivered") return "unseen";
  return states.includes("delivered") ? "delivered" : "pending";
}

/**
 * The button that opens the details of a click.
 * @param {LogEntry} entry
 */
export function openButton(entry) {
  const attributes = { type: "button", class: "open", "data-open": entry.click_id, "aria-haspopup": "dialog" };
  return element("button", attributes, [visuallyHidden(`${say("console.open")} `), timeElement(entry.time)]);
}
