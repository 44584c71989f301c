// Elements from data. Everything from a phone system or a CRM goes through here, and so into text nodes only.

import { plain } from "./shown.js";
import { say } from "./words.js";

const SAID_MS = 1600;

/** An element; children are nodes, text, or null for none. */
export function element(name, attributes, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

/** Numbers and ids: left to right whatever stands around them. */
export function ltr(text) {
  return element("bdi", { dir: "ltr" }, [plain(text)]);
}

/** Words from elsewhere, in whatever language they are. */
export function foreign(text) {
  return element("bdi", { dir: "auto" }, [plain(text)]);
}

/** A button that does `act` when pressed. `key` finds it again after its surroundings were drawn anew. */
export function button(words, key, act, attributes = {}) {
  const made = element("button", { type: "button", class: "plain", "data-key": key, ...attributes }, [words]);
  made.addEventListener("click", act);
  return made;
}

/** A small button that copies `text`; `key` as with `button`. */
export function copyButton(text, key) {
  const made = button(say("copy"), key, async () => saidFor(made, say((await copied(text, made)) ? "copied" : "selected")), {
    class: "copy",
    "aria-label": say("copy.what", { what: text }),
  });
  return made;
}

/** Shows `words` on a button for a moment. */
export function saidFor(pressed, words) {
  pressed.dataset.words ??= pressed.textContent;
  pressed.textContent = words;
  setTimeout(() => (pressed.textContent = pressed.dataset.words), SAID_MS);
}

/** Whether the clipboard has it; where that is not allowed, the text beside the button is selected to copy by hand. */
export async function copied(text, near) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const shown = near.parentElement.querySelector("bdi");
    if (shown) getSelection().selectAllChildren(shown);
    return false;
  }
}

/** Puts `children` in place of what is there; a control that had the focus has it again, found by its key. */
export function redraw(parent, children) {
  const key = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...children.filter((child) => child !== null));
  if (key) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}
