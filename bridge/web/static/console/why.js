// Why was there no popup? An agent's clicks, refused ones too, each with its reason and what to do about it.

import { element, foreign, ltr } from "../element.js";
import { canSay, language, say, cause, sayOne } from "../words.js";
import { agentOf, became, callerOf, deliveryChips, known, outcomeChip } from "./line.js";
import { opener } from "./lookups.js";
import { shown, words } from "./moments.js";

const KEPT_MS = 24 * 3_600_000;
const REFUSED = "refused";
const ENGLISH = "en";

/** The clicks as a list. */
export function list(lines) {
  return element("ul", { class: "clicks", "aria-label": say("console.why.list") }, lines.map(item));
}

/** That nothing came, and where to look then. */
export function nothing({ since, until }) {
  const isOld = Date.parse(since) < Date.now() - KEPT_MS;
  return element("div", { class: "sheet nothing-found" }, [
    element("h2", {}, [say("console.why.none")]),
    element("p", {}, [say("console.why.none.text", { since: words(since), until: words(until) })]),
    isOld ? element("p", { class: "soft" }, [say("console.why.day")]) : null,
  ]);
}

function item(line) {
  const isRefused = line.outcome === REFUSED;
  return element("li", { class: "sheet click", "data-outcome": line.outcome }, [
    element("div", { class: "row" }, [
      isRefused ? shown(line.time) : opener(line),
      outcomeChip(line.outcome),
      isRefused ? element("b", { class: "reason" }, [sayOne("console.reason", line.reason)]) : null,
      line.popup_id ? deliveryChips(line) : null,
    ]),
    element("p", { class: "row whom" }, isRefused ? sender(line) : [agentOf(line), line.popup_id ? callerOf(line) : null]),
    because(line),
    advice(line, isRefused),
  ]);
}

function sender(line) {
  const whose = line.crm_user ? foreign(line.crm_user) : say("console.why.whose");
  return [whose, element("span", { class: "soft" }, [ltr(line.crm ?? ""), " · ", ltr(line.source_ip ?? "")])];
}

/** The bridge's own sentence; where this language has no words for it, as it is, beside what is told in words. */
function because({ why, reason }) {
  if (why === null) return element("p", { class: "because" }, [known(null)]);
  const words = cause({ why, reason });
  const isForeign = words === why && language !== ENGLISH;
  return element("p", { class: isForeign ? "because soft" : "because", lang: isForeign && ENGLISH }, [foreign(words)]);
}

function advice(line, isRefused) {
  if (line.outcome === "found") return element("p", { class: "advice" }, [say(`console.became.${became(line)}`)]);
  const key = `console.do.${isRefused ? line.reason : line.outcome}`;
  return canSay(key) ? element("p", { class: "advice" }, [element("b", {}, [say("console.do")]), " ", say(key)]) : null;
}
