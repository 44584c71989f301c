// The agent's cards as data: no page and no network here. Whoever needs to know of changes subscribes.

import { areOnSameExtension, isFound, isOfSameCall, newCard } from "./card.js";

const MAX_CARDS = 30;
const LEAVE_MS = 5_000;
const SECOND_MS = 1_000;

/** @typedef {import("./card.js").Card} Card */
/** @typedef {{cards: Card[], currentId: string | null, nothing: NothingFound | null}} Snapshot */
/**
 * @typedef {{kind: "added" | "updated" | "confirmed" | "returned" | "opened" | "dismissed" | "snoozed" | "left" | "identified" | "noted", card: Card, previousState?: string}
 *   | {kind: "nothing", answer: NothingFound} | {kind: "nothing-closed"} | {kind: "merged"}} Change
 *   `confirmed`: only the time of the facts is newer; `returned`: back from a snooze; `identified`: the CRM said who calls;
 *   `left`: a colleague has answered the call, or it has ended, some time ago; `noted`: colleagues' notes came with it
 */
/** @typedef {(changes: Change[]) => void} Listener */

/** The cards of this shift, newest first; which one is open; the last click that found nothing. */
export class Cards {
  /** @type {Card[]} */
  all = [];
  /** @type {string | null} */
  currentId = null;
  /** @type {NothingFound | null} */
  nothing = null;
  /** Contacts that came before their popups. @type {Map<string, Contact>} */
  #early = new Map();
  /** @type {Listener[]} */
  #listeners = [];

  /**
   * `listener` is called with each set of changes, after the earlier subscribers.
   * @param {Listener} listener
   */
  subscribe(listener) {
    this.#listeners.push(listener);
  }

  /** Forgets everything; nobody hears of later changes. */
  close() {
    this.#listeners = [];
    this.all = [];
    this.currentId = this.nothing = null;
  }

  /** @param {Change[]} changes */
  #announce(...changes) {
    if (changes.length) for (const listener of this.#listeners) listener(changes);
  }

  /** The open card. */
  get current() {
    return this.find(this.currentId);
  }

  /** @param {string | null} popupId the card's id, or its newest popup's */
  find(popupId) {
    return this.all.find((card) => card.id === popupId || card.popup.popup_id === popupId);
  }

  /**
   * A popup has come: if it is new and the newest, its card is opened. Of a call that has a card it is that card's.
   * @param {Popup} popup
   */
  add(popup) {
    if (this.find(popup.popup_id)) return;
    const card = this.#renewed(popup) ?? newCard(popup);
    card.contact = this.#early.get(popup.popup_id) ?? card.contact;
    this.#early.delete(popup.popup_id);
    if (!this.all.includes(card)) this.all.push(card);
    this.#sort();
    const isNewest = this.all[0] === card;
    const changes = isNewest ? this.#followExtension(card, [card.call, ...card.others]) : [];
    if (isNewest) {
      this.currentId = card.id;
      this.nothing = null;
    }
    const updated = changes.filter(({ kind }) => kind === "updated"); // the new card takes precedence over returning ones
    if (this.find(popup.popup_id)) this.#announce(...updated, { kind: "added", card });
  }

  /**
   * The card of this popup's call, with the newer popup; null where there is none, or it has a newer one.
   * @param {Popup} popup
   */
  #renewed(popup) {
    const card = this.all.find((each) => isOfSameCall(each, popup));
    if (!card || Date.parse(card.popup.created_at) >= Date.parse(popup.created_at)) return null;
    const contact = popup.contact?.records.length ? popup.contact : (card.contact ?? popup.contact ?? null);
    return Object.assign(card, { ...newCard(popup), id: card.id, contact, isReopened: false });
  }

  /**
   * A call of earlier whose card is not here any more: it is opened.
   * @param {PopupAgain} again
   */
  bringBack({ popup, ended_at: endedAt, answered_by: answeredBy }) {
    const card = this.find(popup.popup_id) ?? newCard(popup);
    if (!this.all.includes(card)) {
      card.state = endedAt ? "ended" : "unknown";
      card.askedAt = Date.parse(endedAt ?? popup.created_at);
      card.answeredBy = answeredBy;
      this.currentId = card.id;
      this.all.push(card);
      this.#sort();
    }
    this.open(card.id);
  }

  /**
   * Colleagues' notes on a call that was passed on.
   * @param {string} popupId
   * @param {PassedOn} passedOn
   */
  setPassedOn(popupId, passedOn) {
    const card = this.find(popupId);
    if (!card) return;
    card.popup = { ...card.popup, passed_on: passedOn };
    this.#announce({ kind: "noted", card });
  }

  /**
   * A click has found no call. Older than what is shown already, it is ignored.
   * @param {NothingFound} answer
   */
  showNothing(answer) {
    if (!this.#isNews(answer)) return;
    this.nothing = answer;
    this.#announce({ kind: "nothing", answer });
  }

  /** @param {NothingFound} answer */
  #isNews(answer) {
    const at = Date.parse(answer.created_at);
    const isOld = this.nothing?.click_id === answer.click_id || at <= Date.parse(this.nothing?.created_at ?? "");
    return !isOld && !this.all.some((card) => Date.parse(card.popup.created_at) > at);
  }

  /** The agent has read that nothing was found. */
  closeNothing() {
    this.nothing = null;
    this.#announce({ kind: "nothing-closed" });
  }

  /**
   * How a card's call is now. The other cards of that extension follow from it.
   * @param {CallUpdate} update
   */
  update({ popup_id, state, call, other_calls, asked_at, stale, why, reason, answered_by: answeredBy = null }) {
    const card = this.find(popup_id);
    if (!card) return;
    const askedAt = Date.parse(asked_at) || card.askedAt;
    const others = other_calls ?? [];
    const facts = { state, call: call ?? card.call, others, stale, why: why ?? "", reason: reason ?? null, askedAt, answeredBy };
    const changes = this.#set(card, facts);
    if (!changes.length) changes.push({ kind: "confirmed", card });
    if (!stale && state !== "unknown") changes.push(...this.#followExtension(card, call ? [call, ...others] : others));
    this.#announce(...changes);
  }

  /**
   * Who is calling, by the CRM; it may be known before the popup is here.
   * @param {string} popupId
   * @param {Contact} contact
   */
  identify(popupId, contact) {
    const card = this.find(popupId);
    if (!card) {
      if (this.#early.size >= MAX_CARDS) this.#early.clear();
      this.#early.set(popupId, contact);
    } else if (JSON.stringify(card.contact) !== JSON.stringify(contact)) {
      card.contact = contact;
      this.#announce({ kind: "identified", card });
    }
  }

  /**
   * What the live calls of `card`'s extension say of its other cards.
   * @param {Card} card
   * @param {Call[]} live
   */
  #followExtension(card, live) {
    const others = this.all.filter((each) => each !== card && areOnSameExtension(each, card));
    return others.flatMap((each) => this.#follow(each, live, card.askedAt));
  }

  /**
   * The bridge follows the newest card only: the call of another one is among the live calls, or over.
   * @param {Card} card
   * @param {Call[]} live
   * @param {number} askedAt
   */
  #follow(card, live, askedAt) {
    if (!card.call.ivrid) return [];
    const call = live.find((each) => each.ivrid === card.call.ivrid);
    const others = live.filter((each) => each !== call);
    const now = call ? { state: call.state, call, others } : { state: "ended", others: [] };
    return this.#set(card, { ...now, stale: false, why: "", reason: null, askedAt });
  }

  /**
   * Sets facts; an ended call never changes again. A snoozed card returns when its call ends.
   * @param {Card} card
   * @param {Partial<Card>} facts
   * @returns {Change[]}
   */
  #set(card, facts) {
    if (card.state === "ended") return [];
    const before = JSON.stringify({ ...card, askedAt: 0 });
    const previousState = card.state;
    Object.assign(card, facts);
    const returns = card.state === "ended" && card.snoozedUntil !== null;
    if (returns) this.#bringBack(card);
    if (JSON.stringify({ ...card, askedAt: 0 }) === before) return [];
    return [{ kind: "updated", card, previousState }, ...(returns ? [/** @type {Change} */ ({ kind: "returned", card })] : [])];
  }

  /**
   * Moves a card to the earlier ones and opens the newest live one that is left.
   * @param {string} popupId
   */
  dismiss(popupId) {
    const card = this.find(popupId);
    if (!card || card.dismissed) return;
    card.dismissed = true;
    card.snoozedUntil = null;
    this.#close(card);
    this.#announce({ kind: "dismissed", card });
  }

  /**
   * Hides a card until `until`, or until its call ends.
   * @param {string} popupId
   * @param {number} until
   */
  snooze(popupId, until) {
    const card = this.find(popupId);
    if (!card) return;
    card.snoozedUntil = until;
    this.#close(card);
    this.#announce({ kind: "snoozed", card });
  }

  /**
   * Opens a card, also a dismissed or snoozed one.
   * @param {string} popupId
   */
  open(popupId) {
    const card = this.find(popupId);
    if (!card) return;
    this.#setOpen(card);
    card.isReopened = true;
    this.#announce({ kind: "opened", card });
  }

  /**
   * Opens the snoozed cards whose time is up, and lets those go whose calls somebody else has answered or that have
   * ended.
   * @param {number} now
   * @param {number} endedSeconds how long the card of an ended call stays; 0: until it is dismissed
   */
  wake(now, endedSeconds) {
    const due = this.all.filter((card) => card.snoozedUntil !== null && card.snoozedUntil <= now);
    for (const card of due) this.#setOpen(card);
    this.#announce(...due.map((card) => /** @type {Change} */ ({ kind: "returned", card })));
    for (const card of this.all) {
      if (card.answeredBy !== null) this.#leave(card, now, LEAVE_MS);
      else if (card.state === "ended" && endedSeconds) this.#leave(card, now, endedSeconds * SECOND_MS);
    }
  }

  /**
   * Moves a card whose call is over for the agent to the earlier ones, once, after a while to read it and to note.
   * @param {Card} card
   * @param {number} now
   * @param {number} after milliseconds
   */
  #leave(card, now, after) {
    if (card.leavesAt === null) card.leavesAt = now + after;
    else if (card.leavesAt <= now && this.currentId === card.id && !card.isReopened) {
      this.#close(card);
      this.#announce({ kind: "left", card });
    }
  }

  /** @param {Card} card */
  #setOpen(card) {
    card.dismissed = false;
    card.snoozedUntil = null;
    this.currentId = card.id;
  }

  /** @param {Card} card a snoozed one whose call has ended: it is opened unless another call is */
  #bringBack(card) {
    card.snoozedUntil = null;
    if (!this.current || this.current.state === "ended") this.currentId = card.id;
  }

  /** @param {Card} closed */
  #close(closed) {
    if (this.currentId !== closed.id) return;
    const next = this.all.find((card) => !card.dismissed && card.snoozedUntil === null && card.state !== "ended");
    this.currentId = next && next !== closed ? next.id : null;
  }

  #sort() {
    this.all.sort((one, other) => Date.parse(other.popup.created_at) - Date.parse(one.popup.created_at));
    this.all = this.all.filter((card, place) => place < MAX_CARDS || card.id === this.currentId);
  }

  /** Plain data, for another tab or for this one after a reload. @returns {Snapshot} */
  snapshot() {
    return { cards: this.all, currentId: this.currentId, nothing: this.nothing };
  }

  /**
   * Adds what another tab knows: cards that are missing here, and newer facts.
   * @param {Snapshot} snapshot
   */
  merge(snapshot) {
    const isEmpty = this.all.length === 0;
    for (const theirs of snapshot.cards) {
      const mine = this.find(theirs.popup.popup_id);
      if (!mine) this.all.push({ ...newCard(theirs.popup), ...theirs });
      else if (theirs.askedAt > mine.askedAt || isFound(theirs) > isFound(mine)) Object.assign(mine, theirs);
    }
    this.#sort();
    if (isEmpty) this.currentId = snapshot.currentId;
    if (snapshot.nothing && this.#isNews(snapshot.nothing)) this.nothing = snapshot.nothing;
    this.#announce({ kind: "merged" });
  }
}
