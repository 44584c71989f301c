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
 * Puts the link into `place`, or nothing.
 * @param {HTMLElement} place
 * @param {"desktop" | "console"} page where it leads to
 */
export async function offerSignIn(place, page) {
  const name = await providerName();
  place.hidden = name === null;
  if (name === null) return place.replaceChildren();
  const link = document.createElement("a");
  link.className = "button";
  link.textContent = say("signin.with", { name });
  const crm = new URLSearchParams(location.search).get("crm");
  link.href = `/signin/oidc?to=${page}${crm ? `&crm=${encodeURIComponent(crm)}` : ""}`;
  if (self !== top) link.addEventListener("click", (event) => openWindow(event, link.href));
  place.replaceChildren(link);
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
