// Where the guides are, in the page's language.

import { language } from "../../words.js";

/** @param {string} [kind] of a make; all of them without it */
export function guideOf(kind) {
  return `/docs/connect${kind ? `/${encodeURIComponent(kind)}` : ""}?lang=${language}`;
}
