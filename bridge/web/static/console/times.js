// Times as form fields, as the API, and as people write them. All are local, with their offset from UTC.

import { element, ltr } from "../element.js";
import { isolated } from "../text.js";
import { language } from "../words.js";

export const MINUTE_MS = 60_000;
const AGO = /^(\d{1,6})([smhd])$/;
/** @type {Record<string, number>} */
const UNITS_MS = { s: 1_000, m: MINUTE_MS, h: 3_600_000, d: 86_400_000 };

/** @typedef {string | number | Date} Time */

/** @param {number} number */
const twoDigits = (number) => String(number).padStart(2, "0");

/**
 * `+02:00`: this computer's offset from UTC at that time.
 * @param {Time} time
 */
export function utcOffset(time) {
  const minutes = -new Date(time).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`;
}

/**
 * `2026-11-22T10:00:00`, as a datetime-local input has it.
 * @param {Time} time
 */
export function fieldText(time) {
  const at = new Date(time);
  const day = `${String(at.getFullYear()).padStart(4, "0")}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
  return `${day}T${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}:${twoDigits(at.getSeconds())}`;
}

/**
 * `2026-11-22T10:00:00+02:00`, as the API takes it; "" for no time.
 * @param {Time} time
 */
export function isoText(time) {
  return Number.isNaN(new Date(time).getTime()) ? "" : fieldText(time) + utcOffset(time);
}

/**
 * Whether a time in the address is how long ago.
 * @param {string} text
 */
export function isAgo(text) {
  return AGO.test(text);
}

/**
 * The milliseconds of a time in the address: ISO 8601, or how long ago (`7d`); NaN for anything else.
 * @param {string} text
 */
export function parseTime(text) {
  const [, number, unit] = AGO.exec(text) ?? [];
  return unit ? Date.now() - Number(number) * (UNITS_MS[unit] ?? NaN) : Date.parse(text.replace(" ", "+"));
}

/**
 * `22 Nov 2026, 10:00:00`.
 * @param {Time} time
 */
export function timeText(time) {
  return formatOf().format(new Date(time));
}

function formatOf() {
  /** @type {Intl.DateTimeFormatOptions} */
  const format = { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return new Intl.DateTimeFormat(language, { ...format, hourCycle: "h23" });
}

/**
 * The same as an element, with the offset.
 * @param {string} time
 */
export function timeElement(time) {
  const offset = element("span", { class: "offset" }, [ltr(utcOffset(time))]);
  return element("time", { datetime: time }, [element("bdi", {}, [timeText(time)]), " ", offset]);
}

/**
 * From the first to the last of several times, as an element: `22 Nov 2026, 10:00:00 – 10:05:12`.
 * @param {string} first
 * @param {string} last
 */
export function periodElement(first, last) {
  const words = formatOf().formatRange(new Date(first), new Date(last));
  return element("span", { class: "period" }, [element("bdi", {}, [words])]);
}

/**
 * `41.7 ms`, as an element: the unit may be in another script than the text around it.
 * @param {number} ms
 */
export function milliseconds(ms) {
  /** @type {Intl.NumberFormatOptions} */
  const format = { style: "unit", unit: "millisecond", unitDisplay: "short", maximumFractionDigits: 1 };
  return element("bdi", {}, [new Intl.NumberFormat(language, format).format(ms)]);
}

/**
 * `12 kB`, `3.4 MB`.
 * @param {number} bytes
 */
export function fileSize(bytes) {
  const isSmall = bytes < 1e6;
  /** @type {Intl.NumberFormatOptions} */
  const format = { style: "unit", unit: isSmall ? "kilobyte" : "megabyte", unitDisplay: "short", maximumFractionDigits: 1 };
  return isolated(new Intl.NumberFormat(language, format).format(bytes / (isSmall ? 1e3 : 1e6)));
}
