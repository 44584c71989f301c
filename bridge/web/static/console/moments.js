// Times: as fields of a form hold them, as the API takes them, as a reader sees them. All local, with their offset.

import { element, ltr } from "../element.js";
import { isolated } from "../shown.js";
import { language } from "../words.js";

const MINUTE_MS = 60_000;
const UNITS_MS = { s: 1_000, m: MINUTE_MS, h: 3_600_000, d: 86_400_000 };
const two = (number) => String(number).padStart(2, "0");

/** `+02:00`: how far this computer's clock is from UTC at that moment. */
export function offset(moment) {
  const minutes = -new Date(moment).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** `2026-11-22T10:00:00`, as an input of the kind datetime-local has it. */
export function fieldText(moment) {
  const at = new Date(moment);
  const day = `${String(at.getFullYear()).padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `2026-11-22T10:00:00+02:00`, as the API takes it; "" for nothing. */
export function isoText(moment) {
  return Number.isNaN(new Date(moment).getTime()) ? "" : fieldText(moment) + offset(moment);
}

/** The moment of a text in the address: ISO 8601, or how long ago (`7d`); NaN for anything else. */
export function momentOf(text) {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return unit ? Date.now() - Number(number) * UNITS_MS[unit] : Date.parse(text.replace(" ", "+"));
}

/** A moment in words: `22 Nov 2026, 10:00:00`, and its offset. */
export function words(moment) {
  const format = { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return new Intl.DateTimeFormat(language, { ...format, hourCycle: "h23" }).format(new Date(moment));
}

/** The same as an element, its offset beside it. */
export function shown(text) {
  const offsetShown = element("span", { class: "offset" }, [ltr(offset(text))]);
  return element("time", { datetime: text }, [element("bdi", {}, [words(text)]), " ", offsetShown]);
}

/** `41.7 ms`, as an element: the unit may be of another script than the words around it. */
export function milliseconds(ms) {
  const format = { style: "unit", unit: "millisecond", unitDisplay: "short", maximumFractionDigits: 1 };
  return element("bdi", {}, [new Intl.NumberFormat(language, format).format(ms)]);
}

/** `12 kB`, `3.4 MB`. */
export function bytes(size) {
  const [unit, share] = size < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const format = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 };
  return isolated(new Intl.NumberFormat(language, format).format(size / share));
}
