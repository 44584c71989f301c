// Back to where somebody was when they left to sign in at their provider. It stays in this tab: it may name callers' numbers.

import { parameters, replace } from "./address.js";

const KEY = "popbridge.console.way-back";
/** How long a person may take at the provider. */
const LONGEST_MS = 600_000;

/** Keeps this place: the person leaves to sign in. */
export function remember() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ path: location.pathname, hash: String(parameters()), at: Date.now() }));
  } catch {
    // Without storage the first page opens.
  }
}

/** Goes back there with the sign-in that this address brings. Whether another page is opened now. */
export function goBack() {
  const kept = take();
  if (!kept || Date.now() - kept.at > LONGEST_MS || !kept.path.startsWith("/console/")) return false;
  const found = new URLSearchParams(kept.hash);
  found.set("token", parameters().get("token") ?? "");
  if (kept.path === location.pathname) {
    replace(found);
    return false;
  }
  location.replace(`${kept.path}#${found}`);
  return true;
}

/** @returns {{path: string, hash: string, at: number} | null} */
function take() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    sessionStorage.removeItem(KEY);
    return kept;
  } catch {
    return null;
  }
}
