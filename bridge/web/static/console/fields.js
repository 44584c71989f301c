// Fields of search forms: found, filled from the address, and their times.

import { byId } from "../element.js";
import { plain } from "../text.js";
import { fieldText, isAgo, MINUTE_MS, parseTime } from "./times.js";

/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

/** @param {string} form @param {string} name @returns {Field} */
export function field(form, name) {
  const found = byId(form, HTMLFormElement).elements.namedItem(name);
  if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement) return found;
  throw new Error(`no such field: ${name}`);
}

/**
 * Fills a field from the address; a choice that is not in its list is added to it.
 * @param {Field} filled
 * @param {string} value
 * @param {string} [usual] of a choice
 */
export function setValue(filled, value, usual = "") {
  if (filled instanceof HTMLInputElement) {
    filled.value = value;
    return;
  }
  if (value && ![...filled.options].some((one) => one.value === value)) filled.append(new Option(plain(value), value));
  filled.value = value || usual;
}

/** @param {HTMLSelectElement} select @param {HTMLOptionElement[]} options @param {string} [usual] */
export function setOptions(select, options, usual = "") {
  const before = select.value;
  select.replaceChildren(...options);
  setValue(select, before, usual);
}

/**
 * For a field with a time: seconds only where they were asked for, since they make the field wide.
 * @param {string} text a time in the address
 */
export function timeField(text) {
  const time = parseTime(text);
  if (Number.isNaN(time)) return "";
  return fieldText(isAgo(text) ? time - (time % MINUTE_MS) : time);
}
