// What a card says about its call: pure drawing, without state.

import { allMatching, copyButton, element, foreign, ltr } from "../element.js";
import { isolated, joined, plain } from "../text.js";
import { ago, clockTime, duration, hasWords, minuteTime, say, sayValue } from "../words.js";
import { contactRows } from "./contact.js";

const STYLED_STATES = ["ringing", "dialing", "talking", "hold", "ended"];

/** @typedef {import("./cards.js").Card} Card */
/** @typedef {() => number} Clock */

/**
 * The state by which a card is coloured.
 * @param {string} state
 */
export function stateForStyle(state) {
  return STYLED_STATES.includes(state) ? state : "unknown";
}

/**
 * What is shown as the caller's name: the name, else the number, else the kind of caller.
 * @param {Caller} caller
 */
export function callerName(caller) {
  if (caller.kind === "withheld") return say("caller.withheld");
  return plain(caller.name).trim() || plain(caller.number).trim() || say("caller.unknown");
}

/**
 * The card on one line, for screen readers, the page's title and notifications.
 * @param {Pick<Card, "call" | "state" | "contact" | "answeredBy">} card
 */
export function summary({ call, state, contact, answeredBy }) {
  const { caller, did_label: label } = call;
  const name = cardName({ call, contact });
  const number = caller.kind === "number" && name !== plain(caller.number).trim() ? caller.number : "";
  return joined([stateWords({ state, answeredBy }), name, number, label]);
}

/**
 * The state of a call, or who else has answered it.
 * @param {{state: string, answeredBy?: string | null}} card
 */
export function stateWords({ state, answeredBy = null }) {
  if (answeredBy === null) return sayValue("state", state);
  return answeredBy ? say("answered.by", { who: isolated(plain(answeredBy)) }) : say("answered.elsewhere");
}

/**
 * The heading for a click that found nothing.
 * @param {NothingFound} answer
 */
export function nothingTitle({ outcome }) {
  const key = `answer.title.${outcome}`;
  return say(hasWords(key) ? key : "answer.title.problem");
}

/**
 * State, direction, the number that was dialled, and what else is so of the call, always in this order.
 * @param {Pick<Card, "call" | "state" | "answeredBy" | "popup">} card
 */
export function chips({ call, state, answeredBy, popup }) {
  return element("p", { class: "chips" }, [
    stateChip(state, stateWords({ state, answeredBy })),
    element("span", { class: "chip" }, [sayValue("direction", call.direction)]),
    call.did_label ? element("span", { class: "chip chip-label" }, [foreign(call.did_label)]) : null,
    call.queue ? element("span", { class: "chip chip-label" }, [say("queue"), " ", foreign(call.queue)]) : null,
    call.original_ivrid && !popup.passed_on ? element("span", { class: "chip" }, [say("transferred")]) : null,
    ...circumstances(call).map((word) => element("span", { class: "chip" }, [word])),
    popup.dry_run ? element("span", { class: "chip chip-dry-run" }, [say("dry-run")]) : null,
  ]);
}

/** Parked, in a conference, put on hold by the other side: as far as the phone system says so. @param {Call} call */
function circumstances({ parked, conference, held_by_other: held }) {
  return [
    parked === "yes" ? say("parked") : "",
    conference === "yes" ? say("conference") : "",
    held === "yes" ? say("held_by_other") : "",
  ].filter(Boolean);
}

/**
 * A state in its colour and in words.
 * @param {string} state
 */
export function stateChip(state, words = sayValue("state", state)) {
  return element("span", { class: "chip chip-state", "data-state": stateForStyle(state) }, [words]);
}

/**
 * How long the call has been ringing or answered, counting; how long it lasted once it has ended. Null if the phone system
 * gave no times.
 * @param {Pick<Card, "call" | "state" | "askedAt">} card
 * @param {Clock} now
 */
export function timer({ call, state, askedAt }, now) {
  const isWaiting = state === "ringing" || state === "dialing";
  const since = Date.parse((isWaiting ? call.started_at : (call.answered_at ?? call.started_at)) ?? "");
  if (Number.isNaN(since)) return null;
  const isEnded = state === "ended";
  const title = say(isWaiting || !call.answered_at ? "since.started" : "since.answered", { time: clockTime(since) });
  const attributes = { class: "timer", dir: "ltr", role: "timer", "data-since": since, title, "data-until": isEnded ? askedAt : null };
  return element("time", attributes, [duration((isEnded ? askedAt : now()) - since)]);
}

/**
 * The caller: initials, name, number as sent. The CRM's name for them goes before the phone system's.
 * @param {Card} card
 * @param {string} titleId
 * @param {number | null} previousAt when the agent had a call with them before, if that is known
 */
export function who(card, titleId, previousAt) {
  const { caller } = card.call;
  const name = cardName(card);
  const isNumber = caller.kind === "number" && name === plain(caller.number).trim();
  return element("div", { class: "who" }, [
    element("span", { class: "face", "aria-hidden": "true" }, [initials(caller, name)]),
    element("div", { class: "who-words" }, [
      element("h2", { class: "caller", id: titleId }, [isNumber ? ltr(name) : foreign(name)]),
      affiliation(card),
      numberLine(caller, isNumber, previousAt),
      otherName(caller, name),
    ]),
  ]);
}

/** The company of the one contact, and what kind of record it is. @param {Card} card */
function affiliation({ contact }) {
  if (contact?.status !== "one") return null;
  const [company, type] = [contact.records[0]?.company, contact.records[0]?.type].map((text) => plain(text).trim());
  const parts = [company ? foreign(company) : null, company && type ? " · " : null, type ? element("span", { class: "soft" }, [foreign(type)]) : null];
  return company || type ? element("p", { class: "company" }, parts) : null;
}

/** The phone system's name for a caller whom the CRM calls otherwise. @param {Caller} caller @param {string} shown */
function otherName(caller, shown) {
  const name = plain(caller.name).trim();
  if (!name || name === shown || caller.kind !== "number") return null;
  return element("p", { class: "soft" }, [say("caller.by-phone"), " ", foreign(name)]);
}

/**
 * What a card calls its caller: the name of the one contact, else the phone system's.
 * @param {Pick<Card, "call" | "contact">} card
 */
export function cardName({ call, contact }) {
  const one = contact?.status === "one" ? contact.records[0] : null;
  return plain(one?.name ?? "").trim() || callerName(call.caller);
}

/**
 * The caller's number, once: as it was sent.
 * @param {Caller} caller @param {boolean} isTitle whether it stands above already @param {number | null} previousAt
 */
function numberLine(caller, isTitle, previousAt) {
  const { kind, number, e164 } = caller;
  if (kind === "internal" || kind === "service") return element("p", { class: "number" }, [say(`caller.${kind}`), " ", ltr(number)]);
  if (kind !== "number") return null;
  const sure = caller.e164_guessed ? number : (e164 ?? number);
  const previous = previousAt === null ? null : element("span", { class: "soft previous" }, [say("caller.previous", { time: minuteTime(previousAt) })]);
  return element("p", { class: "number" }, [isTitle ? null : ltr(number), copyButton(sure, "copy-number"), previous]);
}

/**
 * The number in international form, if it was sent in another; where its country was guessed, that is said.
 * @param {Caller} caller
 */
export function internationalForm({ number, e164, e164_guessed: isGuessed }) {
  if (!e164 || e164 === number) return null;
  const doubt = isGuessed ? [" ", element("span", { class: "doubt", title: say("number.guessed.why") }, [say("number.guessed")])] : [];
  return element("span", { class: "soft", "data-guessed": isGuessed }, [ltr(e164), ...doubt]);
}

/** @param {Caller} caller @param {string} shown */
function initials(caller, shown) {
  if (caller.kind === "withheld") return "?";
  const names = shown.split(/\s+/).filter((name) => /^\p{L}/u.test(name));
  return names.slice(0, 2).map((name) => [...name][0]).join("") || "#";
}

/**
 * The custom data that the agent has chosen to see; null where there is none of it.
 * @param {Card} card
 * @param {string[] | null} chosenKeys
 */
export function chosenData({ call }, chosenKeys) {
  const rows = chosenKeys ? customdata(call, chosenKeys) : [];
  if (!rows.length) return null;
  return element("dl", { class: "details" }, rows.map(([key, value]) => row(foreign(key), [foreign(value)])));
}

/**
 * Numbers, ids, recording, custom data if the agent has chosen none of it, and how old the facts are.
 * @param {Card} card
 * @param {string[] | null} chosenKeys
 * @param {Clock} now
 */
export function details(card, chosenKeys, now) {
  const { popup, call } = card;
  const { original_ivrid: original, recording } = call;
  const form = internationalForm(call.caller);
  return element("dl", { class: "details" }, [
    form ? row(say("number"), [form]) : null,
    call.did ? row(say("dialled"), [ltr(call.did)]) : null,
    row(say("extension"), [ltr(call.extension), element("span", { class: "soft" }, [ltr(call.pbx)])]),
    row(say("ivrid"), [ltr(call.ivrid), copyButton(call.ivrid, "copy-ivrid")]),
    original ? row(say("original_ivrid"), [ltr(original), copyButton(original, "copy-original")]) : null,
    recording ? row(say("recording"), [say(recording.muted ? "recording.muted" : "recording.on")]) : null,
    ...(chosenKeys ? [] : customdata(call, null)).map(([key, value]) => row(foreign(key), [foreign(value)])),
    row(say("agent"), [foreign(popup.agent.name || popup.agent.crm_user)]),
    row(say("shown-at"), [foreign(clockTime(Date.parse(popup.created_at)))]),
    row(say("source"), [source(card, now)]),
  ]);
}

/**
 * The call's custom data, as far as it is chosen; the original call's id has a row of its own.
 * @param {Call} call
 * @param {string[] | null} chosenKeys null for all
 */
export function customdata(call, chosenKeys) {
  return Object.entries(call.customdata ?? {}).filter(
    ([key, value]) => value !== call.original_ivrid && (chosenKeys?.includes(key) ?? true),
  );
}

/** @param {string | Node} name @param {Node[] | string[]} values */
function row(name, values) {
  return element("div", {}, [element("dt", {}, [name]), element("dd", {}, values)]);
}

/**
 * Which phone system said so and how long ago, counting.
 * @param {Card} card
 * @param {Clock} now
 */
function source({ askedAt, stale, call }, now) {
  return element("span", {}, [
    say(stale ? "source.last" : "source.pbx"),
    " ",
    ltr(call.pbx),
    ", ",
    element("time", { "data-asked": askedAt, title: clockTime(askedAt) }, [ago(now() - askedAt)]),
  ]);
}

/**
 * Updates every timer and age on the page.
 * @param {Clock} now
 */
export function updateTimes(now) {
  for (const each of allMatching("time[data-since]:not([data-until])")) {
    each.textContent = duration(now() - Number(each.dataset.since));
  }
  for (const each of allMatching("time[data-asked]")) {
    const words = ago(now() - Number(each.dataset.asked));
    if (each.textContent !== words) each.textContent = words;
  }
}

/**
 * Everything a card says, as text to paste elsewhere.
 * @param {Card} card
 * @param {string[] | null} chosenKeys
 */
export function asText(card, chosenKeys) {
  const { call, popup } = card;
  const { caller } = call;
  const name = caller.kind === "withheld" ? callerName(caller) : [caller.name, caller.number].filter(Boolean).join(", ");
  /** @type {[string, unknown][]} */
  const rows = [
    [say("caller"), name],
    [say("number"), caller.e164_guessed ? `${caller.e164} (${say("number.guessed")})` : caller.e164],
    ...contactRows(card),
    [say("state"), stateWords(card)],
    [say("direction"), sayValue("direction", call.direction)],
    ...circumstances(call).map((word) => /** @type {[string, unknown]} */ ([say("state"), word])),
    [say("queue"), call.queue],
    [say("dialled"), [call.did_label, call.did].filter(Boolean).join(", ")],
    [say("extension"), call.extension],
    [say("ivrid"), call.ivrid],
    [say("original_ivrid"), call.original_ivrid],
    ...customdata(call, chosenKeys),
    [say("shown-at"), clockTime(Date.parse(popup.created_at))],
    [say("record"), popup.record?.url],
  ];
  return rows.filter(([, value]) => value).map(([key, value]) => `${plain(key)}: ${plain(value)}`).join("\n");
}
