// What a change of the page moves glides to its new place, so that the eye can follow it; not for who wants no motion.

import { allMatching } from "../element.js";

const MOVED = "#cards > .card, #cards .note, #cards .card-after, #waiting, #earlier";
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
/** @type {KeyframeAnimationOptions} */
const TIMING = { duration: 180, easing: "ease-out" };

/** What glides, or has glided, since the last change. @type {Set<Animation>} */
const running = new Set();

/**
 * Makes a change of the page.
 * @param {() => void} change
 */
export function gliding(change) {
  const before = STILL.matches ? new Map() : tops();
  change();
  if (!before.size) return;
  for (const each of running) each.cancel();
  running.clear();
  const after = tops();
  for (const [node, top] of after) {
    const parent = node.parentElement?.closest(MOVED) ?? null;
    const way = distance(before.get(node), top) - (parent ? distance(before.get(parent), after.get(parent)) : 0);
    if (way) running.add(node.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }], TIMING));
  }
}

/** Where everything that is shown begins. @returns {Map<Element, number>} */
function tops() {
  const shown = allMatching(MOVED).filter((each) => each.getClientRects().length);
  return new Map(shown.map((each) => [each, each.getBoundingClientRect().top]));
}

/** @param {number | undefined} before @param {number | undefined} after 0 for what has just come */
function distance(before, after) {
  return before === undefined || after === undefined ? 0 : before - after;
}

/**
 * Once a key or a button of the mouse that is down has done what it was for: what is clicked must not move away under it.
 * @param {() => void} act
 */
export function afterInput(act) {
  const soon = () => setTimeout(act);
  if (document.querySelector(":active")) addEventListener("pointerup", soon, { once: true });
  else soon();
}
