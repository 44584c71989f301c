// The help dialog: the keyboard shortcuts, and a bookmarklet that looks up the agent's call.

import { byId, copy, showOn } from "../element.js";
import { say } from "../words.js";
import { keyList } from "./keys.js";

/** @param {SessionData["agent"]} agent @param {AbortSignal} signal */
export function prepareHelp(agent, signal) {
  byId("bookmarklet").textContent = bookmarklet(agent);
  byId("open-help").addEventListener("click", openHelp, { signal });
  byId("copy-bookmarklet").addEventListener("click", copyBookmarklet, { signal });
}

export function openHelp() {
  byId("key-list").replaceChildren(...keyList());
  byId("help", HTMLDialogElement).showModal();
}

/**
 * Opens the answer to a click in a small window. The agent puts the click token in. Browsers decode such an address before
 * they run it, so each % of the link is encoded once more.
 * @param {SessionData["agent"]} agent
 */
function bookmarklet({ crm, crm_user: crmUser }) {
  const query = new URLSearchParams({ agent: crmUser });
  const link = `${location.origin}/clicks/${encodeURIComponent(crm)}?${query}&token=CLICK_TOKEN`.replaceAll("%", "%25");
  return `javascript:void open('${link}','popbridge','popup,width=480,height=720')`;
}

async function copyBookmarklet() {
  const shown = byId("bookmarklet");
  showOn(byId("copy-bookmarklet"), say((await copy(shown.textContent ?? "", shown)) ? "copied" : "selected"));
}
