// What a card says about its call: pure drawing, no state of its own.

import { copyButton, element, foreign, ltr } from "../element.js";
import { lineOf, plain } from "../shown.js";
import { ago, clockTime, duration, say, sayOne } from "../words.js";

const LIVE = ["ringing", "dialing", "talking", "hold"];

/** The state as the look knows it: one of the live ones, ended, or unknown. */
export function stateOf(state) {
  return LIVE.includes(state) || state === "ended" ? state : "unknown";
}

/** What stands where a name would: the name, else the number, else the kind of caller in words. */
export function callerWords(caller) {
  if (caller.kind === "withheld") return say("caller.withheld");
  return plain(caller.name).trim() || plain(caller.number).trim() || say("caller.unknown");
}

/** One line that says what has popped, for a screen reader, the page's title and a notification. */
export function spoken({ call, state }) {
  const parts = [sayOne("state", state), callerWords(call.caller), call.did_label];
  if (call.caller.name && call.caller.kind === "number") parts.splice(2, 0, call.caller.number);
  return lineOf(parts);
}

/** State, direction, transferred. */
export function chips({ call, state }) {
  return element("p", { class: "chips" }, [
    stateChip(state),
    element("span", { class: "chip" }, [sayOne("direction", call.direction)]),
    call.original_ivrid ? element("span", { class: "chip" }, [say("transferred")]) : null,
  ]);
}

/** A state in its colour and in words. */
export function stateChip(state) {
  return element("span", { class: "chip chip-state", "data-state": stateOf(state) }, [sayOne("state", state)]);
}

/** Since when the call is as it is, counting; an ended call's length stands still. None without the vendor's times. */
export function timer({ call, state, askedAt }, now) {
  const isWaiting = state === "ringing" || state === "dialing";
  const text = isWaiting ? call.started_at : call.answered_at ?? call.started_at;
  const since = Date.parse(text ?? "");
  if (Number.isNaN(since)) return null;
  const title = say(isWaiting || !call.answered_at ? "since.started" : "since.answered", { time: clockTime(since) });
  const still = state === "ended" ? { "data-until": askedAt } : {};
  const shown = duration((state === "ended" ? askedAt : now()) - since);
  return element("time", { class: "timer", dir: "ltr", role: "timer", "data-since": since, title, ...still }, [shown]);
}

/** The caller: a face of initials, the name, the number as sent and as a public number. */
export function who(call, titleId) {
  const { caller } = call;
  const name = callerWords(caller);
  return element("div", { class: "who" }, [
    element("span", { class: "face", "aria-hidden": "true" }, [initials(caller)]),
    element("div", { class: "who-words" }, [
      element("h2", { class: "caller", id: titleId }, [caller.kind === "number" && !caller.name ? ltr(name) : foreign(name)]),
      numberLine(caller),
    ]),
  ]);
}

function numberLine(caller) {
  const known = { internal: "caller.internal", service: "caller.service" }[caller.kind];
  const parts = [];
  if (known) parts.push(say(known), " ", ltr(caller.number));
  if (caller.kind === "number") parts.push(...publicNumber(caller), copyButton(caller.e164 ?? caller.number, "copy-number"));
  return parts.length ? element("p", { class: "number" }, parts) : null;
}

function publicNumber(caller) {
  const national = caller.name ? [ltr(caller.number)] : [];
  const isSame = !caller.e164 || caller.e164 === caller.number;
  return isSame ? national : [...national, element("span", { class: "soft" }, [ltr(caller.e164)])];
}

function initials(caller) {
  if (caller.kind === "withheld") return "?";
  const words = plain(caller.name).split(/\s+/).filter((word) => /^\p{L}/u.test(word));
  return words.slice(0, 2).map((word) => [...word][0]).join("") || "#";
}

/** The number that the caller dialled, with its label. */
export function dialled({ did, did_label: label }) {
  if (!did) return null;
  const words = label ? [element("b", {}, [foreign(label)]), " · ", ltr(did)] : [ltr(did)];
  return element("p", { class: "dialled" }, [element("span", { class: "soft" }, [say("dialled")]), " ", ...words]);
}

/** Ids, recording, the custom data that the agent wants to see, and how old all this is. */
export function details(entry, { chosenKeys, now }) {
  const { popup, call } = entry;
  const rows = [
    row(say("extension"), [ltr(call.extension), element("span", { class: "soft" }, [ltr(call.pbx)])]),
    row(say("ivrid"), [ltr(call.ivrid), copyButton(call.ivrid, "copy-ivrid")]),
    call.original_ivrid && row(say("original_ivrid"), [ltr(call.original_ivrid), copyButton(call.original_ivrid, "copy-original")]),
    call.recording && row(say("recording"), [say(call.recording.muted ? "recording.muted" : "recording.on")]),
    ...customdata(call, chosenKeys).map(([key, value]) => row(foreign(key), [foreign(value)])),
    row(say("agent"), [foreign(popup.agent.name || popup.agent.crm_user)]),
    row(say("popped"), [ltr(clockTime(Date.parse(popup.created_at)))]),
    row(say("source"), [source(entry, now)]),
  ];
  return element("dl", { class: "details" }, rows.filter(Boolean));
}

/** The call's own fields that are to be shown; the original call's id has a row of its own. */
export function customdata(call, chosenKeys) {
  const wanted = ([key, value]) => value !== call.original_ivrid && (chosenKeys?.includes(key) ?? true);
  return Object.entries(call.customdata ?? {}).filter(wanted);
}

function row(name, values) {
  return element("div", {}, [element("dt", {}, [name]), element("dd", {}, values)]);
}

/** Who said it and how long ago, counting. */
function source({ askedAt, stale, call }, now) {
  return element("span", {}, [
    say(stale ? "source.last" : "source.pbx"),
    " ",
    ltr(call.pbx),
    ", ",
    element("time", { "data-asked": askedAt, title: clockTime(askedAt) }, [ago(now() - askedAt)]),
  ]);
}

/** Brings every timer and age on the page up to the present second. */
export function tick(now) {
  for (const each of document.querySelectorAll("time[data-since]:not([data-until])")) {
    each.textContent = duration(now() - Number(each.dataset.since));
  }
  for (const each of document.querySelectorAll("time[data-asked]")) {
    const words = ago(now() - Number(each.dataset.asked));
    if (each.textContent !== words) each.textContent = words;
  }
}

/** All that a card says, as lines to paste into a note or a message. */
export function asText(entry, chosenKeys) {
  const { call, popup, state } = entry;
  const { caller } = call;
  const lines = [
    [say("caller"), caller.kind === "withheld" ? callerWords(caller) : [caller.name, caller.number].filter(Boolean).join(", ")],
    [say("number"), caller.e164],
    [say("state"), sayOne("state", state)],
    [say("direction"), sayOne("direction", call.direction)],
    [say("dialled"), [call.did_label, call.did].filter(Boolean).join(", ")],
    [say("extension"), call.extension],
    [say("ivrid"), call.ivrid],
    [say("original_ivrid"), call.original_ivrid],
    ...customdata(call, chosenKeys),
    [say("popped"), clockTime(Date.parse(popup.created_at))],
    [say("record"), popup.record?.url],
  ];
  return lines.filter(([, value]) => value).map(([name, value]) => `${plain(name)}: ${plain(value)}`).join("\n");
}
