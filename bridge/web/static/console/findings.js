// What a finding is about, in the page's language.

import { ltr } from "../element.js";
import { hasWords, say } from "../words.js";

/**
 * `redis`, or what kind of thing it is and the name that the settings give it: `pbx main`.
 * @param {string} what
 * @returns {import("../element.js").Child[]}
 */
export function subject(what) {
  const [kind, ...rest] = what.split(" ");
  const name = rest.at(-1);
  const key = name === undefined ? `console.finding.${kind}` : `console.finding-of.${kind}`;
  if (!hasWords(key)) return [ltr(what)];
  return name === undefined ? [say(key)] : [say(key), " ", ltr(name)];
}
