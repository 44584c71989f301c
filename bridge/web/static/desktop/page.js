// The desktop page: signs the agent in and out, shows the connection, and applies language and theme.

import { allMatching, byId } from "../element.js";
import { reasonOf, RequestFailed } from "../http.js";
import { offerInNotice } from "../single_sign_on.js";
import { chooseLanguage, languages, say, useLanguage } from "../words.js";
import { showNotice } from "./card_list.js";
import { Desktop } from "./desktop.js";
import { applyTheme, DEFAULTS } from "./preferences.js";
import { cookieSession, forget, signIn, storedSession, takeToken } from "./session.js";

const RETRY_MS = 3_000;
/** The notice for each reason why a link does not sign in. @type {Record<string, string>} */
const LINKS = { "incomplete-token": "incomplete", "used-link": "used", "revoked-token": "revoked" };
/** The notice for each reason why this browser's session is over. @type {Record<string, string>} */
const OVER = {
  "bad-token": "session-expired",
  "revoked-token": "session-revoked",
  "unknown-agent": "session-unknown-agent",
};
/** @type {Language[]} */
let known = [];
/** @type {Desktop | null} */
let desktop = null;
/** @type {[string, (number | string)?]} */
let connection = ["connecting"];

/**
 * The session for the token; else the one that this tab or this browser has; null, with a notice on the page, without any.
 * @param {string | null} token
 */
async function findSession(token) {
  let notice = "";
  for (;;) {
    try {
      if (token) return await signIn(token);
      return await presentSession(notice);
    } catch (error) {
      if (reasonOf(error) === "unknown-agent") return signedOut("session-unknown-agent");
      if (error instanceof RequestFailed && error.isFinal) {
        if (!token) return signedOut("session-over");
        [notice, token] = [LINKS[reasonOf(error)] ?? "expired", null]; // whoever is signed in stays so
      } else await waitForBridge();
    }
  }
}

/** @param {string} notice why a link did not sign in, "" without one */
async function presentSession(notice) {
  const stored = storedSession();
  if (stored?.session) return stored;
  const { session, reason } = await cookieSession();
  return session ?? signedOut(notice || (OVER[reason] ?? "tokenless"));
}

async function waitForBridge() {
  showConnection("waiting", RETRY_MS);
  await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
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
  void offerInNotice({ title: byId("notice-title"), text: byId("notice-text"), ways: byId("notice-ways") }, notice);
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
