// What the agent can do: press again, choose, put away or aside, write, copy, sign out. By mouse and by key.

import { say } from "../words.js";
import { Alerts } from "./alerts.js";
import * as dialogs from "./dialogs.js";
import { callerWords } from "./facts.js";
import * as keys from "./keys.js";
import * as sessions from "./session.js";

const PATIENCE_MS = 1_500;
const TOLD_MS = 6_000;
const WINDOW = "popup,width=460,height=780";
const at = (id) => document.getElementById(id);

/** The deeds of one `Counter`. */
export class Deeds {
  #counter;
  #isPressing = false;
  #telling = 0;

  constructor(counter) {
    this.#counter = counter;
  }

  /** What a card and the shelf need of them. */
  ofCards() {
    const { ask, now, preferences } = this.#counter;
    const noteOf = (popupId) => `/desktop/notes/${encodeURIComponent(popupId)}`;
    const asAgent = ask.bind(this.#counter);
    const written = async (method, popupId, note, options) => {
      await asAgent(method, noteOf(popupId), note, options);
      this.#counter.wire.tell({ written: popupId });
    };
    return {
      now,
      chosenKeys: () => preferences.value.customdata,
      recordHosts: () => this.#counter.session.record_hosts ?? [],
      press: (entry, ivrid) => this.press(entry, ivrid),
      dismiss: (entry) => this.dismiss(entry.popup.popup_id),
      snooze: (entry, minutes) => this.snooze(entry.popup.popup_id, minutes),
      open: (popupId) => this.open(popupId),
      putNothingAway: () => this.putNothingAway(),
      watch: (card) => this.#watch(card),
      notes: {
        read: (popupId) => asAgent("GET", noteOf(popupId)),
        save: (popupId, note, { leaving }) => written("PUT", popupId, note, { keepalive: leaving }),
        send: (popupId, note, { key }) => written("POST", popupId, note, { headers: { "Idempotency-Key": key } }),
      },
    };
  }

  /** The button pressed again, or (`ivrid`) another of the agent's calls chosen. */
  async press(entry, ivrid) {
    if (this.#isPressing) return;
    this.#isPressing = true;
    this.#tell(say("pressing"));
    const asked = { ...(entry && { popup_id: entry.popup.popup_id }), ...(ivrid && { ivrid }) };
    try {
      this.#answered(await this.#counter.ask("POST", "/desktop/press", asked));
    } catch (refused) {
      this.#tell(say(refused.status === 429 ? "press.often" : "press.failed"));
    } finally {
      this.#isPressing = false;
    }
  }

  /** The popup comes on the stream like any other; if that takes long, the answer's own copy is shown. */
  #answered({ click_id, outcome, why, reason, popup }) {
    if (!popup) {
      this.#tell("");
      return this.#counter.takeNothing({ click_id, outcome, why, reason, created_at: new Date(this.#counter.now()).toISOString() });
    }
    this.#tell(say("press.found", { who: callerWords(popup.call.caller) }));
    setTimeout(() => this.#counter.takePopup(popup), PATIENCE_MS);
  }

  /** Put away, here and on every page of the agent. */
  dismiss(popupId) {
    this.#counter.acks.add(popupId, "dismissed");
    this.dismissed(popupId);
    this.#counter.wire.tell({ dismissed: popupId });
  }

  /** It was put away, here or elsewhere. */
  dismissed(popupId) {
    if (!this.#counter.desk.dismiss(popupId)) return;
    this.#counter.alerts.over(popupId);
    this.#drawAround(popupId);
  }

  /** Put aside for some minutes, or until the call ends. */
  snooze(popupId, minutes) {
    const until = this.#counter.now() + minutes * 60_000;
    this.#counter.wire.tell({ snoozed: [popupId, until] });
    this.#snoozed(popupId, until);
  }

  #snoozed(popupId, until) {
    this.#counter.desk.snooze(popupId, until);
    this.#counter.alerts.over(popupId);
    this.#drawAround(popupId);
  }

  /** Draws without a card that the agent may have stood in; the focus goes to what took its place, if it is gone. */
  #drawAround(popupId) {
    const gone = document.querySelector(`[data-popup="${CSS.escape(popupId)}"]`);
    const hadFocus = gone?.contains(document.activeElement);
    this.#counter.draw();
    if (hadFocus && !gone.isConnected) this.#focus();
  }

  /** Opens an earlier card. */
  open(popupId) {
    this.#counter.desk.open(popupId);
    this.#counter.draw();
    this.#focus();
  }

  /** The notice of a press that found nothing is read. */
  putNothingAway() {
    this.#counter.desk.nothing = null;
    this.#counter.draw();
    this.#focus();
  }

  /** Another tab of this agent has done something. */
  told({ acked, dismissed, snoozed, written, signedOut }) {
    if (acked) this.#counter.acks.settled(...acked);
    if (dismissed) this.dismissed(dismissed);
    if (snoozed) this.#snoozed(...snoozed);
    if (written) this.#counter.shelf.cards.find((card) => card.entry.popup.popup_id === written)?.note.readAgain();
    if (signedOut) this.#signOut();
  }

  /** Signs out every tab of this agent in this browser. */
  signOut() {
    this.#counter.wire.tell({ signedOut: true });
    return this.#signOut();
  }

  async #signOut() {
    const { session } = this.#counter.session;
    const saved = this.#counter.shelf.cards.map((card) => card.note.save());
    this.#counter.end("signed-out");
    await Promise.all(saved);
    await sessions.ask("DELETE", "/desktop/session", { bearer: session }).catch(() => {});
  }

  /** Mouse and keys. */
  listen(languages, signal) {
    const { preferences } = this.#counter;
    dialogs.listen(preferences, languages, signal, {
      knownKeys: () => this.#counter.knownKeys(),
      enableAlerts: () => this.#enableAlerts(),
      playSound: () => this.#counter.alerts.chime.play(),
      signOut: () => this.signOut(),
      popOut: () => window.open(sessions.handOver(this.#counter.session), "popbridge", WINDOW),
    });
    at("enable-alerts").addEventListener("click", () => this.#enableAlerts(), { signal });
    at("toggle-sound").addEventListener("click", () => this.#toggleSound(), { signal });
    keys.listen(this.#byKey(), signal);
  }

  #byKey() {
    const { desk, shelf } = { desk: this.#counter.desk, shelf: () => this.#counter.shelf.card };
    return {
      record: () => shelf()?.openRecord(),
      note: () => shelf()?.note.focus(),
      press: () => this.press(desk.find(desk.current)),
      copy: () => shelf()?.copyAll(),
      snooze: () => desk.current && this.snooze(desk.current, 5),
      choose: (number) => shelf()?.choose(number - 1),
      dismiss: () => (desk.current ? this.dismiss(desk.current) : this.putNothingAway()),
      older: () => this.#step(1),
      newer: () => this.#step(-1),
      leave: () => this.#leave(),
      help: () => dialogs.openHelp(),
    };
  }

  /** Esc closes what is in front: a menu, the notice of a press that found nothing, the card. */
  #leave() {
    const { desk, shelf } = this.#counter;
    if (shelf.card?.closeMenu()) return;
    if (desk.nothing) this.putNothingAway();
    else if (desk.current) this.dismiss(desk.current);
  }

  #step(by) {
    const { entries, current } = this.#counter.desk;
    const place = entries.findIndex((entry) => entry.popup.popup_id === current);
    const next = entries[place + by];
    if (next) this.open(next.popup.popup_id);
  }

  async #enableAlerts() {
    const permission = "Notification" in window ? await Notification.requestPermission() : "denied";
    if (permission !== "granted") this.#tell(say(window.top === window ? "alerts.denied" : "alerts.framed"));
    else if (await this.#counter.preferences.change({ alerts: true })) this.#tell(say("alerts.on"));
    dialogs.showChoices(this.#counter.preferences.value);
  }

  async #toggleSound() {
    const sound = !this.#counter.preferences.value.sound;
    if (sound) this.#counter.alerts.chime.play();
    await this.#counter.preferences.change({ sound });
  }

  #watch(card) {
    this.#counter.sight.watch(card);
    card.note.read();
  }

  /** To the open card, or the page's middle when there is none. */
  #focus() {
    (this.#counter.shelf.card?.node ?? at("main")).focus({ preventScroll: false });
  }

  /** One sentence about what was just done. */
  #tell(words) {
    at("told").textContent = words;
    clearTimeout(this.#telling);
    this.#telling = setTimeout(() => (at("told").textContent = ""), TOLD_MS);
  }
}
