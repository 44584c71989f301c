// One signed-in agent in one tab: builds the parts, and routes what comes from the bridge and from the other tabs.

import { byId } from "../element.js";
import { plain } from "../text.js";
import { Acks } from "./acks.js";
import { Actions } from "./actions.js";
import { Alerts } from "./alerts.js";
import { Announcer } from "./announcer.js";
import { CardList } from "./card_list.js";
import { Cards } from "./cards.js";
import { commandsFor } from "./commands.js";
import { Connection } from "./connection.js";
import { customdata, updateTimes } from "./facts.js";
import { prepareHelp } from "./help.js";
import { listen } from "./keys.js";
import { PreferenceStore } from "./preferences.js";
import { RecordOpener } from "./record_opener.js";
import { SeenTracker } from "./seen.js";
import { Session } from "./session.js";
import { Settings } from "./settings.js";
import { ShiftList } from "./shift_list.js";

const TICK_MS = 1_000;
const STAY_MS = 900_000;
/** The notice for each reason that the bridge gives for the end of a session. @type {Record<string, string>} */
const ENDS = {
  expired: "session-expired",
  "bad-token": "session-expired",
  revoked: "session-revoked",
  "revoked-token": "session-revoked",
  "signed-out": "signed-out",
  "no-token": "signed-out",
  another: "session-replaced",
  "unknown-agent": "session-unknown-agent",
};

/**
 * The page around it.
 * @typedef {object} Page
 * @property {Language[]} languages
 * @property {(state: import("../sse.js").StreamState, detail?: number | string) => void} showConnection
 * @property {(notice: string) => void} signedOut
 * @property {(preferences: Preferences) => Promise<void>} applyLook language and theme
 */

export class Desktop {
  #page;
  #session;
  #cards = new Cards();
  #preferences;
  #acks;
  #connection;
  #actions;
  #shift;
  #list;
  #alerts;
  #announcer;
  #settings;

  /** @param {SessionData} data @param {Page} page */
  constructor(data, page) {
    this.#page = page;
    const session = (this.#session = new Session(data, (reason) => void this.#refused(reason)));
    const stored = session.storedCards();
    if (stored) this.#cards.merge(stored.cards);
    this.#preferences = new PreferenceStore(
      data.preferences,
      (value) => session.send("PUT", "/desktop/preferences", value),
      (value, previous) => this.#showPreferences(value, previous),
    );
    this.#acks = new Acks(
      (popup_id, event) => session.send("POST", "/desktop/ack", { popup_id, event }),
      (popupId, event) => this.#connection.tell({ acked: [popupId, event] }),
    );
    this.#connection = this.#connect(stored?.lastId ?? null);
    const actions = new Actions(session, this.#cards, this.#acks, (message) => this.#connection.tell(message));
    const seen = new SeenTracker((popupId) => this.#acks.add(popupId, "shown"));
    this.#actions = actions;
    this.#shift = new ShiftList(this.#cards, actions, session.ended);
    this.#list = new CardList(this.#cards, { actions, session, preferences: this.#preferences, shift: this.#shift }, seen);
    this.#alerts = new Alerts(this.#cards, this.#connection.tabs, this.#preferences);
    this.#announcer = new Announcer(this.#cards);
    new RecordOpener(this.#cards, session, this.#preferences, this.#connection.tabs);
    this.#cards.subscribe(() => this.#store());
    this.#settings = this.#createSettings();
    prepareHelp(session.agent, session.ended);
    listen(commandsFor(this.#cards, this.#list, actions), session.ended);
    this.#start();
  }

  /** The page is about to go away. */
  leave() {
    for (const note of this.#list.notes) note.save({ isLeaving: true });
    this.#store();
    this.#connection.close();
  }

  /** @param {string | null} lastId */
  #connect(lastId) {
    const { owner, token } = this.#session;
    return new Connection(`popbridge ${owner}`, token, lastId, {
      onEvent: (event, data) => this.#takeEvent(event, data),
      onState: this.#page.showConnection,
      snapshot: () => ({ cards: this.#cards.snapshot(), clockOffset: this.#session.clockOffset }),
      merge: ({ cards, clockOffset }) => {
        this.#session.clockOffset = clockOffset;
        this.#cards.merge(cards);
      },
      onLead: () => this.#acks.flush(),
      onRefused: (reason) => void this.#refused(reason),
      onTabMessage: (message) => this.#takeTabMessage(message),
    });
  }

  #createSettings() {
    const needs = {
      preferences: this.#preferences,
      languages: this.#page.languages,
      chime: this.#alerts.chime,
      customdataKeys: () => this.#customdataKeys(),
      signOut: () => this.#signOutEverywhere(),
      choosesPop: () => this.#session.choosesPop,
      popOut: () => void this.#session.openWindow(),
    };
    return new Settings(needs, this.#session.ended);
  }

  #start() {
    byId("agent-name").textContent = plain(this.#session.agent.name || this.#session.agent.crm_user);
    for (const { popup } of this.#cards.all) {
      if (Date.parse(popup.expires_at) > Date.now()) this.#acks.add(popup.popup_id, "delivered");
    }
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    const staying = setInterval(() => void this.#session.stay(), STAY_MS);
    this.#session.ended.addEventListener("abort", () => [ticking, staying].forEach(clearInterval));
    this.#session.checkWhenVisible((value) => this.#preferences.set(value));
    this.#list.draw();
    this.#alerts.showCurrent();
    this.#store();
  }

  /** @param {string} event @param {any} data see types.d.ts for each event's shape */
  #takeEvent(event, data) {
    if (event === "hello") this.#greet(data);
    else if (event === "popup") this.#takePopup(data);
    else if (event === "nothing") this.#cards.showNothing(data);
    else if (event === "call") this.#cards.update(data);
    else if (event === "contact") this.#cards.identify(data.popup_id, data.contact);
    else if (event === "dismissed") this.#cards.dismiss(data.popup_id);
    else if (event === "preferences") this.#preferences.set(data);
    else if (event === "shift") this.#shift.refresh();
    else if (event === "passed-on") void this.#actions.readPassedOn(data.popup_id);
    this.#store();
  }

  /** @param {Hello} hello */
  #greet({ now, preferences, record_hosts: hosts, creates_contacts: creates, chooses_pop: chooses, usual_pop: usual, ended_card_seconds: stays }) {
    this.#session.clockOffset = Date.parse(now) - Date.now() || 0;
    if (preferences) this.#preferences.set(preferences);
    const isSame = String(hosts) === String(this.#session.recordHosts) && creates === this.#session.createsContacts;
    this.#session.update({ record_hosts: hosts, creates_contacts: creates, chooses_pop: chooses, usual_pop: usual, ended_card_seconds: stays });
    if (isSame) this.#list.draw();
    else this.#list.rebuild();
  }

  /** @param {Popup} popup */
  #takePopup(popup) {
    this.#acks.add(popup.popup_id, "delivered", this.#connection.tabs.leads);
    this.#cards.add(popup);
    if (popup.passed_on) void this.#actions.readPassedOn(popup.popup_id);
    this.#shift.refresh();
  }

  /** @param {import("./connection.js").TabMessage} message */
  #takeTabMessage({ acked, dismissed, snoozed, noteChanged, signedOut }) {
    if (acked) this.#acks.settled(...acked);
    if (dismissed) this.#cards.dismiss(dismissed);
    if (snoozed) this.#cards.snooze(...snoozed);
    if (noteChanged) this.#list.reloadNote(noteChanged);
    if (dismissed || noteChanged) this.#shift.refresh();
    if (signedOut) this.#signOut();
  }

  #tick() {
    updateTimes(this.#session.now);
    this.#cards.wake(this.#session.now(), this.#session.endedCardSeconds);
  }

  /** @param {Preferences} value @param {Preferences} previous */
  async #showPreferences(value, previous) {
    if (this.#session.ended.aborted) return;
    this.#session.update({ preferences: value });
    if (value.language !== previous.language || value.theme !== previous.theme) await this.#page.applyLook(value);
    if (this.#session.ended.aborted) return;
    this.#settings.draw();
    this.#list.rebuild();
    this.#alerts.showCurrent();
  }

  /** The names of the custom data on the cards, and those chosen before. */
  #customdataKeys() {
    const seen = this.#cards.all.flatMap((card) => customdata(card.call, null).map(([key]) => key));
    return [...new Set([...(this.#preferences.value.customdata ?? []), ...seen])].sort();
  }

  #store() {
    this.#session.storeCards({ cards: this.#cards.snapshot(), lastId: this.#connection.lastId });
  }

  #signOutEverywhere() {
    this.#connection.tell({ signedOut: true });
    return this.#signOut();
  }

  async #signOut() {
    const saved = this.#list.notes.map((note) => note.save());
    this.#end("signed-out");
    await Promise.all(saved);
    await this.#session.signOut();
  }

  /**
   * The session has ended. If the agent has signed in anew meanwhile, in another tab, this one goes on with that.
   * @param {string} reason as the bridge gives it, or ""
   */
  async #refused(reason) {
    if (this.#session.ended.aborted) return;
    const successor = reason === "unknown-agent" ? null : await this.#session.successor();
    if (successor === "agent") location.reload();
    else this.#end(successor ?? reason);
  }

  /** The agent is not signed in any more. @param {string} reason as the bridge gives it, or "" */
  #end(reason) {
    if (this.#session.ended.aborted) return;
    this.#session.end();
    this.#acks.stop();
    this.#connection.close();
    this.#cards.close();
    this.#list.clear();
    this.#alerts.clear();
    this.#announcer.clear();
    this.#page.signedOut(ENDS[reason] ?? "session-over");
  }
}
