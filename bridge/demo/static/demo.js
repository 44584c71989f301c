// The demo page: shows the state that the demo server sends, and reports which button was clicked.

import { allMatching, byId, element } from "/look/element.js";
import { unturned } from "/look/text.js";
import { clockTime, duration } from "/look/words.js";
import { chain } from "/static/chain.js";
import { life } from "/static/life.js";

const TICK_MS = 500;
/** @type {Record<string, string>} */
const STATES = { ringing: "Ringing", dialing: "Dialing", talking: "Talking", hold: "On hold", unknown: "Unknown" };
/** @type {Record<string, string>} */
const OUTCOMES = {
  found: "Found",
  "no-active-call": "No active call",
  "unknown-agent": "Unknown agent",
  "unknown-extension": "Unknown extension",
  "no-such-call": "Call has ended",
  "pbx-refused": "Refused by the phone system",
  "pbx-unreachable": "Phone system unreachable",
  "pbx-unintelligible": "Unexpected response",
};
let language = "en";
/** @type {string[]} */
let deskUrls = [];
/** @type {Record<string, string>} */
const ENDS = { answered: "answered", missed: "answered by somebody else", abandoned: "not answered" };

/** @param {DemoState} state */
function show(state) {
  byId("stopped").hidden = true;
  byId("auto", HTMLInputElement).checked = state.autoplay;
  showPhoneSystem(state.make);
  byId("phones").replaceChildren(...state.desks.flatMap(phone));
  showBehaviour(state);
  byId("contact").replaceChildren(...contact(state));
  showHistory(state.history);
  byId("notes").replaceChildren(...state.notes.map(noteItem));
  byId("console", HTMLAnchorElement).href = state.links.console;
  byId("docs", HTMLAnchorElement).href = state.links.docs;
  showDesks(state.desks.map(({ url }) => url));
  showWhatHappened(state);
}

/** @param {DemoState["make"]} make */
function showPhoneSystem({ title, not_told: limits }) {
  byId("make").textContent = unturned(`: ${title}`);
  byId("limits").textContent = unturned(limits);
  byId("limits").hidden = !limits;
}

/** @param {DemoDesk} desk */
function phone({ name, calls }) {
  const none = element("li", { class: "quiet" }, ["Not on a call"]);
  return [
    element("h3", {}, [element("bdi", {}, [name])]),
    element("ul", { class: "calls" }, calls.length ? calls.map(callItem) : [none]),
  ];
}

/** @param {Call} call */
function callItem({ state, caller, answered_at: answered, started_at: started }) {
  const since = Date.parse(answered ?? started ?? "");
  const who = caller.kind === "withheld" ? "Withheld number" : caller.name || caller.number;
  return element("li", { "data-state": state }, [
    element("span", { class: "chip chip-state", "data-state": state }, [STATES[state] ?? state]),
    element("bdi", { class: "call-who" }, [who]),
    element("bdi", { class: "soft", dir: "ltr" }, [caller.number]),
    element("time", { class: "timer", "data-since": since }, [duration(Date.now() - since)]),
  ]);
}

/** @param {DemoState} state */
function showBehaviour(state) {
  for (const button of allMatching(".behaviours button")) {
    const [side, behaviour] = (button.dataset.do ?? "").split("/");
    button.setAttribute("aria-pressed", String(chosen(state, side) === behaviour));
  }
}

/** @param {DemoState} state @param {string} side */
function chosen({ pbx, crm, pop }, side) {
  if (side === "pop") return pop;
  return side === "pbx" ? pbx : crm;
}

/** @param {DemoState} state @returns {HTMLElement[]} */
function contact({ crm, crm_popup: shown }) {
  if (crm === "down") return [soft("The CRM is down. popbridge retries each popup until it is delivered or a minute old.")];
  if (!shown) return [soft("No record is open yet: a popup opens it.")];
  const when = element("p", { class: "soft contact-when" }, ["Opened by the popup at ", clockTime(shown.popup.at * 1000)]);
  return [when, ...(shown.contact ? knownCaller(shown.contact) : unknownCaller(shown.popup.number))];
}

/** @param {...(string | HTMLElement)} words */
function soft(...words) {
  return element("p", { class: "soft" }, words);
}

/** @param {string} number */
function unknownCaller(number) {
  const why = number ? `No contact has the number ${number}.` : "The number is withheld: nothing to look up.";
  return [element("p", { class: "contact-name" }, ["Unknown caller"]), soft(why)];
}

/** @param {DemoContact} person */
function knownCaller({ name, company, contact_id: id, e164, last_order: lastOrder }) {
  return [
    element("p", { class: "contact-name" }, [element("bdi", { dir: "auto" }, [name])]),
    element("p", {}, [element("bdi", { dir: "auto" }, [company])]),
    soft("Contact ", id, " · ", element("bdi", { dir: "ltr" }, [e164])),
    soft("Last order: ", lastOrder),
  ];
}

/** @param {DemoCall[]} history newest first */
function showHistory(history) {
  const none = element("li", {}, [soft("No call has ended yet.")]);
  byId("history").replaceChildren(...(history.length ? history.map(historyItem) : [none]));
}

/** @param {DemoNote} note */
function noteItem({ at, agent, text }) {
  return element("li", {}, [
    element("span", { class: "soft" }, ["Note by ", element("bdi", { dir: "auto" }, [agent]), ", ", clockTime(at * 1000), ":"]),
    element("bdi", { dir: "auto" }, [text]),
  ]);
}

/** @param {DemoCall} call */
function historyItem({ agent, contact: who, number, outcome, talk_seconds: seconds }) {
  const ended = [ENDS[outcome] ?? outcome, seconds ? duration(seconds * 1000) : ""].filter(Boolean).join(", ");
  return element("li", {}, [
    element("bdi", { dir: "auto" }, [who || number || "Withheld number"]),
    element("bdi", { class: "soft", dir: "auto" }, [agent]),
    element("span", { class: "history-what" }, [ended]),
  ]);
}

/** @param {string[]} urls */
function showDesks(urls) {
  for (const [at, url] of urls.entries()) {
    if (url !== deskUrls[at]) byId(`desk-${at}`, HTMLIFrameElement).src = url.replace("#", `?lang=${language}#`);
  }
  deskUrls = urls;
}

/** @param {DemoState} state */
function showWhatHappened({ life: steps, pop, presses }) {
  const isByItself = pop === "ringing" && steps.length > 0;
  byId("after").textContent = isByItself ? "without a click" : "after the click";
  byId("older").hidden = isByItself;
  if (isByItself) byId("newest").replaceChildren(life(steps));
  else showClicks(presses);
}

/** @param {DemoClick[]} clicks newest first */
function showClicks([newest, ...older]) {
  if (!newest) return;
  byId("newest").replaceChildren(chain(newest, OUTCOMES));
  byId("older").replaceChildren(...older.map(summary));
}

/** @param {DemoClick} click */
function summary({ answer, problem, answered_at_ms: answeredAt }) {
  const name = answer ? (OUTCOMES[answer.outcome] ?? answer.outcome) : problem ? "Refused" : "Looking up…";
  return element("li", {}, [
    element("span", { class: "chip", "data-good": answer?.outcome === "found" ? "true" : "false" }, [name]),
    element("span", { class: "older-why" }, [answer?.why ?? problem ?? "…"]),
    element("span", { class: "soft" }, [answeredAt === null ? "" : `${answeredAt.toFixed(0)} ms`]),
  ]);
}

/** @param {string} command */
async function run(command) {
  try {
    await fetch(`/do/${command}`, { method: "POST" });
  } catch {
    byId("stopped").hidden = false;
  }
}

/** @param {string} code the language of the desktop pages */
function changeLanguage(code) {
  language = code;
  for (const button of allMatching("[data-lang]")) button.setAttribute("aria-pressed", String(button.dataset.lang === code));
  const urls = deskUrls;
  deskUrls = [];
  showDesks(urls);
}

function tick() {
  for (const each of allMatching("time[data-since]")) each.textContent = duration(Date.now() - Number(each.dataset.since));
}

document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("button") : null;
  if (button?.dataset.do) run(button.dataset.do);
  if (button?.dataset.lang) changeLanguage(button.dataset.lang);
});
byId("auto").addEventListener("change", () => run(byId("auto", HTMLInputElement).checked ? "auto/on" : "auto/off"));
setInterval(tick, TICK_MS);

const states = new EventSource("/state");
states.addEventListener("message", ({ data }) => show(JSON.parse(data)));
states.addEventListener("error", () => (byId("stopped").hidden = false));
