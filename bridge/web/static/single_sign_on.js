// Offers to sign in at the organisation's identity provider, where the bridge knows one.

import { send } from "./http.js";
import { say } from "./words.js";

const WINDOW = "popup,width=520,height=700";
/** @type {Promise<string | null> | null} */
let asked = null;

/** What the provider is called, or null where there is none. */
function providerName() {
  asked ??= send("GET", "/signin/ways", { bearer: "" }).then((told) => told.oidc?.name ?? null, () => null);
  return asked;
}

/**
 * What the desktop page says with such a provider: without one it speaks of links.
 * @param {string} kind of the notice
 * @returns {{title?: string, text: string} | null} null: as it is
 */
function wordsFor(kind) {
  if (kind === "tokenless") return { title: say("signin.tokenless.title"), text: say("signin.tokenless.text") };
  return ["signed-out", "session-expired", "session-over", "session-revoked"].includes(kind) ? { text: say("signin.ended") } : null;
}

/**
 * Offers it on the desktop page, beside its notice.
 * @param {{title: HTMLElement, text: HTMLElement, ways: HTMLElement}} notice
 * @param {string} kind
 */
export async function offerInNotice({ title, text, ways }, kind) {
  if (!(await offerSignIn(ways, "desktop"))) return;
  const words = wordsFor(kind);
  if (!words) return;
  title.textContent = words.title ?? title.textContent;
  text.textContent = words.text;
}

/**
 * Puts the link into `place`, or nothing; resolves to whether there is one.
 * @param {HTMLElement} place
 * @param {"desktop" | "console"} page where it leads to
 */
export async function offerSignIn(place, page) {
  const name = await providerName();
  place.hidden = name === null;
  if (name === null) {
    place.replaceChildren();
    return false;
  }
  const link = document.createElement("a");
  link.className = "button";
  link.textContent = say("signin.with", { name });
  const crm = new URLSearchParams(location.search).get("crm");
  link.href = `/signin/oidc?to=${page}${crm ? `&crm=${encodeURIComponent(crm)}` : ""}`;
  if (self !== top) link.addEventListener("click", (event) => openWindow(event, link.href));
  place.replaceChildren(link);
  return true;
}

/**
 * A provider lets nobody put it into a frame: it gets a window, which hands a one-time link back.
 * @param {Event} event
 * @param {string} address
 */
function openWindow(event, address) {
  event.preventDefault();
  const opened = open(address.replace("to=desktop", "to=frame"), "popbridge-signin", WINDOW);
  /** @param {MessageEvent} message */
  const receive = ({ origin, source, data }) => {
    if (origin !== location.origin || source !== opened || data?.popbridge !== "signed-in") return;
    removeEventListener("message", receive);
    location.hash = `token=${encodeURIComponent(data.token)}`; // the page takes it from there, and loads anew
  };
  addEventListener("message", receive);
}
