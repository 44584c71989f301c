// The console's frame, the same around each page: signs in and out, applies language and theme, and tells the page.

import { allMatching, byId, element, ltr } from "../element.js";
import { RequestFailed, statusOf } from "../http.js";
import { offerSignIn } from "../single_sign_on.js";
import { say } from "../words.js";
import { moveBehindHash } from "./address.js";
import { Look } from "./look.js";
import { forget, isInAddress, refusalOf, resume, signIn, SignedOut } from "./session.js";
import { timeText } from "./times.js";
import { goBack, remember } from "./way_back.js";

/**
 * The bridge's API in the name of whoever is signed in. Whatever it refuses for good signs out.
 * @typedef {object} Api
 * @property {Whose} whose
 * @property {(path: string) => Promise<any>} get throws `RequestFailed`
 * @property {(method: string, path: string, body?: unknown) => Promise<any>} send throws `RequestFailed`
 * @property {(path: string, signal: AbortSignal) => Promise<Response>} open for files
 * @property {(path: string, handlers: import("../sse.js").Handlers) => Promise<void>} follow an event stream
 * @property {(error: unknown) => void} check signs out if this error says that the session is over
 */

/**
 * One page of the console. What it shows is in `#page`, which is hidden while nobody is signed in.
 * @typedef {object} Page
 * @property {(api: Api) => void} signedIn
 * @property {() => void} signedOut removes everything that was shown
 * @property {() => void} show what the address says now
 * @property {() => void} draw everything anew, in the page's present language
 */

const ADMIN = "admin";
/** @type {Page | null} */
let page = null;
/** @type {import("./session.js").Session | null} */
let session = null;
/** Why nobody is signed in, as a key of `console.signed-out.…`; "" for no reason. */
let problem = "";
let isLooked = false;

/**
 * Starts the frame around this page.
 * @param {Page} shown
 */
export async function start(shown) {
  page = shown;
  if (isInAddress() && goBack()) return;
  moveBehindHash();
  await new Look(draw).start();
  document.body.dataset.ready = "";
  await enter(resume());
}

function draw() {
  isLooked = true;
  document.title = `${say(`console.page.${document.body.dataset.page}`)} · popbridge`;
  showUser();
  showSignInProblem();
  page?.draw();
}

function showUser() {
  byId("user").replaceChildren();
  if (session) {
    const { role, subject, token_id: tokenId, expires_at: expires, crms } = session.whose;
    const id = subject || tokenId;
    byId("user").append(say("console.signed-in"), " ", element("b", {}, [say(`console.role.${role}`)]), " ", ltr(id));
    if (crms) byId("user").append(" ", say("console.limited"), " ", ltr(crms.join(", ")));
    byId("user").title = say("console.until", { id, time: timeText(expires) });
  }
  for (const id of ["user", "sign-out"]) byId(id).hidden = !session;
  byId("masked").hidden = !session?.whose.masked;
  for (const each of allMatching("[data-admins]")) each.hidden = session?.whose.role !== ADMIN;
  byId("pages").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function showSignInProblem() {
  if (!session) void offerSignIn(byId("sign-in-ways"), "console");
  byId("sign-in-problem").textContent = problem ? say(`console.signed-out.${problem}`) : "";
  byId("sign-in-problem").dataset.problem = problem;
  byId("sign-in-again").hidden = problem !== "unreachable";
}

/**
 * Signs in; a refusal is shown on the page.
 * @param {Promise<import("./session.js").Session>} coming
 */
async function enter(coming) {
  const button = byId("sign-in-button", HTMLButtonElement);
  button.disabled = true;
  button.textContent = say("console.signing-in");
  try {
    session = await coming;
  } catch (error) {
    return leave(error instanceof SignedOut ? error.why : "unreachable");
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
  if (isForAdmins() && session.whose.role !== ADMIN) return showAdminsOnly(true);
  showAdminsOnly(false);
  byId("page").hidden = false;
  page?.signedIn({ whose: session.whose, get: (path) => request("GET", path), send: request, open, follow, check });
}

function isForAdmins() {
  return "adminsOnly" in document.body.dataset;
}

/** @param {boolean} isSo */
function showAdminsOnly(isSo) {
  byId("admins-only").hidden = !isSo;
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
  byId("page").hidden = true;
  showAdminsOnly(false);
  byId("sign-in").hidden = false;
  showUser();
  showSignInProblem();
  byId("token").focus();
}

/** @param {unknown} error a 403 is about one request, not about who is signed in */
function check(error) {
  if (session && statusOf(error) === 401) leave(refusalOf(error, session.whose));
}

/** @param {string} method @param {string} path @param {unknown} [body] */
async function request(method, path, body) {
  if (!session) throw new RequestFailed(401);
  try {
    return await session.send(method, path, body);
  } catch (error) {
    check(error);
    throw error;
  }
}

/** @param {string} path @param {AbortSignal} signal */
async function open(path, signal) {
  if (!session) throw new RequestFailed(401);
  return session.open(path, signal);
}

/** @param {string} path @param {import("../sse.js").Handlers} handlers */
async function follow(path, handlers) {
  await session?.follow(path, handlers);
}

function signOut() {
  history.replaceState(null, "", location.pathname);
  void session?.end();
  leave("left");
}

function historyChanged() {
  if (isInAddress()) enter(resume());
  else if (session && isLooked) page?.show();
}

byId("sign-out").addEventListener("click", signOut);
byId("sign-in-again").addEventListener("click", () => enter(resume()));
byId("sign-in-ways").addEventListener("click", remember);
byId("show-token").addEventListener("change", () => {
  byId("token", HTMLInputElement).type = byId("show-token", HTMLInputElement).checked ? "text" : "password";
});
byId("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(signIn(byId("token", HTMLInputElement).value));
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("popstate", historyChanged);
