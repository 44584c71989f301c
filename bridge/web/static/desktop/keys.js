// Keyboard shortcuts. One list defines both what works and what the help shows.

import { element } from "../element.js";
import { say } from "../words.js";

const STORED = "popbridge.keys";
const TEXT_FIELDS = "input, textarea, select, [contenteditable]";

/** @typedef {"record" | "note" | "look-up" | "copy" | "snooze" | "choose" | "dismiss" | "older" | "newer" | "search" | "close" | "help"} Command */

/**
 * The keys and what they do; the words are `key.<command>`.
 * @type {[string, Command][]}
 */
export const KEYS = [
  ["o", "record"],
  ["n", "note"],
  ["p", "look-up"],
  ["c", "copy"],
  ["s", "snooze"],
  ["1–9", "choose"],
  ["d", "dismiss"],
  ["j", "older"],
  ["k", "newer"],
  ["/", "search"],
  ["Esc", "close"],
  ["?", "help"],
];

/** Whether single-key shortcuts are on in this browser; people who dictate may want them off. */
export function areOn() {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} on */
export function turn(on) {
  try {
    localStorage.setItem(STORED, on ? "on" : "off");
  } catch {
    // They stay on.
  }
}

/**
 * Runs commands by key; `choose` is given the number pressed.
 * @param {Record<Command, (number: number) => void>} commands
 * @param {AbortSignal} signal
 */
export function listen(commands, signal) {
  /** @param {KeyboardEvent} event */
  const pressed = (event) => {
    const { key, target } = event;
    if (isForOthers(event)) return;
    const isTyping = target instanceof HTMLElement && target.matches(TEXT_FIELDS);
    if (key === "Escape" && isTyping) return target.blur();
    if (isTyping || (!areOn() && key !== "Escape")) return;
    const command = commandFor(key);
    if (!command) return;
    event.preventDefault();
    commands[command](Number(key));
  };
  addEventListener("keydown", pressed, { signal });
}

/** @param {KeyboardEvent} event */
function isForOthers(event) {
  const isModified = event.ctrlKey || event.metaKey || event.altKey;
  return isModified || event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]") !== null;
}

/** @param {string} key @returns {Command | undefined} */
function commandFor(key) {
  if (key === "Escape") return "close";
  if (/^[1-9]$/.test(key)) return "choose";
  return KEYS.find(([name]) => name === key.toLowerCase())?.[1];
}

/** The list for the help. */
export function keyList() {
  return KEYS.flatMap(([key, command]) => [
    element("dt", {}, [element("kbd", { dir: "ltr" }, [key])]),
    element("dd", { "data-say": `key.${command}` }, [say(`key.${command}`)]),
  ]);
}
