// One click as a chain of steps, each with its duration and a bar that shows when it ran.

import { element } from "/look/element.js";

/** @type {Record<string, string>} */
const SERVED_FROM = { pbx: "asked for this click", shared: "shared the request of another click", recent: "reused a very recent response" };

/**
 * @typedef {object} Step
 * @property {string} what
 * @property {boolean | null} isDone null while it is under way
 * @property {number | null} [from] milliseconds after the click
 * @property {number | null} [until]
 * @property {string} [duration] in words
 * @property {string} [note]
 */

/**
 * The outcome in words, then the steps.
 * @param {DemoClick} click
 * @param {Record<string, string>} outcomes the name of each outcome
 */
export function chain(click, outcomes) {
  const steps = stepsOf(click);
  const end = Math.max(1, ...steps.map((step) => step.until ?? 0));
  return element("div", { class: "chain" }, [
    headline(click, outcomes),
    element("ol", { class: "steps" }, steps.map((step) => stepItem(step, end))),
  ]);
}

/** @param {DemoClick} click @param {Record<string, string>} outcomes */
function headline({ problem, answer }, outcomes) {
  if (problem) return element("p", { class: "headline", "data-good": "false" }, [element("b", {}, ["Refused: "]), problem]);
  if (!answer) return element("p", { class: "headline" }, ["Looking up the call…"]);
  const { outcome, why } = answer;
  const words = [element("b", {}, [outcomes[outcome] ?? outcome, ": "]), element("bdi", {}, [why])];
  return element("p", { class: "headline", "data-good": outcome === "found" ? "true" : "false" }, words);
}

/** @param {DemoClick} click @returns {Step[]} */
function stepsOf(click) {
  const { answer, problem, by_itself: isAutomatic } = click;
  /** @type {Step} */
  const clicked = { what: isAutomatic ? "Button clicked (automatically)" : "Button clicked", from: 0, until: 0, isDone: true, duration: ms(0) };
  if (!answer) return [clicked, { what: "Click authenticated", isDone: problem ? false : null, note: problem ?? "" }];
  return [clicked, ...bridgeSteps(click, answer), ...deliverySteps(click, answer)];
}

/** @param {DemoClick} click @param {Answer} answer @returns {Step[]} */
function bridgeSteps({ story, answered_at_ms: answeredAt }, answer) {
  const authenticated = story?.steps.find(({ step }) => step === "proof")?.ms ?? 0;
  const asked = answer.pbx_ms ?? 0;
  const isAsked = answer.pbx_ms !== null;
  const isFound = answer.outcome === "found";
  const isAnswered = isAsked && !answer.outcome.startsWith("pbx-");
  const served = isAsked ? (SERVED_FROM[answer.served_from ?? ""] ?? "") : "not asked";
  /** @type {[string, number, boolean, string][]} */
  const steps = [
    ["Click authenticated", authenticated, true, "valid signature and timestamp"],
    ["Phone system asked", asked, isAnswered, served],
    ["Call chosen", Math.max(0, answer.total_ms - asked - authenticated), isFound, isFound ? answer.why : "no call to show"],
    ["Stored and answered", Math.max(0, (answeredAt ?? 0) - answer.total_ms), true, "log entry, cache and deliveries in one transaction"],
  ];
  let from = 0;
  return steps.map(([what, took, isDone, note]) => ({ what, isDone, note, duration: ms(took), from, until: (from += took) }));
}

/** @param {DemoClick} click @param {Answer} answer @returns {Step[]} */
function deliverySteps(click, { outcome }) {
  if (outcome !== "found") return [];
  const known = click.story?.deliveries ?? [];
  const deliveries = known.length ? known : ["", "desktop"].map((target) => ({ target, state: "pending", attempts: [] }));
  return deliveries.map(({ target, state, attempts }) => {
    const isDesktop = target === "desktop";
    const until = isDesktop ? click.desktop_at_ms : click.crm_at_ms;
    const isDone = state === "pending" ? null : state === "delivered";
    return {
      what: isDesktop ? "Popup on Dana's page" : "Popup in the CRM",
      from: click.answered_at_ms,
      until,
      isDone,
      duration: until === null ? (isDone === null ? "…" : "") : `after ${ms(until)}`,
      note: deliveryNote(state, attempts, isDesktop),
    };
  });
}

/** @param {string} state @param {Attempt[]} attempts @param {boolean} isDesktop */
function deliveryNote(state, attempts, isDesktop) {
  const last = attempts.at(-1);
  if (state === "delivered") return isDesktop ? "shown" : `signed, accepted with HTTP ${last?.status ?? "2xx"}`;
  const count = attempts.length === 1 ? "1 attempt" : `${attempts.length} attempts`;
  const problem = last ? `${count}, last: ${last.error ?? `HTTP ${last.status}`}` : "";
  if (state === "pending") return last ? `${problem}; will be retried` : "on its way";
  return [state === "expired" ? "expired" : "failed", problem].filter(Boolean).join(": ");
}

/** @param {Step} step @param {number} end */
function stepItem(step, end) {
  const state = step.isDone === null ? "waiting" : step.isDone ? "done" : "failed";
  return element("li", { "data-step": state }, [
    element("span", { class: "step-what" }, [step.what]),
    element("span", { class: "step-ms" }, [step.duration ?? ""]),
    bar(step, end),
    step.note ? element("span", { class: "step-note" }, [step.note]) : null,
  ]);
}

/** @param {number} duration */
function ms(duration) {
  return `${duration.toFixed(1)} ms`;
}

/** @param {Step} step @param {number} end */
function bar({ from, until }, end) {
  const fill = element("span", { class: "bar-fill" });
  const track = element("span", { class: "bar-track", "aria-hidden": "true" }, [fill]);
  if (typeof from !== "number" || typeof until !== "number") return track;
  const start = Math.min(from, until);
  fill.style.insetInlineStart = `${(100 * start) / end}%`;
  fill.style.inlineSize = `max(3px, ${(100 * (until - start)) / end}%)`;
  return track;
}
