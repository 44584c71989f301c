// The page's middle: the open card, the earlier ones of this shift, and what to read when there is none.

import { button, element, foreign, ltr, redraw } from "../element.js";
import { canSay, clockTime, say, sayOne, cause } from "../words.js";
import { Card } from "./card.js";
import { callerWords, stateChip } from "./facts.js";

const at = (id) => document.getElementById(id);

/** Draws a `Desk`. `does` is what the cards' buttons do, and `open(id)`, `press()`, `putNothingAway()`. */
export class Shelf {
  #desk;
  #does;
  #cards = new Map();

  constructor(desk, does) {
    this.#desk = desk;
    this.#does = does;
  }

  /** The open card, or undefined. */
  get card() {
    return this.#cards.get(this.#desk.current);
  }

  /** All cards on the page. */
  get cards() {
    return [...this.#cards.values()];
  }

  /** Brings the page in line with the desk. A card in whose note somebody writes stays open until they are done. */
  draw() {
    const shown = this.#desk.entries.filter((entry) => this.#isShown(entry.popup.popup_id));
    this.#forget(shown);
    this.#place(shown);
    this.#drawNothing();
    this.#drawEarlier(this.#desk.entries.filter((entry) => !shown.includes(entry)));
    const isEmpty = !shown.length && !this.#desk.nothing;
    at("notice").hidden = !isEmpty;
    if (isEmpty) notice("empty");
  }

  /** Draws one card's facts again. */
  redraw(popupId) {
    this.#cards.get(popupId)?.draw();
  }

  /** Makes every card anew, in the page's present language; what stands in its note stays, and so does the focus. */
  makeAnew() {
    for (const [popupId, old] of this.#cards) {
      const key = old.node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
      const card = new Card(old.entry, this.#does, old.note);
      card.note.speak();
      old.node.replaceWith(card.node);
      if (key) card.node.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
      this.#cards.set(popupId, card);
      this.#does.watch(card);
    }
  }

  /** A card's facts are as they were, and newer. */
  age(popupId) {
    this.#cards.get(popupId)?.age();
  }

  /** Nothing of the agent stays on the page. */
  clear() {
    this.#cards.clear();
    at("cards").replaceChildren();
    at("nothing").replaceChildren();
    at("nothing").hidden = at("earlier").hidden = true;
    at("earlier-list").replaceChildren();
  }

  #isShown(popupId) {
    return popupId === this.#desk.current || this.#cards.get(popupId)?.note.isBeingWritten;
  }

  #forget(shown) {
    for (const [popupId, card] of this.#cards) {
      if (shown.some((entry) => entry.popup.popup_id === popupId)) continue;
      card.note.save();
      card.node.remove();
      this.#cards.delete(popupId);
    }
  }

  /** Puts what is missing in its place. What is there is not moved: it would lose the focus. */
  #place(shown) {
    let after = null;
    for (const entry of [...shown].reverse()) {
      const popupId = entry.popup.popup_id;
      if (!this.#cards.has(popupId)) this.#add(entry, after);
      after = this.#cards.get(popupId).node;
    }
  }

  #add(entry, after) {
    const card = new Card(entry, this.#does);
    this.#cards.set(entry.popup.popup_id, card);
    at("cards").insertBefore(card.node, after);
    this.#does.watch(card);
  }

  #drawNothing() {
    const { nothing } = this.#desk;
    const box = at("nothing");
    box.hidden = !nothing;
    if (!nothing) return box.replaceChildren();
    const title = canSay(`answer.title.${nothing.outcome}`) ? say(`answer.title.${nothing.outcome}`) : say("answer.title.problem");
    redraw(box, [
      element("h2", {}, [title]),
      element("p", {}, [foreign(cause(nothing))]),
      canSay(`answer.next.${nothing.outcome}`) ? element("p", { class: "soft" }, [say(`answer.next.${nothing.outcome}`)]) : null,
      element("div", { class: "actions" }, [
        button(say("press"), "nothing-press", () => this.#does.press()),
        button(say("dismiss"), "nothing-dismiss", () => this.#does.putNothingAway()),
        element("span", { class: "soft" }, [ltr(clockTime(Date.parse(nothing.created_at)))]),
      ]),
    ]);
  }

  #drawEarlier(entries) {
    at("earlier").hidden = !entries.length;
    redraw(at("earlier-list"), entries.map((entry) => element("li", {}, [this.#line(entry)])));
  }

  #line({ popup, call, state, snoozedUntil, dismissed }) {
    const open = button("", `open-${popup.popup_id}`, () => this.#does.open(popup.popup_id), { class: "earlier-line" });
    const mark = snoozedUntil !== null ? say("snoozed", { time: clockTime(snoozedUntil) }) : dismissed ? say("dismissed") : "";
    open.append(
      stateChip(state),
      element("span", { class: "other-who" }, [
        foreign(callerWords(call.caller)),
        call.caller.name && call.caller.kind === "number" ? element("span", { class: "soft" }, [ltr(call.caller.number)]) : null,
      ]),
      element("span", { class: "soft earlier-mark" }, [mark, mark ? " · " : "", ltr(clockTime(Date.parse(popup.created_at)))]),
    );
    open.setAttribute("aria-label", say("earlier.open", { who: callerWords(call.caller), state: sayOne("state", state) }));
    return open;
  }
}

/** Words in place of cards. */
export function notice(key) {
  at("notice").dataset.kind = key;
  at("notice-title").textContent = say(`${key}.title`);
  at("notice-text").textContent = say(`${key}.text`);
}
