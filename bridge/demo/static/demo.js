// The demo page: shows the state that the demo sends, and tells it which button was pressed.

import { chain } from "/static/chain.js";
import { element, time } from "/static/element.js";
import { clockTime, duration } from "/look/words.js";

const at = (id) => document.getElementById(id);
const STATES = { ringing: "Ringing", dialing: "Dialling", talking: "Talking", hold: "On hold", unknown: "Unknown" };
const OUTCOMES = {
  found: "Found",
  "no-active-call": "No call",
  "unknown-agent": "Unknown agent",
  "unknown-extension": "Unknown extension",
  "no-such-call": "Call is over",
  "pbx-refused": "Phone system refused",
  "pbx-unreachable": "Phone system away",
  "pbx-unintelligible": "Phone system garbled",
};
let language = "en";
let desktopUrl = "";

function show(state) {
  at("lost").hidden = true;
  at("auto").checked = state.autoplay;
  showMake(state.make);
  showCalls(state.calls);
  showMoods(state);
  at("contact").replaceChildren(...contact(state.crm_popup, state.crm));
  showDesktop(state.desktop_url);
  showPresses(state.presses);
}

function showMake({ title, not_told }) {
  at("make").textContent = `: ${title}`;
  at("not-told").textContent = not_told;
  at("not-told").hidden = !not_told;
}

function showCalls(calls) {
  const quiet = [element("li", { class: "quiet" }, ["Nobody is on Dana's line."])];
  at("calls").replaceChildren(...(calls.length ? calls.map(line) : quiet));
}

function line(call) {
  const since = Date.parse(call.answered_at ?? call.started_at);
  const who = call.caller.kind === "withheld" ? "Withheld number" : call.caller.name || call.caller.number;
  return element("li", { "data-state": call.state }, [
    element("span", { class: "chip chip-state", "data-state": call.state }, [STATES[call.state] ?? call.state]),
    element("bdi", { class: "call-who" }, [who]),
    element("bdi", { class: "soft", dir: "ltr" }, [call.caller.number]),
    time(since, duration),
  ]);
}

function showMoods(state) {
  for (const button of document.querySelectorAll(".moods button")) {
    const [side, mood] = button.dataset.do.split("/");
    button.setAttribute("aria-pressed", String(state[side] === mood));
  }
}

function contact(taken, mood) {
  if (mood === "down") {
    return [element("p", { class: "soft" }, ["The CRM takes no popups now. popbridge tries again until the popup is a minute old."])];
  }
  if (!taken) return [element("p", { class: "soft" }, ["No record is open. Press the button while Dana is on a call."])];
  const when = element("p", { class: "soft contact-when" }, ["Opened by the popup of ", clockTime(taken.popup.at * 1000)]);
  return [when, ...(taken.contact ? known(taken.contact) : unknown(taken.popup))];
}

function unknown(caller) {
  const what = !caller.number ? "The number is withheld: nothing to look up." : `No contact has ${caller.number}.`;
  return [element("p", { class: "contact-name" }, ["Unknown caller"]), element("p", { class: "soft" }, [what])];
}

function known(person) {
  return [
    element("p", { class: "contact-name" }, [element("bdi", { dir: "auto" }, [person.name])]),
    element("p", {}, [element("bdi", { dir: "auto" }, [person.company])]),
    element("p", { class: "soft" }, ["Contact ", person.contact_id, " · ", element("bdi", { dir: "ltr" }, [person.e164])]),
    element("p", { class: "soft" }, ["Last order: ", person.last_order]),
  ];
}

function showDesktop(url) {
  if (url === desktopUrl) return;
  desktopUrl = url;
  at("desktop").src = url.replace("#", `?lang=${language}#`);
}

function showPresses(presses) {
  if (!presses.length) return;
  const [newest, ...older] = presses;
  at("newest").replaceChildren(chain(newest, OUTCOMES));
  at("older").replaceChildren(...older.map(summary));
}

function summary(press) {
  const outcome = press.answer?.outcome ?? (press.problem ? "refused" : "waiting");
  const took = press.answered_at_ms === null ? "" : `${press.answered_at_ms.toFixed(0)} ms`;
  return element("li", {}, [
    element("span", { class: "chip", "data-good": String(outcome === "found") }, [OUTCOMES[outcome] ?? "Not accepted"]),
    element("span", { class: "older-why" }, [press.answer?.why ?? press.problem ?? "…"]),
    element("span", { class: "soft" }, [took]),
  ]);
}

async function act(verb) {
  try {
    await fetch(`/do/${verb}`, { method: "POST" });
  } catch {
    at("lost").hidden = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.do) act(button.dataset.do);
  if (button?.dataset.lang) choose(button.dataset.lang);
});
at("auto").addEventListener("change", (event) => act(event.target.checked ? "auto/on" : "auto/off"));

function choose(code) {
  language = code;
  for (const button of document.querySelectorAll("[data-lang]")) {
    button.setAttribute("aria-pressed", String(button.dataset.lang === code));
  }
  const url = desktopUrl;
  desktopUrl = "";
  showDesktop(url);
}

setInterval(() => {
  for (const each of document.querySelectorAll("time[data-since]")) each.textContent = duration(Date.now() - each.dataset.since);
}, 500);

const states = new EventSource("/state");
states.onmessage = (event) => show(JSON.parse(event.data));
states.onerror = () => (at("lost").hidden = false);
