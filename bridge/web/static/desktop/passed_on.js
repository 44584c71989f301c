// From whom a call comes that was passed on, and what the colleagues before were told and wrote.

import { element, foreign, ltr } from "../element.js";
import { isolated, plain } from "../text.js";
import { say } from "../words.js";
import { cardName } from "./facts.js";
import { sentNote } from "./note.js";

/** @typedef {import("./cards.js").Card} Card */

/**
 * What the card says of it; null for a call that was not passed on, or nobody knows by whom.
 * @param {Card} card
 */
export function passedOnPart(card) {
  const passed = card.popup.passed_on;
  if (!passed) return null;
  const { notes = [] } = passed;
  return element("section", { class: "passed-on", "aria-label": say("passed-on") }, [
    element("h3", {}, [say("passed-on.by", { who: isolated(plain(passed.by)) })]),
    firstCaller(card, passed),
    notes.length ? element("ul", { class: "note-sent" }, notes.map((note) => element("li", {}, sentNote(note)))) : null,
  ]);
}

/** Who called first, where the phone system shows somebody else now. @param {Card} card @param {PassedOn} passed */
function firstCaller(card, { caller, contact }) {
  const name = cardName({ call: { ...card.call, caller }, contact });
  const isShown = caller.number === card.call.caller.number && name === cardName(card);
  if (isShown) return null;
  const number = caller.kind === "number" && name !== caller.number ? [" ", ltr(caller.number)] : [];
  return element("p", {}, [element("span", { class: "soft" }, [say("passed-on.first")]), " ", foreign(name), ...number]);
}
