// The newest call while the note above it is being written: where its card cannot be seen, a bar names it. The bar is never
// over the note.

import { byId, element, foreign } from "../element.js";
import { say } from "../words.js";
import { cardName, stateChip, stateWords } from "./facts.js";

/** @typedef {import("./card_view.js").CardView} CardView */

const ENOUGH = 0.9;

export class NewestBelow {
  #bar = byId("newest-below");
  /** @type {CardView | null} */
  #view = null;
  #observer = new IntersectionObserver((entries) => this.#moved(entries), { threshold: ENOUGH });

  /** @param {() => void} open brings the newest call to the front */
  constructor(open) {
    this.#bar.addEventListener("click", open);
  }

  /**
   * @param {CardView | null} held whose note is being written
   * @param {CardView | undefined} newest
   */
  show(held, newest) {
    const view = held && newest && newest !== held ? newest : null;
    if (view !== this.#view) this.#watch(view);
    if (!view || !held) return;
    const { card } = view;
    this.#bar.replaceChildren(stateChip(card.state, stateWords(card)), element("b", {}, [foreign(cardName(card))]), say("newest.show"));
    const { top, bottom } = held.note.node.getBoundingClientRect();
    this.#bar.dataset.side = top > innerHeight - bottom ? "top" : "bottom";
  }

  /** @param {CardView | null} view */
  #watch(view) {
    this.#view = view;
    this.#observer.disconnect();
    this.#bar.hidden = true;
    const edge = view?.node.querySelector(".card-top-edge");
    if (edge) this.#observer.observe(edge);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #moved(entries) {
    const last = entries.at(-1);
    if (this.#view && last) this.#bar.hidden = last.intersectionRatio >= ENOUGH;
  }
}
