// What a line of the log says, piece by piece: pure drawing.

import { element, foreign, ltr } from "../element.js";
import { say, sayOne } from "../words.js";

const DESKTOP = "desktop";

/** Something personal or none: what is null was erased, what is empty was never there. */
export function known(value, draw = ltr) {
  if (value === null || value === undefined) return element("i", { class: "soft" }, [say("console.erased")]);
  return value === "" ? none() : draw(value);
}

function none() {
  const dash = element("span", { "aria-hidden": "true" }, ["–"]);
  return element("span", { class: "none soft" }, [dash, unseen(say("console.nothing"))]);
}

/** Words for a screen reader alone. */
export function unseen(words) {
  return element("span", { class: "unseen" }, [words]);
}

/** The caller's number as it was shown; a found call without one withheld it. */
export function callerOf(line) {
  const isWithheld = line.caller === "" && line.popup_id;
  return isWithheld ? element("span", {}, [say("console.withheld")]) : known(line.caller);
}

/** The agent by name, and as the CRM knows them. */
export function agentOf(line) {
  const name = line.agent ? [element("b", {}, [foreign(line.agent)]), " "] : [];
  return element("span", { class: "who-of" }, [...name, known(line.crm_user, foreign)]);
}

/** The result in its colour and in words. */
export function outcomeChip(outcome) {
  return element("span", { class: "chip result", "data-outcome": outcome }, [sayOne("console.outcome", outcome)]);
}

/** A popup's deliveries, each with its target and what became of it. */
export function deliveryChips(line) {
  if (!line.popup_id) return known("");
  const chips = line.deliveries.map((one) => deliveryChip(targetWords(one.target), one.shown_at ? "seen" : one.state));
  return element("span", { class: "chips" }, chips.length ? chips : [deliveryChip(null, "pending")]);
}

/** The target: the agent's desktop page in words, a CRM by its name. */
export function targetWords(target) {
  return target === DESKTOP ? say("console.target.desktop") : ltr(target ?? "");
}

export function deliveryChip(target, state) {
  const words = state === "seen" ? say("console.seen") : sayOne("console.state", state);
  return element("span", { class: "chip result", "data-delivery": state }, target ? [target, " ", words] : [words]);
}

/** What became of a found call's popup, in one word: the worst first, since somebody asks why it was not there. */
export function became({ deliveries }) {
  const states = deliveries.map((one) => one.state);
  const ofDesktop = deliveries.find((one) => one.target === DESKTOP);
  if (states.includes("failed")) return "failed";
  if (states.includes("expired")) return "expired";
  if (ofDesktop?.shown_at) return "seen";
  if (ofDesktop?.state === "delivered") return "unseen";
  return states.includes("delivered") ? "delivered" : "pending";
}
