// The note of a card: a draft that saves itself, and goes to the CRM when it is sent.

import { button, element } from "../element.js";
import { clockTime, say } from "../words.js";

const PAUSE_MS = 700;
const RETRY_MS = 5_000;
const LONGEST = 4000;
const OUTCOMES = ["solved", "call-back", "passed-on", "wrong-number", "other"];

/** `notes` keeps them: read(id), save(id, note, {leaving}), send(id, note, {key}); each raises when it cannot. */
export class Note {
  #id;
  #notes;
  #timer = 0;
  #isSaved = true;
  #isRead = false;
  #isSending = false;
  #underWay = { written: "", key: "" };
  #toldLast = null;
  #text = element("textarea", { rows: "2", maxlength: String(LONGEST), "data-key": "note" });
  #outcome = element("select", { "data-key": "outcome" });
  #told = element("span", { class: "note-told soft", role: "status" });

  #sendButton = button("", "note-send", () => this.send());

  constructor(popupId, notes) {
    this.#id = popupId;
    this.#notes = notes;
    this.#outcome.append(...["", ...OUTCOMES].map((slug) => new Option("", slug)));
    const row = element("div", { class: "note-row" }, [this.#outcome, this.#sendButton, this.#told]);
    this.node = element("form", { class: "note" }, [this.#text, row]);
    this.speak();
    this.node.addEventListener("submit", (event) => event.preventDefault());
    this.node.addEventListener("input", () => this.#changed());
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.send();
    });
  }

  /** Its own words, in the page's present language. */
  speak() {
    this.#text.placeholder = say("note.hint");
    this.#text.setAttribute("aria-label", say("note"));
    this.#outcome.setAttribute("aria-label", say("outcome"));
    for (const option of this.#outcome.options) option.text = say(`outcome.${option.value || "none"}`);
    this.#sendButton.textContent = say("note.send");
    if (this.#toldLast) this.#tell(...this.#toldLast);
  }

  /** Whether somebody is writing in it now. */
  get isBeingWritten() {
    return this.node.contains(document.activeElement) && document.activeElement.matches("textarea, select");
  }

  /** Puts the cursor into it. */
  focus() {
    this.#text.focus();
  }

  /** Fetches the draft, once; what was written here meanwhile stays. */
  async read() {
    if (this.#isRead) return;
    this.#isRead = true;
    try {
      const { text, outcome, sent_at: sentAt } = await this.#notes.read(this.#id);
      if (!this.#isSaved) return;
      this.#text.value = text ?? "";
      this.#outcome.value = OUTCOMES.includes(outcome) ? outcome : "";
      if (sentAt) this.#tell("note.sent", clockTime(Date.parse(sentAt)));
    } catch (refused) {
      this.#isRead = false;
      if (isWorthTryingAgain(refused)) setTimeout(() => this.read(), RETRY_MS);
    }
  }

  /** Another tab has written: its words are the later ones, unless somebody writes here too. */
  readAgain() {
    if (!this.#isSaved || (this.isBeingWritten && document.hasFocus())) return;
    this.#isRead = false;
    this.read();
  }

  /** To the CRM. */
  async send() {
    if (!this.#text.value.trim() && !this.#outcome.value) return this.focus();
    if (this.#isSending) return;
    this.#isSending = true;
    clearTimeout(this.#timer);
    this.#tell("note.sending");
    const written = this.#written();
    try {
      await this.#notes.send(this.#id, written, { key: this.#keyOf(written) });
      this.#underWay = { written: "", key: "" };
      if (!this.#isStill(written)) return;
      this.#isSaved = true;
      this.#tell("note.sent", clockTime(Date.now()));
    } catch (refused) {
      this.#tell(refused.status === 409 ? "note.unwanted" : "note.unsent");
      if (!this.#isSaved) this.#saveIn(RETRY_MS);
    } finally {
      this.#isSending = false;
    }
  }

  /** The same for the same words until the bridge is known to have them: an answer may be lost on its way. */
  #keyOf(note) {
    const written = JSON.stringify(note);
    if (written !== this.#underWay.written) this.#underWay = { written, key: randomKey() };
    return this.#underWay.key;
  }

  /** Saves what is not saved yet; `leaving` when the page is going away. */
  async save({ leaving = false } = {}) {
    clearTimeout(this.#timer);
    if (this.#isSaved) return;
    const written = this.#written();
    try {
      await this.#notes.save(this.#id, written, { leaving });
      if (!this.#isStill(written)) return;
      this.#isSaved = true;
      this.#tell("note.saved");
    } catch (refused) {
      this.#tell("note.unsaved");
      if (isWorthTryingAgain(refused)) this.#saveIn(RETRY_MS);
    }
  }

  #changed() {
    this.#isSaved = false;
    this.#tell("note.draft");
    this.#saveIn(PAUSE_MS);
  }

  #saveIn(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), ms);
  }

  /** Whether nothing was written since. */
  #isStill(written) {
    return JSON.stringify(written) === JSON.stringify(this.#written());
  }

  #written() {
    return { text: this.#text.value, outcome: this.#outcome.value || null };
  }

  #tell(key, time) {
    this.#toldLast = [key, time];
    this.#told.textContent = say(key, { time });
  }
}

function randomKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

/** The bridge is away or hurried; a refusal for good (signed out, no such popup any more) would stay one. */
function isWorthTryingAgain({ status }) {
  return !(status >= 400 && status < 500) || status === 429;
}
