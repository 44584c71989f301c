// The details of one click: the request, the phone system's answer, the choice, the deliveries, the time it took.

import { callerName, internationalForm, stateChip } from "../desktop/facts.js";
import { because, copyButton, element, foreign, ltr } from "../element.js";
import { say, sayValue } from "../words.js";
import { agentOf, callerOf, deliveryChip, deliveryChips, none, outcomeChip, personal, targetName } from "./entry.js";
import { milliseconds, timeElement } from "./times.js";

/** @typedef {string | HTMLElement} Content */
/** @typedef {[string, Content | Content[]]} Row */

/** @param {ClickDetails} details */
export function fromDetails({ click, agent, live_calls: calls, answer, steps, deliveries, rule }) {
  return [
    part("console.details.request", [
      rows([
        ["console.time", timeElement(click.received_at)],
        ["console.click_id", id(click.click_id)],
        ["console.agent", agentOf({ agent: agent?.name, crm_user: agent?.crm_user ?? click.agent ?? "" })],
        ["console.crm", ltr(click.crm)],
        ["console.asked", asked(click)],
        ["console.from", personal(click.source_ip ?? "")],
      ]),
    ]),
    part("console.details.answer", [
      rows([["console.served_from", servedFrom(answer)]]),
      calls?.length ? callList(calls) : element("p", {}, [say("console.details.no-calls")]),
    ]),
    part("console.details.choice", [
      ...choice(answer),
      ...(rule ? [element("p", {}, [say("console.details.rule", { number: rule })])] : []),
    ]),
    part("console.details.deliveries", deliveries.length ? deliveries.map(delivery) : [element("p", {}, [say("console.details.no-popup")])]),
    part("console.details.durations", [durations(steps, answer.total_ms)]),
  ];
}

/**
 * What the log entry says, once the details are no longer kept.
 * @param {LogEntry} entry
 */
export function fromEntry(entry) {
  return [
    element("p", { class: "soft" }, [say("console.details.short")]),
    part("console.details.request", [
      rows([
        ["console.time", timeElement(entry.time)],
        ["console.click_id", id(entry.click_id)],
        ["console.agent", agentOf(entry)],
        ["console.crm", ltr(entry.crm)],
        ["console.extension", personal(entry.extension)],
        ["console.from", personal(entry.source_ip)],
      ]),
    ]),
    part("console.details.choice", [
      outcomeOf(entry),
      rows([
        ["console.caller", callerOf(entry)],
        ["console.did", personal(entry.did)],
        ["console.ivrid", personal(entry.ivrid)],
      ]),
    ]),
    part("console.details.deliveries", [deliveryChips(entry), ...entry.deliveries.map(times)]),
  ];
}

/** @param {string} key @param {HTMLElement[]} children */
export function part(key, children) {
  return element("section", { class: "part" }, [element("h3", {}, [say(key)]), ...children]);
}

/** @param {Row[]} pairs */
export function rows(pairs) {
  const drawn = pairs.map(([key, value]) => element("div", {}, [element("dt", {}, [say(key)]), element("dd", {}, [value].flat())]));
  return element("dl", { class: "details" }, drawn);
}

/** @param {string} text */
function id(text) {
  return [ltr(text), copyButton(text, `copy-${text}`)];
}

/** @param {ClickDetails["click"]} click @returns {Content[]} */
function asked({ extension, ivrid }) {
  const parts = [
    ...(extension ? [say("extension"), " ", ltr(extension), " "] : []),
    ...(ivrid ? [say("ivrid"), " ", ltr(ivrid)] : []),
  ];
  return parts.length ? parts : [say("console.asked.any")];
}

/** @param {Answer} answer @returns {Content[]} */
function servedFrom({ served_from: from, pbx_ms: ms }) {
  if (!from) return [say("console.served_from.nobody")];
  return [sayValue("console.served_from", from), element("span", { class: "soft" }, [milliseconds(ms ?? 0)])];
}

/** @param {Call[]} calls */
function callList(calls) {
  return element("ul", { class: "calls", "aria-label": say("console.calls") }, calls.map(callItem));
}

/** @param {Call} call */
function callItem({ state, direction, caller, extension, pbx, ivrid }) {
  return element("li", {}, [
    stateChip(state),
    element("span", { class: "chip" }, [sayValue("direction", direction)]),
    element("b", {}, [foreign(callerName(caller))]),
    caller.name && caller.number ? ltr(caller.number) : null,
    internationalForm(caller),
    element("span", { class: "soft" }, [ltr(`${extension} · ${pbx} · ${ivrid}`)]),
  ]);
}

/** @param {Pick<LogEntry, "outcome" | "why" | "reason">} entry */
function outcomeOf({ outcome, why, reason }) {
  return element("p", { class: "row" }, [outcomeChip(outcome), why === null ? personal(null) : because({ why, reason })]);
}

/** @param {Answer} answer */
function choice(answer) {
  const call = answer.popup?.call;
  if (!call) return [outcomeOf(answer)];
  const { caller, did, did_label: label, ivrid, queue } = call;
  const international = internationalForm(caller);
  return [
    outcomeOf(answer),
    rows([
      ["caller", [element("b", {}, [foreign(callerName(caller))]), personal(caller.number), ...(international ? [international] : [])]],
      ["console.did", [personal(did), ...(label ? [foreign(label)] : [])]],
      ...(queue ? [/** @type {Row} */ (["queue", [foreign(queue)]])] : []),
      ["console.ivrid", id(ivrid)],
    ]),
  ];
}

/** @param {Delivery} one */
export function delivery(one) {
  const event = one.event === "call.popup" ? null : sayValue("console.event", one.event);
  return element("div", { class: "delivery" }, [
    element("h4", { class: "row" }, [targetName(one.target), deliveryChip(event, one.state)]),
    times(one),
    one.attempts.length ? attempts(one) : element("p", { class: "soft" }, [say(one.state === "expired" ? "console.attempts.never" : "console.attempts.none")]),
  ]);
}

/** @param {DeliverySummary} one */
function times({ target, created_at: created, ended_at: ended, shown_at: seen }) {
  /** @type {Row[]} */
  const found = [];
  if (created) found.push(["console.created", timeElement(created)]);
  if (ended) found.push(["console.ended", timeElement(ended)]);
  if (target === "desktop") found.push(["console.shown-at", seen ? timeElement(seen) : say("console.not-shown")]);
  return rows(found);
}

/** @param {Delivery} one */
function attempts({ attempts: made, target, ended_at: ended }) {
  const names = ["console.time", "console.attempt.status", "console.attempt.ms", "console.attempt.error", "console.attempt.next"];
  const head = element("tr", {}, names.map((key) => element("th", { scope: "col" }, [say(key)])));
  const attributes = { class: "scroll", tabindex: "0", role: "region", "aria-label": `${say("console.attempts")}: ${target}` };
  return element("div", attributes, [
    element("table", { class: "attempts" }, [element("thead", {}, [head]), element("tbody", {}, made.map((each) => attempt(each, ended)))]),
  ]);
}

/**
 * One attempt. A next one that was planned for after the end never happened.
 * @param {Attempt} made
 * @param {string | null} ended
 */
function attempt({ at, status, ms, error, reason, said, next_try_at: planned }, ended) {
  const next = ended && planned && planned > ended ? null : planned;
  const cells = [
    timeElement(at),
    status ? ltr(status) : none(),
    milliseconds(ms),
    error ? errorOf(because({ reason, why: error }), said) : none(),
    next ? timeElement(next) : none(),
  ];
  return element("tr", {}, cells.map((cell) => element("td", {}, [cell])));
}

/** @param {Node} why @param {string} [said] the beginning of what came back */
function errorOf(why, said) {
  return element("span", {}, [why, ...(said ? [element("q", { class: "said" }, [foreign(said)])] : [])]);
}

/** @param {ClickDetails["steps"]} steps @param {number} total */
function durations(steps, total) {
  /** @type {[Content, number][]} */
  const found = steps.map(({ step, ms }) => [sayValue("console.step", step), ms]);
  found.push([element("b", {}, [say("console.step.whole")]), total]);
  const drawn = found.map(([name, ms]) => element("div", {}, [element("dt", {}, [name]), element("dd", {}, [milliseconds(ms)])]));
  return element("dl", { class: "details" }, drawn);
}
