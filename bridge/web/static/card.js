// A popup as a card. Everything in it comes from a phone system or a CRM: it goes into text nodes only.

import { clockTime, duration, say, sayOne } from "/static/words.js";

const STATES = ["ringing", "dialing", "talking", "hold"];

/** The card of one popup. `now()` is the bridge's clock in milliseconds. */
export function card(popup, now) {
  const call = popup.call;
  return element("article", { class: "card", "data-state": stateOf(call), "aria-label": callerWords(call.caller) }, [
    element("header", { class: "card-top" }, [chips(call), timer(call, now)]),
    who(call),
    dialled(call),
    element("p", { class: "why" }, [element("b", {}, [say("why")]), " ", foreign(popup.why)]),
    record(popup.record),
    others(popup.other_calls ?? [], now),
    details(popup),
  ]);
}

/** One line that says what has popped, for a screen reader and the page's title. */
export function spoken(popup) {
  const call = popup.call;
  const parts = [sayOne("state", call.state), callerWords(call.caller), call.did_label];
  if (call.caller.name && call.caller.kind === "number") parts.splice(2, 0, call.caller.number);
  return parts.filter(Boolean).join(", ");
}

/** Brings every timer on the page up to the present second. */
export function tick(now) {
  for (const each of document.querySelectorAll("time[data-since]")) {
    each.textContent = duration(now() - Number(each.dataset.since));
  }
}

function chips(call) {
  return element("p", { class: "chips" }, [
    element("span", { class: "chip chip-state", "data-state": stateOf(call) }, [sayOne("state", call.state)]),
    element("span", { class: "chip" }, [sayOne("direction", call.direction)]),
    call.original_ivrid ? element("span", { class: "chip" }, [say("transferred")]) : null,
  ]);
}

function timer(call, now) {
  const since = Date.parse(call.answered_at ?? call.started_at ?? "");
  if (Number.isNaN(since)) return null;
  const attributes = { class: "timer", dir: "ltr", role: "timer", "data-since": since, title: clockTime(since) };
  return element("time", attributes, [duration(now() - since)]);
}

function who(call) {
  const { caller } = call;
  const name = callerWords(caller);
  return element("div", { class: "who" }, [
    element("span", { class: "face", "aria-hidden": "true" }, [initials(caller)]),
    element("div", { class: "who-words" }, [
      element("h1", { class: "caller" }, [caller.kind === "number" && !caller.name ? ltr(name) : foreign(name)]),
      numberLine(caller),
    ]),
  ]);
}

function numberLine(caller) {
  const known = { internal: "caller.internal", service: "caller.service" }[caller.kind];
  const parts = [];
  if (known) parts.push(say(known), " ", ltr(caller.number));
  if (caller.kind === "number") parts.push(...publicNumber(caller), copyButton(caller.e164 ?? caller.number));
  return parts.length ? element("p", { class: "number" }, parts) : null;
}

function publicNumber(caller) {
  const national = caller.name ? [ltr(caller.number)] : [];
  const isSame = !caller.e164 || caller.e164 === caller.number;
  return isSame ? national : [...national, element("span", { class: "soft" }, [ltr(caller.e164)])];
}

/** What stands where a name would: the name, else the number, else the kind of caller in words. */
function callerWords(caller) {
  if (caller.kind === "withheld") return say("caller.withheld");
  return caller.name || caller.number || say("caller.unknown");
}

function initials(caller) {
  if (caller.kind === "withheld") return "?";
  const words = (caller.name || "").split(/\s+/).filter((word) => /^\p{L}/u.test(word));
  return words.slice(0, 2).map((word) => [...word][0]).join("") || "#";
}

function dialled(call) {
  if (!call.did) return null;
  const number = ltr(call.did);
  const label = call.did_label ? [element("b", {}, [foreign(call.did_label)]), " · ", number] : [number];
  return element("p", { class: "dialled" }, [element("span", { class: "soft" }, [say("dialled")]), " ", ...label]);
}

function record(record) {
  const address = webAddress(record?.url);
  if (!address) return null;
  const named = [record.type, record.id].filter((part) => typeof part === "string").join(" ");
  const attributes = { class: "button", href: address, target: "_blank", rel: "noopener noreferrer" };
  return element("p", {}, [element("a", attributes, [say("open"), named ? " · " : "", foreign(named)])]);
}

/** The address if it is the web's; anything else (javascript:, data:, nonsense) is null. */
export function webAddress(text) {
  if (typeof text !== "string" || !URL.canParse(text)) return null;
  const address = new URL(text);
  return ["http:", "https:"].includes(address.protocol) ? address.href : null;
}

function others(calls, now) {
  if (!calls.length) return null;
  return element("section", { class: "others" }, [
    element("h2", {}, [say("others")]),
    element("ul", {}, calls.map((call) => other(call, now))),
  ]);
}

function other(call, now) {
  return element("li", {}, [
    element("span", { class: "chip chip-state", "data-state": stateOf(call) }, [sayOne("state", call.state)]),
    element("span", { class: "other-who" }, [
      foreign(callerWords(call.caller)),
      call.caller.name && call.caller.kind === "number" ? element("span", { class: "soft" }, [ltr(call.caller.number)]) : null,
    ]),
    timer(call, now),
  ]);
}

function details(popup) {
  const { call, agent } = popup;
  const rows = [
    row(say("extension"), [ltr(call.extension), element("span", { class: "soft" }, [ltr(call.pbx)])]),
    row(say("ivrid"), [ltr(call.ivrid), copyButton(call.ivrid)]),
    call.original_ivrid ? row(say("original_ivrid"), [ltr(call.original_ivrid), copyButton(call.original_ivrid)]) : null,
    call.recording ? row(say("recording"), [say(call.recording.muted ? "recording.muted" : "recording.on")]) : null,
    ...ownData(call).map(([key, value]) => row(foreign(key), [foreign(value)])),
    row(say("agent"), [foreign(agent.name || agent.crm_user)]),
    row(say("popped"), [ltr(clockTime(Date.parse(popup.created_at)))]),
  ];
  return element("dl", { class: "details" }, rows);
}

/** The call's custom data, without the first call's id, which has a row of its own. */
function ownData(call) {
  return Object.entries(call.customdata ?? {}).filter(([, value]) => value !== call.original_ivrid);
}

function row(name, values) {
  return element("div", {}, [element("dt", {}, [name]), element("dd", {}, values)]);
}

function stateOf(call) {
  return STATES.includes(call.state) ? call.state : "unknown";
}

/** Numbers and ids: left to right whatever stands around them. */
function ltr(text) {
  return element("bdi", { dir: "ltr" }, [text]);
}

/** Words from elsewhere, in whatever language they are. */
function foreign(text) {
  return element("bdi", { dir: "auto" }, [text]);
}

function copyButton(text) {
  const button = element("button", { type: "button", class: "copy", "aria-label": say("copy.what", { what: text }) }, [
    say("copy"),
  ]);
  button.addEventListener("click", async () => {
    button.textContent = say((await copied(text, button)) ? "copied" : "selected");
    setTimeout(() => (button.textContent = say("copy")), 1600);
  });
  return button;
}

/** Whether the clipboard has it; where that is not allowed, the text is selected for the reader to copy. */
async function copied(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const shown = button.parentElement.querySelector("bdi");
    if (shown) getSelection().selectAllChildren(shown);
    return false;
  }
}

function element(name, attributes, children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : String(child))));
  return made;
}
