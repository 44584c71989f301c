// The frame of the console: signs in and out, language and theme, and hands the rest to the page that the address names.

import { applyTheme } from "../desktop/preferences.js";
import { ask, Refused } from "../desktop/session.js";
import { element, ltr } from "../element.js";
import { chosenLanguage, language, languages, say, speak } from "../words.js";
import { moveIn, takeToken } from "./address.js";
import { Audit } from "./audit.js";
import * as moments from "./moments.js";
import * as session from "./session.js";

const PAGES = { "/console/audit": Audit };
const CHOICES = "popbridge.console.look";
const at = (id) => document.getElementById(id);
const choices = { language: null, theme: "auto", ...recalled() };
let known = [];
let signedIn = null;
let page = null;
let problem = "";

function recalled() {
  try {
    return JSON.parse(localStorage.getItem(CHOICES));
  } catch {
    return null;
  }
}

/** Language and colours are this browser's. */
async function choose(some) {
  Object.assign(choices, some);
  try {
    localStorage.setItem(CHOICES, JSON.stringify(choices));
  } catch {
    // They hold in this tab only.
  }
  await dress();
}

async function dress() {
  applyTheme(choices.theme);
  await speak(chosenLanguage([choices.language, ...navigator.languages], known));
  at("set-language").replaceChildren(...known.map(({ code, name }) => new Option(name, code)));
  at("set-language").value = language;
  at("set-theme").value = choices.theme;
  document.title = `${say("console.audit")} · popbridge`;
  showWhose();
  showProblem();
  page?.draw();
}

function showWhose() {
  const parts = signedIn ? [say("console.signed-in"), " ", element("b", {}, [say(`console.role.${signedIn.role}`)]), " ", ltr(signedIn.token_id)] : [];
  at("whose").replaceChildren(...parts);
  if (signedIn) at("whose").title = say("console.until", { id: signedIn.token_id, time: moments.words(signedIn.expires_at) });
  for (const id of ["whose", "pages", "sign-out"]) at(id).hidden = !signedIn;
}

function showProblem() {
  at("sign-in-problem").textContent = problem ? say(`console.signed-out.${problem}`) : "";
  at("sign-in-problem").dataset.problem = problem;
  at("sign-in-again").hidden = problem !== "away" || !session.kept();
}

/** Signs in with this token; one that does not hold is said so on the page. `before`: the session it had here. */
async function enter(token, before = null) {
  at("sign-in-button").disabled = true;
  at("sign-in-button").textContent = say("console.signing-in");
  try {
    signedIn = await session.signIn(token);
  } catch (refused) {
    return leave(session.whyNot(refused, before));
  } finally {
    at("sign-in-button").disabled = false;
    at("sign-in-button").textContent = say("console.sign-in");
  }
  problem = "";
  at("sign-in-form").reset();
  at("token").type = "password";
  at("sign-in").hidden = true;
  showWhose();
  showProblem();
  page.enter({ get, bearer: () => signedIn?.token ?? "", refused: signedOutBy });
}

/** Nobody is signed in any more, and nothing that was shown stays. */
function leave(why) {
  if (why !== "away") session.forget();
  signedIn = null;
  problem = why;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  page.leave();
  at("sign-in").hidden = false;
  showWhose();
  showProblem();
  at("token").focus();
}

function signedOutBy(refused) {
  if ([401, 403].includes(refused.status) && signedIn) leave(session.whyNot(refused, signedIn));
}

/** A question to the API for the page. Raises `Refused`; one that tells of a token that does not hold signs out. */
async function get(path) {
  if (!signedIn) throw new Refused(401);
  try {
    return await ask("GET", path, { bearer: signedIn.token });
  } catch (refused) {
    signedOutBy(refused);
    throw refused;
  }
}

function signOut() {
  history.replaceState(null, "", location.pathname);
  leave("left");
}

async function comeIn() {
  const token = takeToken();
  const before = session.kept();
  if (token !== null) await enter(token);
  else if (before) await enter(before.token, before);
  else leave("");
}

async function start() {
  moveIn();
  known = await languages();
  page = new PAGES[location.pathname]();
  document.querySelector(`#pages a[href="${location.pathname}"]`)?.setAttribute("aria-current", "page");
  await dress();
  await comeIn();
}

at("set-language").addEventListener("change", (event) => choose({ language: event.target.value }));
at("set-theme").addEventListener("change", (event) => choose({ theme: event.target.value }));
at("sign-out").addEventListener("click", signOut);
at("sign-in-again").addEventListener("click", comeIn);
at("show-token").addEventListener("change", (event) => (at("token").type = event.target.checked ? "text" : "password"));
at("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(at("token").value);
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("popstate", () => (new URLSearchParams(location.hash.slice(1)).has("token") ? comeIn() : signedIn && page.show()));
start();
