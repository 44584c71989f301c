// One press as a chain of steps, each with its milliseconds and a bar that shows when it ran.

import { element } from "/static/element.js";

/** What is shown of one press: the outcome in words, then the chain. `outcomes` names each outcome. */
export function chain(press, outcomes) {
  const steps = stepsOf(press);
  const end = Math.max(1, ...steps.map((step) => step.until ?? 0));
  return element("div", { class: "chain" }, [
    headline(press, outcomes),
    element("ol", { class: "steps" }, steps.map((step) => line(step, end))),
  ]);
}

function headline(press, outcomes) {
  if (press.problem) return element("p", { class: "headline", "data-good": "false" }, [element("b", {}, ["Not accepted: "]), press.problem]);
  if (!press.answer) return element("p", { class: "headline" }, ["The bridge is at work …"]);
  const { outcome, why } = press.answer;
  const words = [element("b", {}, [outcomes[outcome] ?? outcome, ": "]), element("bdi", {}, [why])];
  return element("p", { class: "headline", "data-good": String(outcome === "found") }, words);
}

function stepsOf(press) {
  const pressed = { what: press.by_itself ? "Button pressed (by itself)" : "Button pressed", from: 0, until: 0, done: true, ms: 0 };
  if (!press.answer) return [pressed, { what: "Click proven", done: !press.problem && null, note: press.problem ?? "" }];
  return [pressed, ...bridgeSteps(press), ...deliverySteps(press)];
}

function bridgeSteps({ answer, story, answered_at_ms }) {
  const took = Object.fromEntries((story?.steps ?? []).map(({ step, ms }) => [step, ms]));
  const isFound = answer.outcome === "found";
  const proven = took.proof ?? 0;
  const asked = answer.pbx_ms ?? 0;
  const chosen = Math.max(0, answer.total_ms - asked - proven);
  const isAsked = answer.pbx_ms !== null;
  const lookedUp = isAsked && !answer.outcome.startsWith("pbx-");
  const rows = [
    { what: "Click proven", ms: proven, done: true, note: "signature and time are right" },
    { what: "Phone system asked", ms: asked, done: lookedUp, note: isAsked ? served[answer.served_from] ?? "" : "not asked" },
    { what: "Call chosen", ms: chosen, done: isFound, note: isFound ? answer.why : "no call to show" },
    { what: "Written and answered", ms: Math.max(0, answered_at_ms - answer.total_ms), done: true, note: "audit, cache and jobs in one transaction" },
  ];
  let from = 0;
  return rows.map((row) => ({ ...row, from, until: (from += row.ms) }));
}

const served = { pbx: "a question for this click", shared: "joined a question on its way", recent: "an answer just heard" };

function deliverySteps(press) {
  if (press.answer.outcome !== "found") return [];
  const names = { desktop: "Dana's page has the popup" };
  const known = press.story?.deliveries ?? [];
  const targets = known.length ? known : [{ target: "acme", state: "pending" }, { target: "desktop", state: "pending" }];
  return targets.map((delivery) => {
    const until = delivery.target === "desktop" ? press.desktop_at_ms : press.crm_at_ms;
    const done = delivery.state === "pending" ? null : delivery.state === "delivered";
    return { what: names[delivery.target] ?? "CRM has the popup", from: press.answered_at_ms, until, done, at: until, note: deliveryNote(delivery) };
  });
}

function deliveryNote({ target, state, attempts = [] }) {
  const last = attempts.at(-1);
  if (state === "delivered") return target === "desktop" ? "shown" : `signed, taken with HTTP ${last?.status ?? "2xx"}`;
  const problem = last ? `${attempts.length} ${attempts.length === 1 ? "try" : "tries"}, last: ${last.error ?? `HTTP ${last.status}`}` : "";
  if (state === "pending") return last ? `${problem}; it tries again` : "on its way";
  return `${state === "expired" ? "too late to be of use" : "refused"}${problem ? `: ${problem}` : ""}`;
}

function line(step, end) {
  const state = step.done === null ? "waiting" : step.done ? "done" : "failed";
  return element("li", { "data-step": state }, [
    element("span", { class: "step-what" }, [step.what]),
    element("span", { class: "step-ms" }, [milliseconds(step)]),
    bar(step, end),
    step.note ? element("span", { class: "step-note" }, [step.note]) : null,
  ]);
}

function milliseconds({ ms, at, done }) {
  if (at !== undefined) return at === null ? (done === null ? "…" : "") : `at ${at.toFixed(1)} ms`;
  return ms === undefined ? "" : `${ms.toFixed(1)} ms`;
}

function bar({ from, until }, end) {
  const made = element("span", { class: "bar-track", "aria-hidden": "true" }, [element("span", { class: "bar-fill" }, [])]);
  if (typeof from !== "number" || typeof until !== "number") return made;
  const start = Math.min(from, until);
  made.firstChild.style.insetInlineStart = `${(100 * start) / end}%`;
  made.firstChild.style.inlineSize = `max(3px, ${(100 * (until - start)) / end}%)`;
  return made;
}
