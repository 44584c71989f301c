// Alerts an agent who is looking elsewhere: the page's title and icon, a notification, a sound.

import { plain } from "../text.js";
import { language, sayWhy } from "../words.js";
import { Chime } from "./chime.js";
import { nothingTitle, summary } from "./facts.js";

const HEAD_START_MS = 200;
const ICON = "/static/icon.svg";
const ICON_NEW = "/static/icon-new.svg";

/** @typedef {{id: string, title: string, body: string, occasion: string}} Alert */

/** The alerts of one tab; each is given once over all tabs of the agent. */
export class Alerts {
  #cards;
  #tabs;
  #preferences;
  /** @type {Set<string>} */
  #unseen = new Set();
  /** @type {Map<string, Notification>} */
  #notifications = new Map();
  #title = "";
  chime;

  /**
   * @param {import("./cards.js").Cards} cards
   * @param {import("./tabs.js").Tabs} tabs
   * @param {import("./preferences.js").PreferenceStore} preferences
   */
  constructor(cards, tabs, preferences) {
    this.#cards = cards;
    this.#tabs = tabs;
    this.#preferences = preferences;
    this.chime = new Chime(() => preferences.value.sound);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#seen());
    cards.subscribe((changes) => this.#show(changes));
  }

  /** Whether this browser could allow notifications here; it never does in frames of other sites. */
  static get arePossible() {
    return "Notification" in window && Notification.permission !== "denied";
  }

  /** Whether the browser allows notifications. */
  static get areAllowed() {
    return "Notification" in window && Notification.permission === "granted";
  }

  /** Puts the open card into the title. */
  showCurrent() {
    this.#setTitle(this.#cards.current ? summary(this.#cards.current) : "");
  }

  /** Nothing of the agent stays in the title, nor on the screen. */
  clear() {
    for (const each of this.#notifications.values()) each.close();
    this.#notifications.clear();
    this.#unseen.clear();
    this.#setTitle("");
  }

  /** @param {import("./cards.js").Change[]} changes */
  #show(changes) {
    this.showCurrent();
    for (const change of changes) {
      if (change.kind === "added") this.#alertCard(change.card, "first");
      else if (change.kind === "returned") this.#alertCard(change.card, "back");
      else if (change.kind === "nothing") this.#alertNothing(change.answer);
      else if ("card" in change && isOver(change.kind, change.card)) this.#withdraw(change.card.popup.popup_id);
    }
  }

  /** @param {import("./cards.js").Card} card @param {string} occasion */
  #alertCard(card, occasion) {
    const title = summary(card);
    this.#setTitle(title);
    this.#alert({ id: card.popup.popup_id, title, body: plain(sayWhy(card.popup)), occasion });
  }

  /** @param {NothingFound} answer */
  #alertNothing(answer) {
    const title = nothingTitle(answer);
    this.#setTitle(title);
    this.#alert({ id: answer.click_id, title, body: plain(sayWhy(answer)), occasion: "first" });
  }

  /** @param {string} id */
  #withdraw(id) {
    this.#notifications.get(id)?.close();
    this.#notifications.delete(id);
    this.#unseen.delete(id);
    this.#mark();
  }

  #seen() {
    this.#unseen.clear();
    this.#mark();
  }

  /**
   * The tab that the agent is looking at is ahead of the others: if it claims the alert, no notification is needed.
   * @param {Alert} alert
   */
  async #alert({ id, title, body, occasion }) {
    const isLookedAt = document.visibilityState === "visible" && document.hasFocus();
    if (document.visibilityState !== "visible") this.#unseen.add(id);
    this.#mark();
    this.#ring(`${id}.${occasion}`);
    const mayNotify = this.#preferences.value.alerts && Alerts.areAllowed;
    if (!isLookedAt && !mayNotify) return;
    if (!isLookedAt) await new Promise((resolve) => setTimeout(resolve, HEAD_START_MS));
    if (!(await this.#tabs.claim(`notice.${id}.${occasion}`)) || isLookedAt) return;
    this.#notify(id, title, body);
  }

  /** @param {string} id @param {string} title @param {string} body */
  #notify(id, title, body) {
    const dir = document.documentElement.dir === "rtl" ? "rtl" : "ltr";
    const notification = new Notification(title, { body, tag: id, lang: language, dir, icon: ICON });
    notification.addEventListener("click", () => {
      window.focus();
      notification.close();
    });
    this.#notifications.set(id, notification);
  }

  /** @param {string} id */
  async #ring(id) {
    if (this.#preferences.value.sound && this.chime.isReady && (await this.#tabs.claim(`sound.${id}`))) this.chime.play();
  }

  /** @param {string} title */
  #setTitle(title) {
    this.#title = title;
    this.#mark();
  }

  #mark() {
    const count = this.#unseen.size;
    document.title = [count ? `(${count})` : "", this.#title ? `${this.#title} ·` : "", "popbridge"].filter(Boolean).join(" ");
    const icon = document.querySelector("link[rel=icon]");
    if (icon instanceof HTMLLinkElement) icon.href = count ? ICON_NEW : ICON;
  }
}

/** @param {string} kind @param {import("./cards.js").Card} card */
function isOver(kind, card) {
  return kind === "dismissed" || kind === "snoozed" || (kind === "updated" && card.state === "ended");
}
