// The desktop page: signs the agent in and out, shows the connection, and applies language and theme.

import { allMatching, byId } from "../element.js";
import { RequestFailed } from "../http.js";
import { chooseLanguage, languages, say, useLanguage } from "../words.js";
import { showNotice } from "./card_list.js";
import { Desktop } from "./desktop.js";
import { applyTheme, DEFAULTS } from "./preferences.js";
import { forget, signIn, storedSession, takeToken } from "./session.js";

const RETRY_MS = 3_000;
/** @type {Language[]} */
let known = [];
/** @type {Desktop | null} */
let desktop = null;
/** @type {[string, (number | string)?]} */
let connection = ["connecting"];

/**
 * The session for the token, or the one from before a reload; null, with a notice on the page, if there is none.
 * @param {string | null} token
 */
async function findSession(token) {
  const stored = storedSession();
  if (!token) return stored ?? signedOut("tokenless");
  for (;;) {
    try {
      return await signIn(token);
    } catch (error) {
      if (error instanceof RequestFailed && error.isFinal) return stored ?? signedOut("expired");
      showConnection("waiting", RETRY_MS);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/**
 * Shows why nobody is signed in, and removes everything about the agent.
 * @param {string} notice
 */
function signedOut(notice) {
  desktop = null;
  forget();
  byId("agent-name").textContent = "popbridge";
  byId("tools").hidden = true;
  for (const dialog of allMatching("dialog[open]")) if (dialog instanceof HTMLDialogElement) dialog.close();
  for (const id of ["message", "spoken", "urgent", "set-customdata", "bookmarklet"]) byId(id).replaceChildren();
  document.title = "popbridge";
  showNotice(notice);
  byId("notice").hidden = false;
  showConnection("refused");
  return null;
}

/** @param {string} state @param {number | string} [detail] milliseconds until the next attempt, when `waiting` */
function showConnection(state, detail) {
  connection = [state, detail];
  const seconds = Math.max(1, Math.round(Number(detail ?? 0) / 1000));
  byId("connection").dataset.state = state;
  document.body.dataset.connection = state;
  byId("connection-words").textContent = say(`connection.${state}`, { seconds });
}

/** @param {Preferences} preferences */
async function applyLook({ theme, language }) {
  const asked = new URLSearchParams(location.search).get("lang");
  applyTheme(theme);
  await useLanguage(chooseLanguage([asked, language, ...navigator.languages], known));
  showConnection(...connection);
}

function prepareDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.querySelector("[data-close]")?.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  }
}

async function start() {
  const token = takeToken();
  prepareDialogs();
  known = await languages();
  await applyLook(storedSession()?.preferences ?? DEFAULTS);
  const session = await findSession(token);
  if (!session) return;
  await applyLook({ ...DEFAULTS, ...session.preferences });
  byId("tools").hidden = false;
  desktop = new Desktop(session, { languages: known, showConnection, signedOut, applyLook });
}

document.body.dataset.started = ""; // ../frame.js explains a page that does not come so far
addEventListener("pagehide", () => desktop?.leave());
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("hashchange", () => location.hash.startsWith("#token=") && location.reload());
start();
