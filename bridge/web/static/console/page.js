// The console's frame: signs in and out, applies language and theme, and shows the page that the address names.

import { applyTheme } from "../desktop/preferences.js";
import { allMatching, byId, element, ltr } from "../element.js";
import { RequestFailed, send, statusOf } from "../http.js";
import { chooseLanguage, language, languages, say, useLanguage } from "../words.js";
import { moveBehindHash, takeToken } from "./address.js";
import { Audit } from "./audit.js";
import { signOut as endSession, forget, refusalOf, signIn, storedSession } from "./session.js";
import { timeText } from "./times.js";

/**
 * The bridge's API with the supervisor's token.
 * @typedef {object} Api
 * @property {(path: string) => Promise<any>} get throws `RequestFailed`
 * @property {() => string} token
 * @property {(error: unknown) => void} checkToken signs out if this error says that the token is no longer valid
 */

/** @type {Record<string, new () => Audit>} */
const PAGES = { "/console/audit": Audit };
const STORED_LOOK = "popbridge.console.look";
/** @type {{language: string | null, theme: string}} */
const look = { language: null, theme: "auto", ...storedLook() };
/** @type {Language[]} */
let known = [];
/** @type {ConsoleSession | null} */
let session = null;
/** @type {Audit | null} */
let page = null;
/** Why nobody is signed in, as a key of `console.signed-out.…`; "" for no reason. */
let problem = "";

function storedLook() {
  try {
    return JSON.parse(localStorage.getItem(STORED_LOOK) ?? "null");
  } catch {
    return null;
  }
}

/**
 * Changes language or theme, in this browser.
 * @param {Partial<typeof look>} some
 */
async function changeLook(some) {
  Object.assign(look, some);
  try {
    localStorage.setItem(STORED_LOOK, JSON.stringify(look));
  } catch {
    // The change lasts for this tab only.
  }
  await applyLook();
}

async function applyLook() {
  applyTheme(look.theme);
  await useLanguage(chooseLanguage([look.language, ...navigator.languages], known));
  byId("set-language").replaceChildren(...known.map(({ code, name }) => new Option(name, code)));
  byId("set-language", HTMLSelectElement).value = language;
  byId("set-theme", HTMLSelectElement).value = look.theme;
  document.title = `${say("console.audit")} · popbridge`;
  showUser();
  showSignInProblem();
  page?.draw();
}

function showUser() {
  byId("user").replaceChildren();
  if (session) {
    const { role, subject, token_id, expires_at: expires } = session;
    const id = subject || token_id;
    byId("user").append(say("console.signed-in"), " ", element("b", {}, [say(`console.role.${role}`)]), " ", ltr(id));
    if (session.crms) byId("user").append(" ", say("console.limited"), " ", ltr(session.crms.join(", ")));
    byId("user").title = say("console.until", { id, time: timeText(expires) });
  }
  for (const id of ["user", "pages", "sign-out"]) byId(id).hidden = !session;
}

function showSignInProblem() {
  byId("sign-in-problem").textContent = problem ? say(`console.signed-out.${problem}`) : "";
  byId("sign-in-problem").dataset.problem = problem;
  byId("sign-in-again").hidden = problem !== "unreachable";
}

/**
 * Signs in with this token; a refusal is shown on the page.
 * @param {string} token
 * @param {ConsoleSession | null} previous the session it had before a reload
 */
async function enter(token, previous = null) {
  const button = byId("sign-in-button", HTMLButtonElement);
  button.disabled = true;
  button.textContent = say("console.signing-in");
  try {
    session = await signIn(token);
  } catch (error) {
    return leave(refusalOf(error, previous));
  } finally {
    button.disabled = false;
    button.textContent = say("console.sign-in");
  }
  problem = "";
  byId("sign-in-form", HTMLFormElement).reset();
  byId("token", HTMLInputElement).type = "password";
  byId("sign-in").hidden = true;
  showUser();
  showSignInProblem();
  page?.signedIn({ get, token: () => session?.token ?? "", checkToken });
}

/**
 * Nobody is signed in any more: removes everything from the page.
 * @param {string} why
 */
function leave(why) {
  if (why !== "unreachable") forget();
  session = null;
  problem = why;
  for (const dialog of allMatching("dialog[open]")) if (dialog instanceof HTMLDialogElement) dialog.close();
  page?.signedOut();
  byId("sign-in").hidden = false;
  showUser();
  showSignInProblem();
  byId("token").focus();
}

/** @param {unknown} error */
function checkToken(error) {
  if ([401, 403].includes(statusOf(error)) && session) leave(refusalOf(error, session));
}

/** @param {string} path */
async function get(path) {
  if (!session) throw new RequestFailed(401);
  try {
    return await send("GET", path, { bearer: session.token });
  } catch (error) {
    checkToken(error);
    throw error;
  }
}

function signOut() {
  history.replaceState(null, "", location.pathname);
  if (session) void endSession(session);
  leave("left");
}

/** Signs in with the token in the address, or with the one from before a reload. */
async function enterByAddress() {
  const token = takeToken();
  const stored = storedSession();
  if (token !== null) await enter(token);
  else await enter(stored?.token ?? "", stored);
}

async function start() {
  moveBehindHash();
  known = await languages();
  page = new (PAGES[location.pathname] ?? Audit)();
  document.querySelector(`#pages a[href="${location.pathname}"]`)?.setAttribute("aria-current", "page");
  await applyLook();
  await enterByAddress();
}

function historyChanged() {
  if (new URLSearchParams(location.hash.slice(1)).has("token")) enterByAddress();
  else if (session) page?.show();
}

byId("set-language").addEventListener("change", () => changeLook({ language: byId("set-language", HTMLSelectElement).value }));
byId("set-theme").addEventListener("change", () => changeLook({ theme: byId("set-theme", HTMLSelectElement).value }));
byId("sign-out").addEventListener("click", signOut);
byId("sign-in-again").addEventListener("click", enterByAddress);
byId("show-token").addEventListener("change", () => {
  byId("token", HTMLInputElement).type = byId("show-token", HTMLInputElement).checked ? "text" : "password";
});
byId("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(byId("token", HTMLInputElement).value);
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("popstate", historyChanged);
start();
