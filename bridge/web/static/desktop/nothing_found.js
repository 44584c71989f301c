// What a click that found no call says: why, and what to do.

import { button, element, foreign } from "../element.js";
import { clockTime, hasWords, say, sayWhy } from "../words.js";
import { nothingTitle } from "./facts.js";

/**
 * @param {NothingFound} answer
 * @param {import("./actions.js").Actions} actions
 */
export function nothingFound(answer, actions) {
  const next = `answer.next.${answer.outcome}`;
  return [
    element("h2", {}, [nothingTitle(answer)]),
    element("p", {}, [foreign(sayWhy(answer))]),
    hasWords(next) ? element("p", { class: "soft" }, [say(next)]) : null,
    element("div", { class: "actions" }, [
      button(say("look-up"), "nothing-look-up", () => actions.lookUp()),
      button(say("dismiss"), "nothing-dismiss", () => actions.closeNothing()),
      element("span", { class: "soft" }, [foreign(clockTime(Date.parse(answer.created_at)))]),
    ]),
  ];
}
