// Opens the caller's record by itself, for agents who want that: once for each popup, always in the same tab.

import { say } from "../words.js";
import { theOne } from "./contact.js";
import { showMessage } from "./message.js";
import { allowed } from "./record.js";

const FRESH_MS = 30_000;
const TAB = "popbridge-record";

/** @typedef {import("./cards.js").Card} Card */

export class RecordOpener {
  #cards;
  #session;
  #preferences;
  #tabs;

  /**
   * @param {import("./cards.js").Cards} cards
   * @param {import("./session.js").Session} session
   * @param {import("./preferences.js").PreferenceStore} preferences
   * @param {import("./tabs.js").Tabs} tabs
   */
  constructor(cards, session, preferences, tabs) {
    this.#cards = cards;
    this.#session = session;
    this.#preferences = preferences;
    this.#tabs = tabs;
    cards.subscribe((changes) => changes.forEach((change) => this.#consider(change)));
  }

  /** @param {import("./cards.js").Change} change */
  #consider(change) {
    if (!this.#preferences.value.open_record || (change.kind !== "added" && change.kind !== "identified")) return;
    const address = this.#address(change.card);
    if (address) this.#open(change.card, address);
  }

  /** The record of a call that the agent has now, and that is the one in front. @param {Card} card */
  #address(card) {
    const isFresh = this.#session.now() - Date.parse(card.popup.created_at) < FRESH_MS;
    if (!isFresh || card !== this.#cards.current || card.state === "ended") return null;
    return allowed(theOne(card)?.url, this.#session.recordHosts);
  }

  /**
   * Browsers reuse a named tab only for the page that opened it: so one tab of the agent's opens records.
   * @param {Card} card
   * @param {string} address
   */
  async #open(card, address) {
    if (!this.#tabs.leads) return;
    if (!(await this.#tabs.claim(`record.${card.popup.popup_id}`))) return;
    if (!window.open(address, TAB)) showMessage(say("record.blocked"));
  }
}
