// Where everything about a signed-in agent meets: events come in here, and the page is drawn by them.

import { plain } from "../shown.js";
import { say, cause } from "../words.js";
import { Acks } from "./acks.js";
import { Alerts } from "./alerts.js";
import { Deeds } from "./deeds.js";
import { Desk } from "./desk.js";
import * as dialogs from "./dialogs.js";
import { customdata, spoken, tick } from "./facts.js";
import { Preferences } from "./preferences.js";
import * as sessions from "./session.js";
import { Shelf } from "./shelf.js";
import { Sight } from "./sight.js";
import { Wire } from "./wire.js";

const TICK_MS = 1_000;
const LOOK_AGAIN_MS = 60_000;
const ENDS = { expired: "session-expired", revoked: "session-revoked", "signed-out": "signed-out" };
const at = (id) => document.getElementById(id);

/** One agent in one tab. `page` has `languages`, `line(state, detail)`, `signedOut(key)` and `turnTo(preferences)`. */
export class Counter {
  desk = new Desk();
  #page;
  #ahead = 0;
  #ended = new AbortController();

  constructor(session, page) {
    this.session = session;
    this.#page = page;
    this.owner = `${session.agent.crm} ${session.agent.crm_user}`;
    this.preferences = new Preferences(session.preferences, (value) => this.#save(value), (...both) => this.#chosen(...both));
    this.acks = new Acks((popup_id, event) => this.ask("POST", "/desktop/ack", { popup_id, event }),
      (popupId, event) => this.wire.tell({ acked: [popupId, event] }));
    this.deeds = new Deeds(this);
    this.shelf = new Shelf(this.desk, this.deeds.ofCards());
    this.sight = new Sight((popupId) => this.acks.add(popupId, "shown"));
    this.wire = this.#connect(sessions.keptCards(this.owner));
    this.alerts = new Alerts(this.wire.tabs, () => this.preferences.value);
    this.#open();
  }

  /** The bridge's clock, in milliseconds. */
  now = () => Date.now() + this.#ahead;

  /** Asks the bridge as this agent. A session that has ended is said so on the page. Raises `Refused`. */
  async ask(method, path, body, options = {}) {
    try {
      return await sessions.ask(method, path, { bearer: this.session.session, body, ...options });
    } catch (refused) {
      if (refused.status === 401) this.end("");
      throw refused;
    }
  }

  /** Draws everything anew and keeps it for a reload. */
  draw() {
    if (this.#ended.signal.aborted) return;
    this.shelf.draw();
    const entry = this.desk.find(this.desk.current);
    this.alerts.entitle(entry ? spoken(entry) : "");
    this.keep();
  }

  /** Keeps the cards for a reload of this tab. */
  keep() {
    if (this.#ended.signal.aborted) return;
    sessions.keepCards(this.owner, { desk: this.desk.snapshot(), lastId: this.wire.lastId });
  }

  /** A popup is here, from the stream or as a press's own answer. Whether it is new. */
  takePopup(popup) {
    if (this.#ended.signal.aborted || !this.desk.take(popup)) return false;
    this.draw();
    const entry = this.desk.find(popup.popup_id);
    this.#present(entry);
    return true;
  }

  /** A press has found nothing. */
  takeNothing(answer) {
    if (this.#ended.signal.aborted || !this.desk.takeNothing(answer)) return;
    this.draw();
    this.alerts.foundNothing(answer);
    announce(`${at("nothing").querySelector("h2").textContent}. ${cause(answer)}`);
  }

  /** The agent is not signed in any more, for `reason`. */
  end(reason) {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.acks.stop();
    this.wire.leave();
    this.shelf.clear();
    this.alerts.entitle("");
    announce("");
    announce("", true);
    this.#page.signedOut(ENDS[reason] ?? "session-over");
  }

  /** The page is going away. */
  leave() {
    for (const card of this.shelf.cards) card.note.save({ leaving: true });
    this.keep();
    this.wire.leave();
  }

  /** The custom data's names seen on the cards so far, and those chosen before. */
  knownKeys() {
    const seen = this.desk.entries.flatMap((entry) => customdata(entry.call, null).map(([key]) => key));
    return [...new Set([...(this.preferences.value.customdata ?? []), ...seen])].sort();
  }

  #connect(kept) {
    if (kept) this.desk.merge(kept.desk);
    return new Wire(`popbridge ${this.owner}`, {
      bearer: this.session.session,
      lastId: kept?.lastId ?? null,
      take: (event) => this.#take(event),
      line: (...state) => this.#page.line(...state),
      snapshot: () => ({ ...this.desk.snapshot(), ahead: this.#ahead }),
      merge: ({ ahead, ...snapshot }) => {
        this.#ahead = ahead;
        this.desk.merge(snapshot);
        this.draw();
      },
      leads: () => this.acks.flush(),
      refused: (reason) => this.end(reason),
      told: (note) => this.deeds.told(note),
    });
  }

  #open() {
    const { signal } = this.#ended;
    at("whose").textContent = plain(this.session.agent.name || this.session.agent.crm_user);
    this.deeds.listen(this.#page.languages, signal);
    dialogs.showChoices(this.preferences.value);
    dialogs.showBookmarklet(this.session.agent);
    const fresh = this.desk.entries.filter((entry) => Date.parse(entry.popup.expires_at) > Date.now());
    for (const entry of fresh) this.acks.add(entry.popup.popup_id, "delivered");
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(ticking));
    this.#lookAgain(signal);
    this.draw();
  }

  /** A tab that only hears from another finds out for itself, when looked at, whether its own session still holds. */
  #lookAgain(signal) {
    let last = Date.now();
    const looked = () => {
      if (document.visibilityState !== "visible" || Date.now() - last < LOOK_AGAIN_MS) return;
      last = Date.now();
      this.ask("GET", "/desktop/preferences").then((value) => this.preferences.take(value), () => {});
    };
    document.addEventListener("visibilitychange", looked, { signal });
  }

  #take({ event, data }) {
    if (event === "hello") this.#greeted(data);
    else if (event === "popup") this.#popped(data);
    else if (event === "nothing") this.takeNothing(data);
    else if (event === "call") this.#followed(data);
    else if (event === "dismissed") this.deeds.dismissed(data.popup_id);
    else if (event === "preferences") this.preferences.take(data);
    this.keep();
  }

  #greeted({ now, preferences, record_hosts: hosts }) {
    this.#ahead = Date.parse(now) - Date.now() || 0;
    if (preferences) this.preferences.take(preferences);
    if (String(hosts) === String(this.session.record_hosts)) return;
    this.session = { ...this.session, record_hosts: hosts };
    sessions.remember(this.session);
    this.shelf.makeAnew();
  }

  #popped(popup) {
    this.acks.add(popup.popup_id, "delivered", this.wire.tabs.leads);
    this.takePopup(popup);
  }

  #followed(update) {
    const changed = this.desk.update(update);
    this.shelf.age(update.popup_id);
    if (!changed.length) return;
    for (const { entry, was, isBack } of changed) this.#changed(entry, was, isBack);
    this.draw();
    for (const { entry, isBack } of changed) if (isBack) this.#present(entry, true);
  }

  #changed(entry, was, isBack) {
    const popupId = entry.popup.popup_id;
    this.shelf.redraw(popupId);
    if (entry.state === "ended") this.alerts.over(popupId);
    if (was !== entry.state && popupId === this.desk.current && !isBack) announce(spoken(entry));
  }

  #tick() {
    tick(this.now);
    const due = this.desk.wake(this.now());
    if (!due.length) return;
    this.draw();
    for (const entry of due) this.#present(entry, true);
  }

  /** A card has come before the agent: the eye and the ear are told. */
  #present(entry, isBack = false) {
    if (entry.popup.popup_id === this.desk.current) this.shelf.card?.node.classList.add("card-new");
    this.alerts.popped(entry, isBack);
    announce(isBack ? say("snooze.back", { what: spoken(entry) }) : spoken(entry), entry.state === "ringing");
  }

  async #save(value) {
    return this.ask("PUT", "/desktop/preferences", value);
  }

  async #chosen(value, before) {
    if (this.#ended.signal.aborted) return;
    this.session = { ...this.session, preferences: value };
    sessions.remember(this.session);
    if (value.language !== before.language || value.theme !== before.theme) await this.#page.turnTo(value);
    if (this.#ended.signal.aborted) return;
    dialogs.showChoices(value);
    dialogs.fillIfOpen(value, this.#page.languages, this.knownKeys());
    this.shelf.makeAnew();
    this.draw();
  }
}

/** For a screen reader: politely, or at once for a phone that rings. */
function announce(words, isUrgent = false) {
  at(isUrgent ? "urgent" : "spoken").textContent = words;
}
