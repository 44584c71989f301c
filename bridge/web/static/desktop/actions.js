// What the agent can do with the cards, whether by mouse or by key.

import { statusOf } from "../http.js";
import { say, sayWhy } from "../words.js";
import { callerName, cardName } from "./facts.js";
import { showMessage } from "./message.js";

const STREAM_PATIENCE_MS = 1_500;
const MINUTE_MS = 60_000;

export class Actions {
  #session;
  #cards;
  #acks;
  #tellTabs;
  #isLookingUp = false;
  /** The popups for whose callers a contact is being made. @type {Set<string>} */
  #creating = new Set();

  /**
   * @param {import("./session.js").Session} session
   * @param {import("./cards.js").Cards} cards
   * @param {import("./acks.js").Acks} acks
   * @param {(message: import("./connection.js").TabMessage) => void} tellTabs tells the other tabs of this agent
   */
  constructor(session, cards, acks, tellTabs) {
    this.#session = session;
    this.#cards = cards;
    this.#acks = acks;
    this.#tellTabs = tellTabs;
  }

  /**
   * What another call's caller is called: as on the card that it has here, if it has one.
   * @param {Call} call
   */
  nameOf(call) {
    const known = this.#cards.all.find((card) => call.ivrid && card.call.ivrid === call.ivrid);
    return known ? cardName(known) : callerName(call.caller);
  }

  /**
   * Looks up the agent's call again, or (`ivrid`) another one of their calls.
   * @param {import("./cards.js").Card} [card] the card this was asked from
   * @param {string} [ivrid]
   */
  async lookUp(card, ivrid) {
    if (this.#isLookingUp) return;
    this.#isLookingUp = true;
    showMessage(say("look-up.asking"));
    const body = { ...(card && { popup_id: card.popup.popup_id }), ...(ivrid && { ivrid }) };
    try {
      const answer = await this.#session.send("POST", "/desktop/press", body);
      if (!this.#session.ended.aborted) this.#showAnswer(answer);
    } catch (error) {
      if (!this.#session.ended.aborted) showMessage(say(statusOf(error) === 429 ? "look-up.too-many" : "look-up.failed"));
    } finally {
      this.#isLookingUp = false;
    }
  }

  /**
   * The popup arrives on the stream like any other; if that takes long, the answer's own copy is used.
   * @param {Answer} answer
   */
  #showAnswer({ click_id, outcome, why, reason, popup }) {
    if (popup) {
      showMessage(say("look-up.found", { who: callerName(popup.call.caller) }));
      setTimeout(() => this.#cards.add(popup), STREAM_PATIENCE_MS);
    } else {
      showMessage("");
      const created_at = new Date(this.#session.now()).toISOString();
      this.#cards.showNothing({ click_id, outcome, why, reason, created_at });
    }
  }

  /**
   * Dismisses a card, on every page of the agent.
   * @param {string} popupId
   */
  dismiss(popupId) {
    const newest = this.#cards.find(popupId)?.popup.popup_id ?? popupId;
    this.#acks.add(newest, "dismissed");
    this.#cards.dismiss(popupId);
    this.#tellTabs({ dismissed: popupId });
  }

  /**
   * Hides a card for some minutes, or until its call ends, in every tab of this browser.
   * @param {string} popupId
   * @param {number} minutes
   */
  snooze(popupId, minutes) {
    const until = this.#session.now() + minutes * MINUTE_MS;
    this.#tellTabs({ snoozed: [popupId, until] });
    this.#cards.snooze(popupId, until);
  }

  /** @param {string} popupId */
  open(popupId) {
    this.#cards.open(popupId);
  }

  /**
   * Opens the card of a call of earlier, which the bridge still has if this page has not.
   * @param {string} popupId
   */
  async openAgain(popupId) {
    if (this.#cards.find(popupId)) return this.open(popupId);
    try {
      const again = await this.#session.send("GET", popupPath(popupId));
      if (!this.#session.ended.aborted) this.#cards.bringBack(again);
    } catch (error) {
      if (!this.#session.ended.aborted) showMessage(say(statusOf(error) === 404 ? "shift.gone" : "look-up.failed"));
    }
  }

  /**
   * Asks for the notes that came with a call that was passed on.
   * @param {string} popupId
   */
  async readPassedOn(popupId) {
    try {
      const { popup } = await this.#session.send("GET", popupPath(popupId));
      if (popup.passed_on && !this.#session.ended.aborted) this.#cards.setPassedOn(popupId, popup.passed_on);
    } catch {
      // The card says from whom the call comes all the same.
    }
  }

  /**
   * The agent's calls of the last day.
   * @param {{search: string, missed: boolean, cursor?: string | null}} wanted
   * @returns {Promise<ShiftPage>}
   */
  readShift({ search, missed, cursor }) {
    const query = new URLSearchParams({ ...(search && { q: search }), ...(missed && { missed: "true" }), ...(cursor && { cursor }) });
    return this.#session.send("GET", `/desktop/shift?${query}`);
  }

  /** The agent has read that nothing was found. */
  closeNothing() {
    this.#cards.closeNothing();
  }

  /**
   * Opens the card that is `by` places further down the list.
   * @param {number} by
   */
  step(by) {
    const { all, currentId } = this.#cards;
    const next = all[all.findIndex((card) => card.id === currentId) + by];
    if (next) this.open(next.id);
  }

  /**
   * Makes a contact of a caller whom the CRM does not know.
   * @param {import("./cards.js").Card} card
   */
  async createContact({ popup, call }) {
    const id = popup.popup_id;
    if (this.#creating.has(id)) return;
    this.#creating.add(id);
    showMessage(say("contact.creating"));
    try {
      const contact = await this.#session.send("POST", `/desktop/contacts/${encodeURIComponent(id)}`, { name: call.caller.name });
      this.#creating.delete(id);
      this.#showCreated(id, contact);
    } catch (error) {
      if (!this.#session.ended.aborted) showMessage(say(statusOf(error) === 429 ? "look-up.too-many" : "contact.not-created"));
    } finally {
      this.#creating.delete(id);
    }
  }

  /** @param {string} id @param {Contact} contact */
  #showCreated(id, contact) {
    if (this.#session.ended.aborted) return;
    if (!contact.records.length) return showMessage([say("contact.not-created"), sayWhy({ reason: contact.reason ?? null, why: "" })].join(" "));
    showMessage(say("contact.created"));
    this.#cards.identify(id, contact);
  }

  /** @param {import("./cards.js").Card} card */
  isCreating({ popup }) {
    return this.#creating.has(popup.popup_id);
  }

  /**
   * The draft of a popup's note.
   * @param {string} popupId
   * @returns {Promise<Partial<NoteDraft> & {sent?: SentNote[]}>}
   */
  readNote(popupId) {
    return this.#session.send("GET", notePath(popupId));
  }

  /**
   * @param {string} popupId
   * @param {NoteDraft} note
   * @param {boolean} isLeaving whether the page is about to go away
   */
  async saveNote(popupId, note, isLeaving) {
    await this.#session.send("PUT", notePath(popupId), note, { keepalive: isLeaving });
    this.#tellTabs({ noteChanged: popupId });
  }

  /**
   * Sends a note to the CRM: once for each `key`, however often it is tried.
   * @param {string} popupId
   * @param {NoteDraft} note
   * @param {string} key
   */
  async sendNote(popupId, note, key) {
    await this.#session.send("POST", notePath(popupId), note, { headers: { "Idempotency-Key": key } });
    this.#tellTabs({ noteChanged: popupId });
  }
}

/** @param {string} popupId */
function popupPath(popupId) {
  return `/desktop/popups/${encodeURIComponent(popupId)}`;
}

/** @param {string} popupId */
function notePath(popupId) {
  return `/desktop/notes/${encodeURIComponent(popupId)}`;
}
