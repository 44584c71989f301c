// Drawing an agent's eye who looks elsewhere: the page's title and icon, a notification, a sound.

import { language, say, cause } from "../words.js";
import { spoken } from "./facts.js";
import { Chime } from "./chime.js";

const HEADSTART_MS = 200;
const ICON = "/static/icon.svg";
const ICON_NEW = "/static/icon-new.svg";

/** Alerts of one tab. `tabs.claim` makes them happen once over all tabs; `preferences()` are the agent's present ones. */
export class Alerts {
  #tabs;
  #preferences;
  #unseen = new Set();
  #shown = new Map();
  #title = "";

  constructor(tabs, preferences) {
    this.#tabs = tabs;
    this.#preferences = preferences;
    this.chime = new Chime(() => preferences().sound);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.seen());
  }

  /** Whether notifications can be asked for here: browsers refuse it to frames of other sites. */
  static get arePossible() {
    return "Notification" in window && Notification.permission !== "denied";
  }

  /** Whether the browser lets us notify. */
  static get areAllowed() {
    return "Notification" in window && Notification.permission === "granted";
  }

  /** A new card, or (`isBack`) one that was put aside. */
  popped(entry, isBack = false) {
    this.#title = spoken(entry);
    this.#draw(entry.popup.popup_id, { title: spoken(entry), body: cause(entry.popup), time: isBack ? "back" : "first" });
  }

  /** A press of the button has found nothing. */
  foundNothing({ click_id: clickId, outcome, why, reason }) {
    this.#title = say(`answer.title.${outcome}`);
    this.#draw(clickId, { title: this.#title, body: cause({ why, reason }) });
  }

  /** The open card has changed, or (empty) there is none. */
  entitle(words) {
    this.#title = words;
    this.#mark();
  }

  /** The card needs no notification any more. */
  over(id) {
    this.#shown.get(id)?.close();
    this.#shown.delete(id);
    this.#unseen.delete(id);
    this.#mark();
  }

  /** The agent looks at the page. */
  seen() {
    this.#unseen.clear();
    this.#mark();
  }

  async #draw(id, { title, body, time = "first" }) {
    const isLookedAt = document.visibilityState === "visible" && document.hasFocus();
    if (document.visibilityState !== "visible") this.#unseen.add(id);
    this.#mark();
    this.#ring(`${id}.${time}`);
    const notifies = this.#preferences().alerts && Alerts.areAllowed;
    if (!isLookedAt && !notifies) return;
    if (!isLookedAt) await new Promise((resolve) => setTimeout(resolve, HEADSTART_MS));
    if (!(await this.#tabs.claim(`notice.${id}.${time}`)) || isLookedAt) return;
    this.#notify(id, title, body);
  }

  #notify(id, title, body) {
    const shown = new Notification(title, { body, tag: id, lang: language, dir: document.documentElement.dir, icon: ICON });
    shown.addEventListener("click", () => {
      window.focus();
      shown.close();
    });
    this.#shown.set(id, shown);
  }

  async #ring(id) {
    if (this.#preferences().sound && this.chime.isReady && (await this.#tabs.claim(`sound.${id}`))) this.chime.play();
  }

  #mark() {
    const count = this.#unseen.size;
    document.title = [count ? `(${count})` : "", this.#title ? `${this.#title} ·` : "", "popbridge"].filter(Boolean).join(" ");
    document.querySelector("link[rel=icon]").href = count ? ICON_NEW : ICON;
  }
}
