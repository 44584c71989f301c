// A small plot of one figure over the last hours: plain SVG, with what it shows in words for screen readers.

import { element } from "../../element.js";
import { clockTime, language, say } from "../../words.js";

const [WIDTH, HEIGHT] = [320, 64];
const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {"queue" | "overdue" | "pending" | "unarchived" | "workers"} name
 * @param {HealthSample[]} series oldest first
 */
export function plot(name, series) {
  const values = series.map((one) => one[name]);
  const [first, last] = [series[0], series.at(-1)];
  const highest = Math.max(...values, 0);
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const words = { now: number.format(values.at(-1) ?? 0), highest: number.format(highest), since: clockTime((first?.at ?? 0) * 1000) };
  const label = `${say(`console.health.${name}`)}: ${say("console.health.now-highest", words)}`;
  return element("figure", { class: "plot", "data-plot": name }, [
    element("figcaption", {}, [say(`console.health.${name}`), " ", element("b", { class: "figure" }, [words.now])]),
    drawing(values, series.map(({ at }) => at - (first?.at ?? 0)), highest, (last?.at ?? 0) - (first?.at ?? 0), label),
    element("p", { class: "soft" }, [say("console.health.now-highest", words)]),
  ]);
}

/** @param {number[]} values @param {number[]} times seconds after the first @param {number} highest @param {number} span @param {string} label */
function drawing(values, times, highest, span, label) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, preserveAspectRatio: "none" })) {
    svg.setAttribute(key, value);
  }
  const points = values.map((value, place) => {
    const x = span ? ((times[place] ?? 0) / span) * WIDTH : WIDTH;
    const y = HEIGHT - 2 - (highest ? (value / highest) * (HEIGHT - 6) : 0);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const path = document.createElementNS(SVG, "polyline");
  path.setAttribute("points", points.length === 1 ? `0,${HEIGHT - 2} ${points[0]}` : points.join(" "));
  svg.append(path);
  return svg;
}
