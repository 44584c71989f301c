// Text from phone systems and CRMs, made safe to show: nothing in it changes the direction of the text around it.

const DIRECTION_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const TURNING_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066\u2067]/g;
const CONTROL_CHARACTERS = /[\p{Cc}\u2028\u2029]+/gu;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/**
 * `text` without direction marks; control characters become a space.
 * @param {unknown} text
 */
export function plain(text) {
  return String(text ?? "").replace(DIRECTION_MARKS, "").replace(CONTROL_CHARACTERS, " ");
}

/**
 * `text` without what turns the text around it; `isolated` parts stay so. For everything that becomes part of a page.
 * @param {unknown} text
 */
export function unturned(text) {
  return String(text).replace(TURNING_MARKS, "");
}

/**
 * `text` isolated from the direction of the line it is put into.
 * @param {string} text
 */
export function isolated(text) {
  return `\u2068${text}\u2069`;
}

/**
 * The non-empty parts on one line. If any of them runs from right to left, each is isolated so that none moves.
 * @param {unknown[]} parts
 */
export function joined(parts, separator = ", ") {
  const shown = parts.map(plain).filter((part) => part.trim());
  return shown.some((part) => RIGHT_TO_LEFT.test(part)) ? shown.map(isolated).join(separator) : shown.join(separator);
}
