// Tells screen readers what has changed: politely, or at once when a phone rings.

import { byId } from "../element.js";
import { unturned } from "../text.js";
import { say, sayWhy } from "../words.js";
import { nothingTitle, summary } from "./facts.js";

/** @typedef {import("./cards.js").Change} Change */
/** @typedef {import("./cards.js").Card} Card */

export class Announcer {
  #cards;

  /** @param {import("./cards.js").Cards} cards */
  constructor(cards) {
    this.#cards = cards;
    cards.subscribe((changes) => changes.forEach((change) => this.#announce(change)));
  }

  /** Nothing of the agent stays in the page. */
  clear() {
    announce("");
    announce("", true);
  }

  /** @param {Change} change */
  #announce(change) {
    if (change.kind === "nothing") announce(`${nothingTitle(change.answer)}. ${sayWhy(change.answer)}`);
    else if (change.kind === "added") announce(summary(change.card), isRinging(change.card));
    else if (change.kind === "identified") this.#announceContact(change.card);
    else if (change.kind === "returned") announce(say("snooze.back", { what: summary(change.card) }), isRinging(change.card));
    else if (change.kind === "updated" && this.#isNewState(change)) announce(summary(change.card));
  }

  /** @param {Card} card */
  #announceContact(card) {
    if (card === this.#cards.current && card.contact?.records.length) announce(summary(card));
  }

  /** @param {{card: Card, previousState?: string}} change */
  #isNewState({ card, previousState }) {
    return card.state !== previousState && card === this.#cards.current;
  }
}

/** @param {Card} card */
function isRinging({ state }) {
  return state === "ringing";
}

/** @param {string} words */
function announce(words, isUrgent = false) {
  byId(isUrgent ? "urgent" : "spoken").textContent = unturned(words);
}
