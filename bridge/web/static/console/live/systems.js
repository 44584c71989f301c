// Where the page's data comes from: what is wrong with a phone system, and which are only asked while somebody looks.

import { because, byId, element, ltr } from "../../element.js";
import { clockTime, say } from "../../words.js";

/**
 * Draws a line for each phone system that does not report by itself.
 * @param {FloorSystem[]} systems
 */
export function drawSystems(systems) {
  byId("systems").replaceChildren(...systems.map(item).filter((each) => each !== null));
}

/** @param {FloorSystem} system */
function item({ pbx, way, is_known: isKnown, at, problem }) {
  if (problem) {
    const when = at ? [" ", say("console.live.as-of", { time: clockTime(at * 1000) })] : [];
    return element("li", { class: "problem" }, [ltr(pbx), ": ", because(problem), ...when]);
  }
  if (way === "events") return isKnown ? null : line(pbx, "console.live.not-yet");
  return line(pbx, way === "asked" ? "console.live.asked" : "console.live.not-asked");
}

/** @param {string} pbx @param {string} key */
function line(pbx, key) {
  return element("li", { class: "soft" }, [ltr(pbx), ": ", say(key)]);
}
