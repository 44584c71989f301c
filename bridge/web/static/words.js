// The page's words in the reader's language. Languages are files; no language is named here but the fallback.

import { sayReason } from "./reasons.js";

const FALLBACK = "en";
const RETRY_MS = 3_000;
/** @type {Words} */
let words = {};
export let language = FALLBACK;

/**
 * The languages to choose from.
 * @returns {Promise<Language[]>}
 */
export async function languages() {
  return asked("/static/lang/languages.json");
}

/**
 * A file of the bridge's, asked for until it is there: without words a page says nothing.
 * @param {string} path
 * @returns {Promise<any>}
 */
async function asked(path) {
  for (;;) {
    const response = await fetch(path).catch(() => null);
    const found = response?.ok ? await response.json().catch(() => null) : null;
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/**
 * The first of `wanted` (`he-IL`; null is skipped) that is known, else English. `iw` is an old code for Hebrew.
 * @param {(string | null | undefined)[]} wanted
 * @param {Language[]} known
 */
export function chooseLanguage(wanted, known) {
  const codes = wanted.map((name) => (name ?? "").toLowerCase().split("-")[0]?.replace(/^iw$/, "he"));
  const found = codes.map((code) => known.find((each) => each.code === code)).find(Boolean);
  return found ?? known.find((each) => each.code === FALLBACK) ?? known[0] ?? { code: FALLBACK, name: "", dir: "ltr" };
}

/**
 * Loads a language's words and writes them into the page.
 * @param {Language} chosen
 */
export async function useLanguage({ code, dir }) {
  if (code !== language || !hasWords("name")) {
    const part = document.documentElement.dataset.words;
    words = await asked(`/static/lang/${code}.json${part ? `?for=${part}` : ""}`);
  }
  language = code;
  document.documentElement.lang = code;
  document.documentElement.dir = dir;
  for (const each of document.querySelectorAll("[data-say]")) {
    if (each instanceof HTMLElement) each.textContent = say(each.dataset.say ?? "");
  }
  for (const each of document.querySelectorAll("[data-label]")) {
    if (each instanceof HTMLElement) label(each, each.dataset.label ?? "");
  }
}

/**
 * Why: the reason in the page's language, or the English sentence if there is no reason.
 * @param {{reason?: Reason | string | null, why: string | null}} cause
 * @param {(text: unknown) => string} [shown] how a parameter that is a text is put in
 * @returns {string}
 */
export function sayWhy({ reason, why }, shown = String) {
  return reason && typeof reason === "object" ? sayReason(reason, words, language, shown) : (why ?? "");
}

/**
 * Gives a control without text its name, for screen readers and as a tooltip.
 * @param {HTMLElement} control
 * @param {string} key
 */
export function label(control, key) {
  control.dataset.label = key;
  control.setAttribute("aria-label", say(key));
  control.title = say(key);
}

/**
 * The words for `key`, its `{gaps}` filled; the key itself if there are none.
 * @param {string} key
 * @param {Record<string, unknown>} [values]
 */
export function say(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (gap, name) => String(values[name] ?? gap));
}

/**
 * The words for `group.value`, or the value itself if there are none.
 * @param {string} group
 * @param {unknown} value
 */
export function sayValue(group, value) {
  return words[`${group}.${value}`] ?? String(value ?? "");
}

/**
 * Whether there are words for `key`.
 * @param {string} key
 */
export function hasWords(key) {
  return key in words;
}

/**
 * A time of day, with its date if that is not `today`.
 * @param {number} time
 */
export function clockTime(time, today = Date.now()) {
  const isToday = new Date(time).toDateString() === new Date(today).toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  const day = isToday ? {} : { day: "numeric", month: "short" };
  const format = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(language, /** @type {Intl.DateTimeFormatOptions} */ ({ ...day, ...format })).format(time);
}

/**
 * A time of day to the minute, for lists of one day.
 * @param {number} time
 */
export function minuteTime(time) {
  return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(time);
}

/**
 * How long ago: `now`, `4 seconds ago`, `2 minutes ago`.
 * @param {number} ms
 */
export function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  return seconds < 60 ? format.format(-seconds, "second") : format.format(-Math.floor(seconds / 60), "minute");
}

/**
 * `0:42`, `12:05`, `1:02:03`.
 * @param {number} ms
 */
export function duration(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const tail = String(seconds).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}
