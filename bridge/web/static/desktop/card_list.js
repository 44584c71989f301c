// The middle of the page: the open card, notes still being written, calls that wait, and what to read when there is none.

import { button, byId, element, focusedKey, focusKey, foreign, redraw } from "../element.js";
import { clockTime, say } from "../words.js";
import { CardView } from "./card_view.js";
import { cardName, stateChip, stateWords, timer } from "./facts.js";
import { afterInput, gliding } from "./glide.js";
import { NewestBelow } from "./newest_below.js";
import { nothingFound } from "./nothing_found.js";

/** @typedef {import("./cards.js").Card} Card */
/** @typedef {import("./cards.js").Change} Change */

const CLOSING = ["dismissed", "snoozed", "left"];
const DRAWN_AGAIN = ["added", "updated", "identified", "noted"];
const LIVE = ["ringing", "dialing", "talking", "hold"];

/** Shows `Cards`: it draws again with every change. */
export class CardList {
  #cards;
  #context;
  #seen;
  /** @type {Map<string, CardView>} */
  #views = new Map();
  /** The card that stays in its place because its note is being written; the open one is below. @type {CardView | null} */
  #held = null;
  #below = new NewestBelow(() => this.#openNewest());

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
    const until = { signal: context.session.ended };
    byId("cards").addEventListener("note-sent", () => gliding(() => this.draw()), until);
    byId("cards").addEventListener("focusout", () => afterInput(() => this.#letGo()), until);
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
    gliding(() => this.#drawChanges(changes));
    this.#seen.check();
    for (const change of changes) this.#present(change, focused);
  }

  /** @param {Change[]} changes */
  #drawChanges(changes) {
    for (const change of changes) {
      if ("card" in change && DRAWN_AGAIN.includes(change.kind)) this.#views.get(idOf(change.card))?.draw();
      else if (change.kind === "confirmed") this.#views.get(idOf(change.card))?.updateAge();
      else if (change.kind === "merged") for (const view of this.#views.values()) view.draw();
    }
    this.draw();
  }

  /** @param {Change} change @param {CardView | undefined} focused the card that had the focus before */
  #present(change, focused) {
    const { kind } = change;
    if ((kind === "added" || kind === "returned") && change.card === this.#cards.current) this.current?.node.classList.add("card-new");
    const hasLostFocus = focused && isClosed(change, focused.card) && !focused.node.isConnected;
    if (hasLostFocus || kind === "opened" || kind === "nothing-closed") this.#focusCurrent();
  }

  /**
   * Brings the page in line with the cards. One whose note somebody is writing, or has not sent, stays in small until they
   * are done.
   */
  draw() {
    const shown = this.#cards.all.filter((card) => this.#isShown(idOf(card)));
    this.#removeAllBut(shown);
    this.#insert(shown);
    for (const card of shown) this.#setCompact(card);
    this.#below.show(this.#held, this.current);
    this.#drawNothing();
    const waiting = this.#waiting(shown);
    this.#drawWaiting(waiting);
    this.#context.shift.draw([...shown, ...waiting, ...this.#listedOnCard()]);
    const isEmpty = !shown.length && !this.#cards.nothing;
    byId("notice").hidden = !isEmpty;
    if (isEmpty) showNotice("empty", `empty.text.${this.#context.session.pop}`);
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
      if (this.#held === old) this.#held = view;
      this.#seen.watch(view.node);
    }
    this.draw();
  }

  /** Removes everything about the agent from the page. */
  clear() {
    this.#views.clear();
    this.#held = null;
    this.#below.show(null, undefined);
    for (const id of ["cards", "nothing", "waiting-list", "earlier-list"]) byId(id).replaceChildren();
    byId("nothing").hidden = byId("waiting").hidden = byId("earlier").hidden = true;
  }

  #focusCurrent() {
    (this.current?.node ?? byId("main")).focus();
  }

  /** @param {string} popupId */
  #isShown(popupId) {
    const note = this.#views.get(popupId)?.note;
    const isDismissed = this.#cards.find(popupId)?.dismissed;
    return popupId === this.#cards.currentId || note?.isBeingWritten || (note?.hasDraft && !isDismissed);
  }

  /** @param {Card} card */
  #setCompact(card) {
    const view = this.#views.get(idOf(card));
    if (!view) return;
    view.isCompact = card !== this.#cards.current && this.#cards.current !== undefined && view !== this.#held;
    view.isHeld = view === this.#held && card !== this.#cards.current;
  }

  /** Calls that go on, or that the agent wants back, and are not on a card. @param {Card[]} shown */
  #waiting(shown) {
    const listed = this.#listedOnCard();
    const isWaiting = (/** @type {Card} */ card) => card.snoozedUntil !== null || (LIVE.includes(card.state) && !card.dismissed);
    return this.#cards.all.filter((card) => isWaiting(card) && !shown.includes(card) && !listed.includes(card));
  }

  /** The cards of the other calls that the open card lists. */
  #listedOnCard() {
    const { current } = this.#cards;
    if (!current || current.state === "ended") return [];
    const ids = current.others.map((call) => call.ivrid).filter(Boolean);
    return this.#cards.all.filter((card) => card !== current && card.snoozedUntil === null && ids.includes(card.call.ivrid));
  }

  /** @param {Card[]} shown */
  #removeAllBut(shown) {
    for (const [popupId, view] of this.#views) {
      if (shown.some((card) => idOf(card) === popupId)) continue;
      view.note.save();
      view.node.remove();
      this.#views.delete(popupId);
      if (view === this.#held) this.#held = null;
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
    if (card === this.#cards.current) this.#held = this.#written();
    byId("cards").insertBefore(view.node, card === this.#cards.current && this.#held ? this.#held.node.nextSibling : next);
    this.#seen.watch(view.node);
    view.note.load();
    return view;
  }

  /** The card whose note somebody is writing. */
  #written() {
    return [...this.#views.values()].find((view) => view.note.isBeingWritten) ?? null;
  }

  /** Somebody wants the newest call, and leaves the note for it. */
  #openNewest() {
    this.#focusCurrent();
    this.#letGo();
    this.current?.node.scrollIntoView({ block: "nearest" });
  }

  /** The note is left: the open card is the first again. */
  #letGo() {
    const held = this.#held;
    if (!held || held.node.contains(document.activeElement)) return;
    this.#held = null;
    gliding(() => {
      this.current?.node.after(held.node);
      this.draw();
    });
  }

  #drawNothing() {
    const { nothing } = this.#cards;
    const box = byId("nothing");
    box.hidden = !nothing;
    redraw(box, nothing ? nothingFound(nothing, this.#context.actions) : []);
  }

  /** @param {Card[]} cards */
  #drawWaiting(cards) {
    byId("waiting").hidden = !cards.length;
    redraw(byId("waiting-list"), cards.map((card) => element("li", {}, [this.#waitingCall(card)])));
  }

  /** @param {Card} card */
  #waitingCall(card) {
    const { id, snoozedUntil } = card;
    const name = cardName(card);
    const open = button("", `open-${id}`, () => this.#context.actions.open(id), { class: "earlier-card" });
    const mark = snoozedUntil === null ? null : element("span", { class: "soft earlier-mark" }, [say("snoozed", { time: clockTime(snoozedUntil) })]);
    open.append(
      stateChip(card.state, stateWords(card)),
      element("span", { class: "other-who" }, [foreign(name)]),
      ...[timer(card, this.#context.session.now), mark].filter((each) => each !== null),
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
  return card.id;
}

/**
 * Shows a notice in place of cards.
 * @param {string} key
 * @param {string} [text] the key of its text, where there are several
 */
export function showNotice(key, text = `${key}.text`) {
  byId("notice").dataset.kind = key;
  byId("notice-title").textContent = say(`${key}.title`);
  byId("notice-text").textContent = say(text);
}
