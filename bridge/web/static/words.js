// The page's words, in the reader's language. A language is one file in lang/: nothing here names any of them.

import { sayReason } from "./reasons.js";

const FALLBACK = "en";
let catalogue = {};
export let language = FALLBACK;

/** The languages there are: `[{code, name, dir}]`. */
export async function languages() {
  const response = await fetch("/static/lang/languages.json");
  return response.json();
}

/** Which of `known` to speak: the first that the names wanted (`he-IL`, null) lead to. `iw` is Hebrew's old code. */
export function chosenLanguage(wanted, known) {
  const codes = wanted.map((name) => (name ?? "").toLowerCase().split("-")[0].replace(/^iw$/, "he"));
  const found = codes.map((code) => known.find((each) => each.code === code)).find(Boolean);
  return found ?? known.find((each) => each.code === FALLBACK) ?? known[0];
}

/** Loads the catalogue and turns the page its way. */
export async function speak({ code, dir }) {
  if (code !== language || !canSay("name")) {
    catalogue = await load(code);
  }
  language = code;
  document.documentElement.lang = code;
  document.documentElement.dir = dir;
  for (const each of document.querySelectorAll("[data-say]")) each.textContent = say(each.dataset.say);
  for (const each of document.querySelectorAll("[data-label]")) label(each, each.dataset.label);
}

async function load(code) {
  return (await fetch(`/static/lang/${code}.json`)).json();
}

/** The cause of an answer, a popup or a log entry: its reason in the page's language, else its English sentence. */
export function cause({ reason, why }) {
  return reason?.code ? sayReason(reason, catalogue) : why;
}

/** Names a control that shows no words, for a screen reader and for the mouse. */
export function label(control, key) {
  control.dataset.label = key;
  control.setAttribute("aria-label", say(key));
  control.title = say(key);
}

/** The words for `key` with its `{names}` filled in; the key itself where the catalogue lacks it. */
export function say(key, values = {}) {
  return (catalogue[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The words for `group.value`, or the value as it is when there are none for it. */
export function sayOne(group, value) {
  return catalogue[`${group}.${value}`] ?? String(value ?? "");
}

/** Whether there are words for `key`. */
export function canSay(key) {
  return key in catalogue;
}

/** A moment as the clock on the wall shows it, with its day when that is not `today`. */
export function clockTime(moment, today = Date.now()) {
  const format = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const isToday = new Date(moment).toDateString() === new Date(today).toDateString();
  const day = isToday ? {} : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(language, { ...day, ...format }).format(moment);
}

/** How long ago: `now`, `4 seconds ago`, `2 minutes ago`. */
export function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  return seconds < 60 ? format.format(-seconds, "second") : format.format(-Math.floor(seconds / 60), "minute");
}

/** `0:42`, `12:05`, `1:02:03`. */
export function duration(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const tail = String(seconds).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}
