// One sentence about what was just done, shown above the cards for a few seconds.

import { byId } from "../element.js";
import { unturned } from "../text.js";

const SHOWN_MS = 6_000;
let timer = 0;

/** @param {string} words */
export function showMessage(words) {
  byId("message").textContent = unturned(words);
  clearTimeout(timer);
  timer = setTimeout(() => byId("message").replaceChildren(), SHOWN_MS);
}
