// Why was there no popup? An agent's clicks, refused ones too, each with its reason and what to do about it.

import { element, foreign, ltr } from "../element.js";
import { canSay, say, sayOne, told } from "../words.js";
import { agentOf, became, callerOf, deliveryChips, outcomeChip } from "./line.js";
import { opener } from "./lookups.js";
import { shown, words } from "./moments.js";

const KEPT_MS = 24 * 3_600_000;
const REFUSED = "refused";

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
      isRefused ? element("b", { class: "reason" }, [sayOne("console.reason", line.reason)]) : deliveryChips(line),
    ]),
    element("p", { class: "row whom" }, isRefused ? sender(line) : [agentOf(line), line.popup_id ? callerOf(line) : null]),
    element("p", { class: "because" }, [foreign(told(line.why ?? say("console.erased")))]),
    advice(line, isRefused),
  ]);
}

function sender(line) {
  const whose = line.crm_user ? foreign(line.crm_user) : say("console.why.whose");
  return [whose, element("span", { class: "soft" }, [ltr(line.crm ?? ""), " · ", ltr(line.source_ip ?? "")])];
}

function advice(line, isRefused) {
  if (line.outcome === "found") return element("p", { class: "advice" }, [say(`console.became.${became(line)}`)]);
  const key = `console.do.${isRefused ? line.reason : line.outcome}`;
  return canSay(key) ? element("p", { class: "advice" }, [element("b", {}, [say("console.do")]), " ", say(key)]) : null;
}
