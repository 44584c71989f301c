// The day's figures.

import { byId, element } from "../../element.js";
import { language, say } from "../../words.js";
import { milliseconds } from "../times.js";

const NAMES = /** @type {const} */ (["answered", "missed", "delivered", "seen"]);

/**
 * Draws them; a figure that nobody counts is a dash, with why.
 * @param {FloorToday} today
 */
export function drawToday(today) {
  const figures = NAMES.map((name) => tile(name, today[name] === null ? null : new Intl.NumberFormat(language).format(today[name])));
  const speed = today.median_ms === null ? null : milliseconds(Math.round(today.median_ms));
  byId("today").replaceChildren(...figures, tile("median", speed));
}

/** @param {string} name @param {string | HTMLElement | null} figure */
function tile(name, figure) {
  const isCall = name === "answered" || name === "missed";
  const why = figure === null && isCall ? element("dd", { class: "soft" }, [say("console.live.not-counted")]) : null;
  return element("div", { class: "tile" }, [
    element("dt", {}, [say(`console.live.today.${name}`)]),
    element("dd", { class: "figure" }, [figure ?? "–"]),
    why,
  ]);
}
