// The agent's desktop page: signs in, says how the connection is, and hands the rest to the counter.

import { chosenLanguage, languages, say, speak } from "../words.js";
import { Counter } from "./counter.js";
import { applyTheme, UNCHOSEN } from "./preferences.js";
import * as session from "./session.js";
import { notice } from "./shelf.js";

const RETRY_MS = 3_000;
const at = (id) => document.getElementById(id);
let known = [];
let counter = null;
let connection = ["connecting"];

/** The session that the address's token or this tab brings; null when there is none, with the reason on the page. */
async function signIn(token) {
  const before = session.kept();
  if (!token) return before ?? signedOut("tokenless");
  for (;;) {
    try {
      return await session.trade(token);
    } catch (refused) {
      if (refused.status >= 400 && refused.status < 500 && refused.status !== 429) return before ?? signedOut("expired");
      line("waiting", RETRY_MS);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Says on the page why nobody is signed in. */
function signedOut(key) {
  counter = null;
  session.forget();
  at("whose").textContent = "popbridge";
  at("tools").hidden = true;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const id of ["told", "spoken", "urgent", "set-customdata", "bookmarklet"]) at(id).replaceChildren();
  document.title = "popbridge";
  notice(key);
  at("notice").hidden = false;
  line("refused");
  return null;
}

/** How the connection is: a dot, and words. */
function line(state, detail) {
  connection = [state, detail];
  const seconds = Math.max(1, Math.round((detail ?? 0) / 1000));
  at("line").dataset.state = state;
  document.body.dataset.line = state;
  at("line-words").textContent = say(`line.${state}`, { seconds });
}

function languageOf(preferences) {
  const asked = new URLSearchParams(location.search).get("lang");
  return chosenLanguage([asked, preferences.language, ...navigator.languages], known);
}

/** The agent's language and theme. */
async function turnTo(preferences) {
  applyTheme(preferences.theme);
  await speak(languageOf(preferences));
  line(...connection);
}

async function start() {
  const token = session.takeFromAddress();
  const before = session.kept()?.preferences ?? UNCHOSEN;
  known = await languages();
  await turnTo(before);
  const signedIn = await signIn(token);
  if (!signedIn) return;
  await turnTo({ ...UNCHOSEN, ...signedIn.preferences });
  at("tools").hidden = false;
  counter = new Counter(signedIn, { languages: known, line, signedOut, turnTo });
}

addEventListener("pagehide", () => counter?.leave());
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("hashchange", () => location.hash.startsWith("#token=") && location.reload());
start();
