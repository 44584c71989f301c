// The page's keys. One list is both what works and what the help shows.

import { element } from "../element.js";
import { say } from "../words.js";

const KEPT = "popbridge.keys";
const TYPED_IN = "input, textarea, select, [contenteditable]";

/** Keys that do something when nobody is typing: `[key, deed]`; the words are `key.<deed>`. */
export const KEYS = [
  ["o", "record"],
  ["n", "note"],
  ["p", "press"],
  ["c", "copy"],
  ["s", "snooze"],
  ["1–9", "choose"],
  ["d", "dismiss"],
  ["j", "older"],
  ["k", "newer"],
  ["Esc", "leave"],
  ["?", "help"],
];

/** Whether single keys are on in this browser; readers who dictate to their machine may want them off. */
export function areOn() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

/** Turns them on or off. */
export function turn(on) {
  try {
    localStorage.setItem(KEPT, on ? "on" : "off");
  } catch {
    // They stay on.
  }
}

/** Listens; `deeds[deed](number)` is called. */
export function listen(deeds, signal) {
  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    const isTyping = event.target instanceof Element && event.target.matches(TYPED_IN);
    if (event.key === "Escape" && isTyping) return event.target.blur();
    if (isTyping || (!areOn() && event.key !== "Escape")) return;
    const found = deedOf(event.key);
    if (!found) return;
    event.preventDefault();
    deeds[found.deed](found.number);
  };
  addEventListener("keydown", pressed, { signal });
}

function deedOf(key) {
  if (key === "Escape") return { deed: "leave" };
  if (/^[1-9]$/.test(key)) return { deed: "choose", number: Number(key) };
  const found = KEYS.find(([name]) => name === key.toLowerCase());
  return found && { deed: found[1] };
}

/** The list for the help. */
export function keyList() {
  return KEYS.flatMap(([key, deed]) => [
    element("dt", {}, [element("kbd", { dir: "ltr" }, [key])]),
    element("dd", {}, [say(`key.${deed}`)]),
  ]);
}
