// The middle of the page: the open card, the earlier ones of this shift, and what to read when there is none.

import { button, byId, element, focusedKey, focusKey, foreign, ltr, redraw } from "../element.js";
import { clockTime, hasWords, say, sayWhy } from "../words.js";
import { CardView } from "./card_view.js";
import { cardName, nothingTitle, stateChip, stateWords } from "./facts.js";

/** @typedef {import("./cards.js").Card} Card */
/** @typedef {import("./cards.js").Change} Change */

const CLOSING = ["dismissed", "snoozed", "left"];

/** Shows `Cards`: it draws again with every change. */
export class CardList {
  #cards;
  #context;
  #seen;
  /** @type {Map<string, CardView>} */
  #views = new Map();

  /**
   * @param {import("./cards.js").Cards} cards
   * @param {import("./card_view.js").Context} context
   * @param {import("./seen.js").SeenTracker} seen
   */
  constructor(cards, context, seen) {
    this.#cards = cards;
    this.#context = context;
    this.#seen = seen;
    cards.subscribe((changes) => this.#show(changes));
  }

  /** The open card, if there is one. */
  get current() {
    return this.#views.get(this.#cards.currentId ?? "");
  }

  /** The notes on the page. */
  get notes() {
    return [...this.#views.values()].map((view) => view.note);
  }

  /**
   * Reads a note again that another tab has changed.
   * @param {string} popupId
   */
  reloadNote(popupId) {
    this.#views.get(popupId)?.note.reload();
  }

  /** @param {Change[]} changes */
  #show(changes) {
    const focused = [...this.#views.values()].find((view) => view.node.contains(document.activeElement));
    for (const change of changes) {
      if (change.kind === "updated" || change.kind === "identified") this.#views.get(idOf(change.card))?.draw();
      else if (change.kind === "confirmed") this.#views.get(idOf(change.card))?.updateAge();
      else if (change.kind === "merged") for (const view of this.#views.values()) view.draw();
    }
    this.draw();
    for (const change of changes) this.#present(change, focused);
  }

  /** @param {Change} change @param {CardView | undefined} focused the card that had the focus before */
  #present(change, focused) {
    const { kind } = change;
    if ((kind === "added" || kind === "returned") && change.card === this.#cards.current) this.current?.node.classList.add("card-new");
    const hasLostFocus = focused && isClosed(change, focused.card) && !focused.node.isConnected;
    if (hasLostFocus || kind === "opened" || kind === "nothing-closed") this.#focusCurrent();
  }

  /** Brings the page in line with the cards. A card whose note somebody is writing stays until they are done. */
  draw() {
    const shown = this.#cards.all.filter((card) => this.#isShown(idOf(card)));
    this.#removeAllBut(shown);
    this.#insert(shown);
    this.#drawNothing();
    this.#drawEarlier(this.#cards.all.filter((card) => !shown.includes(card)));
    const isEmpty = !shown.length && !this.#cards.nothing;
    byId("notice").hidden = !isEmpty;
    if (isEmpty) showNotice("empty");
  }

  /** Makes every card anew, in the page's present language; notes and the focus stay. */
  rebuild() {
    for (const [popupId, old] of this.#views) {
      const key = focusedKey(old.node);
      const view = new CardView(old.card, this.#context, old.note);
      view.note.useLanguage();
      old.node.replaceWith(view.node);
      focusKey(view.node, key);
      this.#views.set(popupId, view);
      this.#seen.watch(view.node);
    }
    this.draw();
  }

  /** Removes everything about the agent from the page. */
  clear() {
    this.#views.clear();
    for (const id of ["cards", "nothing", "earlier-list"]) byId(id).replaceChildren();
    byId("nothing").hidden = byId("earlier").hidden = true;
  }

  #focusCurrent() {
    (this.current?.node ?? byId("main")).focus();
  }

  /** @param {string} popupId */
  #isShown(popupId) {
    return popupId === this.#cards.currentId || this.#views.get(popupId)?.note.isBeingWritten;
  }

  /** @param {Card[]} shown */
  #removeAllBut(shown) {
    for (const [popupId, view] of this.#views) {
      if (shown.some((card) => idOf(card) === popupId)) continue;
      view.note.save();
      view.node.remove();
      this.#views.delete(popupId);
    }
  }

  /**
   * Inserts the missing cards in order. The others are not moved, so that none loses the focus.
   * @param {Card[]} shown
   */
  #insert(shown) {
    /** @type {HTMLElement | null} */
    let next = null;
    for (const card of [...shown].reverse()) {
      next = (this.#views.get(idOf(card)) ?? this.#add(card, next)).node;
    }
  }

  /** @param {Card} card @param {HTMLElement | null} next */
  #add(card, next) {
    const view = new CardView(card, this.#context);
    this.#views.set(idOf(card), view);
    byId("cards").insertBefore(view.node, next);
    this.#seen.watch(view.node);
    view.note.load();
    return view;
  }

  #drawNothing() {
    const { nothing } = this.#cards;
    const box = byId("nothing");
    box.hidden = !nothing;
    redraw(box, nothing ? this.#nothingFound(nothing) : []);
  }

  /** @param {NothingFound} answer */
  #nothingFound(answer) {
    const { actions } = this.#context;
    const next = `answer.next.${answer.outcome}`;
    return [
      element("h2", {}, [nothingTitle(answer)]),
      element("p", {}, [foreign(sayWhy(answer))]),
      hasWords(next) ? element("p", { class: "soft" }, [say(next)]) : null,
      element("div", { class: "actions" }, [
        button(say("look-up"), "nothing-look-up", () => actions.lookUp()),
        button(say("dismiss"), "nothing-dismiss", () => actions.closeNothing()),
        element("span", { class: "soft" }, [foreign(clockTime(Date.parse(answer.created_at)))]),
      ]),
    ];
  }

  /** @param {Card[]} cards */
  #drawEarlier(cards) {
    byId("earlier").hidden = !cards.length;
    redraw(byId("earlier-list"), cards.map((card) => element("li", {}, [this.#earlier(card)])));
  }

  /** @param {Card} card */
  #earlier(card) {
    const { popup, call, snoozedUntil, dismissed } = card;
    const { caller } = call;
    const name = cardName(card);
    const open = button("", `open-${popup.popup_id}`, () => this.#context.actions.open(popup.popup_id), { class: "earlier-card" });
    const mark = snoozedUntil !== null ? say("snoozed", { time: clockTime(snoozedUntil) }) : dismissed ? say("dismissed") : "";
    open.append(
      stateChip(card.state, stateWords(card)),
      element("span", { class: "other-who" }, [
        foreign(name),
        caller.kind === "number" && name !== caller.number ? element("span", { class: "soft" }, [ltr(caller.number)]) : null,
      ]),
      element("span", { class: "soft earlier-mark" }, [mark, mark ? " · " : "", foreign(clockTime(Date.parse(popup.created_at)))]),
    );
    open.setAttribute("aria-label", say("earlier.open", { who: name, state: stateWords(card) }));
    return open;
  }
}

/** @param {Change} change @param {Card} card */
function isClosed(change, card) {
  return "card" in change && change.card === card && CLOSING.includes(change.kind);
}

/** @param {Card} card */
function idOf(card) {
  return card.popup.popup_id;
}

/**
 * Shows a notice in place of cards.
 * @param {string} key
 */
export function showNotice(key) {
  byId("notice").dataset.kind = key;
  byId("notice-title").textContent = say(`${key}.title`);
  byId("notice-text").textContent = say(`${key}.text`);
}
