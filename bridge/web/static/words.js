// The page's words, in the reader's language.

const LANGUAGES = { en: "ltr", he: "rtl" };
let catalogue = {};
export let language = "en";

/** Which language to speak: `?lang=`, else the browser's, else English. `iw` is Hebrew's old code. */
export function chosenLanguage(search, browserLanguages) {
  const wanted = [new URLSearchParams(search).get("lang"), ...browserLanguages];
  const codes = wanted.map((name) => (name ?? "").toLowerCase().split("-")[0].replace("iw", "he"));
  return codes.find((code) => code in LANGUAGES) ?? "en";
}

/** Loads the catalogue and turns the page its way. */
export async function speak(code) {
  const response = await fetch(`/static/lang/${code}.json`);
  catalogue = await response.json();
  language = code;
  document.documentElement.lang = code;
  document.documentElement.dir = LANGUAGES[code];
}

/** The words for `key` with its `{names}` filled in; the key itself where the catalogue lacks it. */
export function say(key, values = {}) {
  return (catalogue[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The words for `group.value`, or the value as it is when there are none for it. */
export function sayOne(group, value) {
  return catalogue[`${group}.${value}`] ?? String(value ?? "");
}

/** A moment as the clock on the wall shows it. */
export function clockTime(moment) {
  const format = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(language, format).format(moment);
}

/** `0:42`, `12:05`, `1:02:03`. */
export function duration(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const tail = String(seconds).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}
