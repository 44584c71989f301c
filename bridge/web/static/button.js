// The button for a CRM's page:
//   <script src="https://bridge.example/button.js" data-crm="acme" data-agent="dana@acme.example" data-token="…"></script>
// It appears where the script is, looks up the agent's call, and shows the answer next to itself.
// Optional: data-extension, data-ivrid, data-lang, data-label; data-record-type, data-record-id, data-record-url, and with
// data-record-name, data-record-company and data-record-phone who the page is about, for the card.
// The page may listen: the element after the script gets an event "popbridge-answer" with the answer as its detail.
// The bridge serves this file as one script, with the words and what it imports put in.

import { sayReason } from "./reasons.js";
import { isolated, joined, plain } from "./text.js";

const FALLBACK = "en";
const STYLE = `
  :host { display: inline-flex; flex-wrap: wrap; align-items: center; gap: .35em .75em; font: inherit; }
  button { padding: .4em .9em; border: 0; border-radius: .5em; background: #0f6e66; color: #fff; font: inherit; font-weight: 600; cursor: pointer; }
  button:focus-visible { outline: 2px solid #fff; outline-offset: 0; box-shadow: 0 0 0 5px #0f6e66; }
  button[aria-disabled="true"] { opacity: .65; cursor: progress; }
  span[data-outcome="found"] { font-weight: 600; }
`;
const script = /** @type {HTMLScriptElement} */ (document.currentScript);
const options = script.dataset;
const bridge = new URL(script.src).origin;
const wanted = (options.lang || document.documentElement.lang || navigator.language).toLowerCase().split("-")[0] ?? "";
const language = wanted in WORDS ? wanted : FALLBACK;
const words = WORDS[language] ?? {};

const host = document.createElement("span");
const button = document.createElement("button");
const shown = document.createElement("span");
host.dir = words.dir ?? "ltr";
button.type = "button";
button.textContent = options.label || say("button");
shown.setAttribute("role", "status");
shown.dir = "auto";
button.addEventListener("click", lookUp);
draw();

/** @param {string} key */
function say(key) {
  return words[key] ?? "";
}

function draw() {
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  root.append(button, shown);
  script.after(host);
}

async function lookUp() {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  show("asking", say("button.asking"));
  try {
    const response = await fetch(`${bridge}/clicks/${encodeURIComponent(options.crm ?? "")}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${options.token}` },
      body: JSON.stringify(click()),
    });
    showAnswer(await response.json());
  } catch {
    show("problem", await failure());
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** Why there was no answer: a browser tells a script nothing, but whether the bridge can be reached at all. */
async function failure() {
  try {
    await fetch(`${bridge}/livez`, { mode: "no-cors", cache: "no-store" });
  } catch {
    return say("button.failed");
  }
  return say("button.not-listed").replace("{origin}", location.origin);
}

function click() {
  const { agent, extension, ivrid, recordType: type, recordId: id, recordUrl: url } = options;
  const { recordName: name, recordCompany: company, recordPhone: phone } = options;
  const record = type || id || url || name ? { type, id, url, name, company, phone } : undefined;
  return { agent, extension, ivrid, record };
}

/** @param {Answer | {outcome?: undefined, reason: string}} answer an answer, or the problem of a refused click */
function showAnswer(answer) {
  if (answer.outcome === undefined) show("problem", say(`answer.problem.${answer.reason}`) || say("answer.other-problem"));
  else if (answer.popup) show("found", caller(answer.popup.call, answer.popup.dry_run));
  else show(answer.outcome, explanation(answer));
  host.dispatchEvent(new CustomEvent("popbridge-answer", { bubbles: true, detail: answer }));
}

/** @param {Answer} answer */
function explanation({ outcome, why, reason }) {
  const because = reason ? sayReason(reason, words, language) : why;
  return `${say(`answer.title.${outcome}`)}: ${isolated(plain(because))}. ${say(`answer.next.${outcome}`)}`;
}

/** @param {Call} call @param {boolean} [isDryRun] */
function caller({ state, caller: { kind, name, number } }, isDryRun) {
  const known = plain(name).trim() || plain(number).trim() || say("caller.unknown");
  const who = kind === "withheld" ? say("caller.withheld") : known;
  return joined([say(`state.${state}`), who, kind === "number" && name ? number : "", isDryRun ? say("dry-run") : ""]);
}

/** @param {string} outcome @param {string} text */
function show(outcome, text) {
  shown.dataset.outcome = outcome;
  shown.textContent = text;
}
