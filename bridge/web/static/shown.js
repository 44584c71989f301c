// Text from phone systems and CRMs as people may see it: nothing in it turns the text, or the text around it.

const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const CONTROLS = /[\p{Cc}\u2028\u2029]+/gu;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** `text` without the characters that say which way text runs, and with a space for those that are no text at all. */
export function plain(text) {
  return String(text ?? "").replace(TURNING, "").replace(CONTROLS, " ");
}

/** `text` as it is inside a line of any direction. */
export function isolated(text) {
  return `\u2068${text}\u2069`;
}

/** One line of parts; where any of them runs from right to left, each keeps its place and its own direction. */
export function lineOf(parts, separator = ", ") {
  const shown = parts.map(plain).filter((part) => part.trim());
  return shown.some((part) => RIGHT_TO_LEFT.test(part)) ? shown.map(isolated).join(separator) : shown.join(separator);
}
