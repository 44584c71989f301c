// The life of a call that opened popups by itself: what happened on the phones, and what popbridge did.

import { element } from "/look/element.js";

/** @type {Record<string, (who: string[]) => string>} */
const WORDS = {
  rings: (who) => `A customer calls: it rings at ${list(who)}`,
  answers: ([who]) => `${who} answers`,
  transfers: ([from, to]) => `${from} passes the call on to ${to}`,
  ended: () => "The call ends",
  card: ([who]) => `Card on the page of ${who}`,
  "crm.call.popup": ([who]) => `Popup for ${who} in the CRM`,
  "crm.call.answered_elsewhere": ([who]) => `The CRM is told that the call of ${who} was answered elsewhere`,
  "crm.call.ended": ([who]) => `The CRM is told that the call of ${who} is over`,
  "crm.call.log": ([who]) => `The call of ${who} is logged in the CRM`,
};
const ON_THE_PHONES = new Set(["rings", "answers", "transfers", "ended"]);

/** @param {DemoStep[]} steps in order */
export function life(steps) {
  return element("ol", { class: "steps life" }, steps.map(item));
}

/** @param {DemoStep} step */
function item({ what, who, at_ms: at }) {
  const words = WORDS[what]?.(who) ?? what;
  return element("li", { "data-step": ON_THE_PHONES.has(what) ? "phone" : "done" }, [
    element("span", { class: "step-what" }, [element("bdi", {}, [words])]),
    element("span", { class: "step-ms" }, [`${(at / 1000).toFixed(2)} s`]),
  ]);
}

/** @param {string[]} names */
function list(names) {
  return names.join(" and ");
}
