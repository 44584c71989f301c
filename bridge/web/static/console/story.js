// The story of one click, in a dialog: what came, what the phone system said, what was chosen, what became of it.

import { callerWords, stateChip } from "../desktop/facts.js";
import { copyButton, element, foreign, ltr } from "../element.js";
import { cause, say, sayOne } from "../words.js";
import { agentOf, callerOf, deliveryChip, deliveryChips, known, outcomeChip, targetWords } from "./line.js";
import { milliseconds, shown } from "./moments.js";

/** A story that is still kept, whole. */
export function whole({ click, agent, live_calls: calls, answer, steps, deliveries }) {
  return [
    part("console.story.came", [
      facts([
        ["console.time", shown(click.received_at)],
        ["console.click_id", id(click.click_id)],
        ["console.agent", agentOf({ agent: agent?.name, crm_user: agent?.crm_user ?? click.agent ?? "" })],
        ["console.crm", ltr(click.crm)],
        ["console.asked", asked(click)],
        ["console.from", known(click.source_ip ?? "")],
      ]),
    ]),
    part("console.story.answered", [
      facts([["console.served_from", served(answer)]]),
      calls?.length ? element("ul", { class: "calls", "aria-label": say("console.calls") }, calls.map(call)) : element("p", {}, [say("console.story.silent")]),
    ]),
    part("console.story.chosen", chosen(answer)),
    part("console.story.became", deliveries.length ? deliveries.map(delivery) : [element("p", {}, [say("console.story.no-popup")])]),
    part("console.story.took", [durations(steps, answer.total_ms)]),
  ];
}

/** What the log's line alone still tells. */
export function short(line) {
  return [
    element("p", { class: "soft" }, [say("console.story.short")]),
    part("console.story.came", [
      facts([
        ["console.time", shown(line.time)],
        ["console.click_id", id(line.click_id)],
        ["console.agent", agentOf(line)],
        ["console.crm", ltr(line.crm)],
        ["console.extension", known(line.extension)],
        ["console.from", known(line.source_ip)],
      ]),
    ]),
    part("console.story.chosen", [
      because(line),
      facts([
        ["console.caller", callerOf(line)],
        ["console.did", known(line.did)],
        ["console.ivrid", known(line.ivrid)],
      ]),
    ]),
    part("console.story.became", [deliveryChips(line), ...line.deliveries.map(times)]),
  ];
}

function part(key, children) {
  return element("section", { class: "part" }, [element("h3", {}, [say(key)]), ...children]);
}

function facts(rows) {
  const pairs = rows.map(([key, value]) => element("div", {}, [element("dt", {}, [say(key)]), element("dd", {}, [value].flat())]));
  return element("dl", { class: "details" }, pairs);
}

function id(text) {
  return [ltr(text), copyButton(text, `copy-${text}`)];
}

function asked({ extension, ivrid }) {
  const parts = [extension && [say("extension"), " ", ltr(extension)], ivrid && [say("ivrid"), " ", ltr(ivrid)]].filter(Boolean);
  return parts.length ? parts.flat() : say("console.asked.any");
}

function served({ served_from: from, pbx_ms: ms }) {
  if (!from) return say("console.served_from.nobody");
  return [sayOne("console.served_from", from), element("span", { class: "soft" }, [milliseconds(ms ?? 0)])];
}

function call({ state, direction, caller, extension, pbx, ivrid }) {
  return element("li", {}, [
    stateChip(state),
    element("span", { class: "chip" }, [sayOne("direction", direction)]),
    element("b", {}, [foreign(callerWords(caller))]),
    caller.name && caller.number ? ltr(caller.number) : null,
    element("span", { class: "soft" }, [ltr(`${extension} · ${pbx} · ${ivrid}`)]),
  ]);
}

function because({ outcome, why, reason }) {
  return element("p", { class: "row" }, [outcomeChip(outcome), why === null ? known(null) : foreign(cause({ why, reason }))]);
}

function chosen(answer) {
  const one = answer.popup?.call;
  if (!one) return [because(answer)];
  const { caller } = one;
  return [
    because(answer),
    facts([
      ["caller", [element("b", {}, [foreign(callerWords(caller))]), known(caller.number), caller.e164 && caller.e164 !== caller.number ? ltr(caller.e164) : null].filter(Boolean)],
      ["console.did", [known(one.did), one.did_label ? foreign(one.did_label) : null].filter(Boolean)],
      ["console.ivrid", id(one.ivrid)],
    ]),
  ];
}

function delivery(one) {
  const isPopup = one.event === "call.popup";
  return element("div", { class: "delivery" }, [
    element("h4", { class: "row" }, [targetWords(one.target), deliveryChip(isPopup ? null : sayOne("console.event", one.event), one.state)]),
    times(one),
    one.attempts.length ? attempts(one) : element("p", { class: "soft" }, [say("console.attempts.none")]),
  ]);
}

function times({ target, created_at: created, ended_at: ended, shown_at: seen }) {
  const rows = [created && ["console.created", shown(created)], ended && ["console.ended", shown(ended)]];
  if (target === "desktop") rows.push(["console.shown-at", seen ? shown(seen) : say("console.not-shown")]);
  return facts(rows.filter(Boolean));
}

function attempts({ attempts: tries, target, ended_at: ended }) {
  const names = ["console.time", "console.attempt.status", "console.attempt.ms", "console.attempt.error", "console.attempt.next"];
  const label = `${say("console.attempts")}: ${target}`;
  const head = element("tr", {}, names.map((key) => element("th", { scope: "col" }, [say(key)])));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, [
    element("table", { class: "attempts" }, [element("thead", {}, [head]), element("tbody", {}, tries.map((one) => attempt(one, ended)))]),
  ]);
}

/** A try that was planned for after the end did not happen. */
function attempt({ at, status, ms, error, next_try_at: planned }, ended) {
  const next = ended && planned > ended ? null : planned;
  const cells = [shown(at), status ? ltr(status) : known(""), milliseconds(ms), error ? foreign(error) : known(""), next ? shown(next) : known("")];
  return element("tr", {}, cells.map((cell) => element("td", {}, [cell])));
}

function durations(steps, total) {
  const rows = [...steps.map(({ step, ms }) => [sayOne("console.step", step), ms]), [element("b", {}, [say("console.step.whole")]), total]];
  return element("dl", { class: "details" }, rows.map(([name, ms]) => element("div", {}, [element("dt", {}, [name]), element("dd", {}, [milliseconds(ms)])])));
}
