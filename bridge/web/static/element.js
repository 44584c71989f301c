// Builds elements. All text from phone systems and CRMs goes through here, into text nodes only.

import { isolated, plain, unturned } from "./text.js";
import { say, sayWhy } from "./words.js";

const MESSAGE_MS = 1600;

/** @typedef {Node | string | number} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */

/**
 * The element with this id, which is in the page's HTML. `kind` is its class, when more is needed than any element has.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof (kind ?? HTMLElement))) throw new Error(`no such element: #${id}`);
  return /** @type {T} */ (found);
}

/**
 * Every element that matches.
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
export function allMatching(selector, inside = /** @type {ParentNode} */ (document)) {
  return [...inside.querySelectorAll(selector)].filter((each) => each instanceof HTMLElement);
}

/**
 * A new element. Attributes: true is an empty one; false, null and undefined are left out, as are null children.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Attributes} attributes
 * @param {(Child | null)[]} [children]
 */
export function element(name, attributes, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, unturned(value));
  }
  for (const child of children) if (child !== null) made.append(child instanceof Node ? child : unturned(child));
  return made;
}

/**
 * A number or an id: from left to right, whatever the text around it.
 * @param {unknown} text
 */
export function ltr(text) {
  return element("bdi", { dir: "ltr" }, [plain(text)]);
}

/**
 * Text from elsewhere, in an unknown language.
 * @param {unknown} text
 */
export function foreign(text) {
  return element("bdi", { dir: "auto" }, [plain(text)]);
}

/**
 * Why, in the page's language and direction; what the reason names is text from elsewhere. An English sentence without a
 * reason is such a text, too.
 * @param {{reason?: Reason | string | null, why: string | null}} cause
 */
export function because({ reason, why }) {
  if (!reason || typeof reason === "string") return foreign(why);
  const dir = document.documentElement.dir || "ltr";
  const shown = dir === "rtl" ? (/** @type {unknown} */ text) => isolated(plain(text)) : plain;
  return element("bdi", { dir }, [sayWhy({ reason, why }, shown)]);
}

/**
 * A button. `key` identifies it when it is drawn again, so that it keeps the focus.
 * @param {string} words
 * @param {string} key
 * @param {() => void} act
 * @param {Attributes} [attributes]
 */
export function button(words, key, act, attributes = {}) {
  const made = element("button", { type: "button", class: "plain", "data-key": key, ...attributes }, [words]);
  made.addEventListener("click", act);
  return made;
}

/**
 * A small button that copies `text`; `key` as for `button`.
 * @param {string} text
 * @param {string} key
 */
export function copyButton(text, key) {
  const attributes = { class: "copy", "aria-label": say("copy.what", { what: text }) };
  const copyText = async () => showOn(made, say((await copy(text, made)) ? "copied" : "selected"));
  const made = button(say("copy"), key, copyText, attributes);
  return made;
}

/**
 * Shows a short message in place of a button's own text.
 * @param {HTMLElement} pressed
 * @param {string} message
 */
export function showOn(pressed, message) {
  const own = (pressed.dataset.words ??= pressed.textContent ?? "");
  pressed.textContent = message;
  setTimeout(() => (pressed.textContent = own), MESSAGE_MS);
}

/**
 * Copies `text`; false if the browser forbids it: then the text next to `near` is selected, to copy by hand.
 * @param {string} text
 * @param {HTMLElement} near
 */
export async function copy(text, near) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const shown = near.parentElement?.querySelector("bdi");
    if (shown) getSelection()?.selectAllChildren(shown);
    return false;
  }
}

/**
 * Replaces what is in `parent`; a control that had the focus gets it back, found by its key.
 * @param {HTMLElement} parent
 * @param {(Child | null)[]} children
 */
export function redraw(parent, children) {
  const key = focusedKey(parent);
  parent.replaceChildren(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : unturned(child))));
  focusKey(parent, key);
}

/**
 * The key of the focused control inside `parent`, if there is one.
 * @param {HTMLElement} parent
 */
export function focusedKey(parent) {
  const focused = document.activeElement;
  return focused instanceof HTMLElement && parent.contains(focused) ? focused.dataset.key : undefined;
}

/**
 * Focuses the control with this key.
 * @param {HTMLElement} parent
 * @param {string | undefined} key
 */
export function focusKey(parent, key) {
  const [control] = key === undefined ? [] : allMatching(`[data-key="${CSS.escape(key)}"]`, parent);
  control?.focus({ preventScroll: true });
}
