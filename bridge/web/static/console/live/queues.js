// The queues: how many wait, how long the first has waited, and who they are.

import { callerName } from "../../desktop/facts.js";
import { byId, element, foreign, ltr } from "../../element.js";
import { say } from "../../words.js";

/**
 * Draws every queue, those with the longest wait first.
 * @param {FloorQueue[]} queues
 * @param {FloorSystem[]} systems
 * @param {import("./clock.js").Clock} clock
 */
export function drawQueues(queues, systems, clock) {
  const shared = systems.filter((each) => each.queues === "shared").map(({ pbx }) => pbx);
  byId("queues-part").hidden = !queues.length && !shared.length;
  const inOrder = queues.toSorted((one, other) => (one.since ?? "~").localeCompare(other.since ?? "~") || one.name.localeCompare(other.name));
  byId("queues").replaceChildren(...inOrder.map((queue) => item(queue, clock)));
  byId("queues-note").textContent = shared.length ? say("console.live.queues.shared", { pbx: shared.join(", ") }) : "";
}

/** @param {FloorQueue} queue @param {import("./clock.js").Clock} clock */
function item({ name, queue, pbx, waiting, since, callers }, clock) {
  const long = since ? [" · ", say("console.live.longest"), " ", time(since, clock)] : [];
  const waits = callers.map((each) => element("li", {}, [foreign(callerName(each.caller)), " ", number(each.caller), " ", time(each.since, clock)]));
  return element("li", { class: "queue", "data-waiting": waiting }, [
    element("h3", {}, [foreign(name || queue), " ", element("span", { class: "soft" }, [ltr(pbx)])]),
    element("p", {}, [element("b", { class: "figure" }, [waiting]), " ", say("console.live.waiting"), ...long]),
    waits.length ? element("ul", { class: "waiting" }, waits) : null,
  ]);
}

/** @param {Caller} caller */
function number(caller) {
  return caller.name && caller.number ? element("span", { class: "soft digits" }, [ltr(caller.number)]) : "";
}

/** @param {string} since @param {import("./clock.js").Clock} clock */
function time(since, clock) {
  return element("span", { class: "since", "data-since": since }, [clock.since(since)]);
}
