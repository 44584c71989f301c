// The note on a card: a draft that saves itself and can be sent to the CRM.

import { button, element, foreign } from "../element.js";
import { RequestFailed, statusOf } from "../http.js";
import { clockTime, say } from "../words.js";

const PAUSE_MS = 700;
const RETRY_MS = 5_000;
const MAX_LENGTH = 4000;
const OUTCOMES = ["solved", "call-back", "passed-on", "wrong-number", "other"];
const NO_KEY = { note: "", key: "" };

export class Note {
  #popupId;
  #actions;
  #timer = 0;
  #isSaved = true;
  #isLoaded = false;
  #isSending = false;
  /** The draft on its way to the bridge: what is sent must not be overtaken by it. @type {Promise<void>} */
  #saving = Promise.resolve();
  #unconfirmed = NO_KEY;
  /** @type {[string, string?]} */
  #status = ["note.draft"];
  #text = element("textarea", { rows: "2", maxlength: MAX_LENGTH, "data-key": "note" });
  #outcome = element("select", { "data-key": "outcome" });
  #statusText = element("span", { class: "note-status soft", role: "status" });
  #sent = element("ul", { class: "note-sent" });
  /** @type {SentNote[]} */
  #sentNotes = [];
  #sendButton = button("", "note-send", () => this.send());

  /** @param {string} popupId @param {import("./actions.js").Actions} actions */
  constructor(popupId, actions) {
    this.#popupId = popupId;
    this.#actions = actions;
    this.#outcome.append(...["", ...OUTCOMES].map((slug) => new Option("", slug)));
    const row = element("div", { class: "note-row" }, [this.#outcome, this.#sendButton, this.#statusText]);
    this.node = element("form", { class: "note" }, [this.#sent, this.#text, row]);
    this.useLanguage();
    this.node.addEventListener("submit", (event) => event.preventDefault());
    this.node.addEventListener("input", () => this.#changed());
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.send();
    });
  }

  /** Puts its own words into the page's present language. */
  useLanguage() {
    this.#text.placeholder = say("note.hint");
    this.#text.setAttribute("aria-label", say("note"));
    this.#outcome.setAttribute("aria-label", say("outcome"));
    for (const option of this.#outcome.options) option.text = say(`outcome.${option.value || "none"}`);
    this.#sendButton.textContent = say("note.send");
    this.#showSent(this.#sentNotes);
    if (this.#statusText.textContent) this.#showStatus(...this.#status);
  }

  /** Whether somebody is writing in it. */
  get isBeingWritten() {
    const focused = document.activeElement;
    return focused !== null && this.node.contains(focused) && focused.matches("textarea, select");
  }

  /** Whether there is something in it that was not sent. */
  get hasDraft() {
    return Boolean(this.#text.value.trim());
  }

  focus() {
    this.#text.focus();
  }

  /** Loads the draft, once; what was written here in the meantime stays. */
  async load() {
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    try {
      const { text, outcome, sent } = await this.#actions.readNote(this.#popupId);
      this.#showSent(sent ?? []);
      if (!this.#isSaved) return;
      this.#text.value = text ?? "";
      this.#outcome.value = outcome && OUTCOMES.includes(outcome) ? outcome : "";
      this.#mark();
    } catch (error) {
      this.#isLoaded = false;
      if (isWorthRetrying(error)) setTimeout(() => this.load(), RETRY_MS);
    }
  }

  /** Another tab has changed it; that text is taken over unless somebody is writing here too. */
  reload() {
    if (!this.#isSaved || (this.isBeingWritten && document.hasFocus())) return;
    this.#isLoaded = false;
    this.load();
  }

  /** Sends it to the CRM. */
  async send() {
    if (!this.#text.value.trim() && !this.#outcome.value) return this.focus();
    if (this.#isSending) return;
    this.#isSending = true;
    clearTimeout(this.#timer);
    this.#showStatus("note.sending");
    const note = this.#value();
    try {
      await this.#saving;
      await this.#actions.sendNote(this.#popupId, note, this.#keyFor(note));
      this.#unconfirmed = NO_KEY;
      this.#showSent([...this.#sentNotes, { ...note, noted_at: new Date().toISOString() }]);
      this.#showStatus("note.sent", clockTime(Date.now()));
      if (this.#isStill(note)) this.#empty();
      else this.#saveIn(PAUSE_MS); // the bridge has emptied the draft
    } catch (error) {
      this.#showStatus(statusOf(error) === 409 ? "note.unsupported" : "note.unsent");
      if (!this.#isSaved) this.#saveIn(RETRY_MS);
    } finally {
      this.#isSending = false;
    }
  }

  /** What was sent leaves the box. */
  #empty() {
    this.#isSaved = true;
    this.#text.value = this.#outcome.value = "";
    this.#mark();
    this.node.dispatchEvent(new CustomEvent("note-sent", { bubbles: true }));
  }

  /** @param {SentNote[]} notes */
  #showSent(notes) {
    this.#sentNotes = notes;
    this.#sent.replaceChildren(...notes.map((note) => element("li", {}, sentNote(note))));
  }

  /** Sending is the thing to do once something is written. */
  #mark() {
    this.node.classList.toggle("note-written", Boolean(this.#text.value.trim() || this.#outcome.value));
  }

  /**
   * The same key for the same note until the bridge has confirmed it: a response may get lost.
   * @param {NoteDraft} draft
   */
  #keyFor(draft) {
    const note = JSON.stringify(draft);
    if (note !== this.#unconfirmed.note) this.#unconfirmed = { note, key: randomKey() };
    return this.#unconfirmed.key;
  }

  /** Saves what is not saved yet; `isLeaving` when the page is about to go away. */
  async save({ isLeaving = false } = {}) {
    clearTimeout(this.#timer);
    if (this.#isSaved) return;
    const note = this.#value();
    const saving = this.#actions.saveNote(this.#popupId, note, isLeaving);
    this.#saving = saving.catch(() => {});
    try {
      await saving;
      if (!this.#isStill(note)) return;
      this.#isSaved = true;
      this.#showStatus("note.saved");
    } catch (error) {
      this.#showStatus("note.unsaved");
      if (isWorthRetrying(error)) this.#saveIn(RETRY_MS);
    }
  }

  #changed() {
    this.#isSaved = false;
    this.#mark();
    this.#showStatus("note.draft");
    this.#saveIn(PAUSE_MS);
  }

  /** @param {number} ms */
  #saveIn(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), ms);
  }

  /**
   * Whether nothing was written since.
   * @param {NoteDraft} note
   */
  #isStill(note) {
    return JSON.stringify(note) === JSON.stringify(this.#value());
  }

  /** @returns {NoteDraft} */
  #value() {
    return { text: this.#text.value, outcome: this.#outcome.value || null };
  }

  /** @param {string} key @param {string} [time] */
  #showStatus(key, time) {
    this.#status = [key, time];
    this.#statusText.textContent = say(key, { time });
  }
}

/**
 * A note as a line: its time, by whom if by somebody else, how the call went, the text.
 * @param {SentNote} note
 * @returns {(Node | string)[]}
 */
export function sentNote({ by, text, outcome, noted_at: at }) {
  const facts = [foreign(clockTime(Date.parse(at))), ...(by ? [" · ", foreign(by)] : []), ...(outcome ? [" · ", outcomeWords(outcome)] : [])];
  return [element("span", { class: "soft" }, facts), element("p", {}, [foreign(text)])];
}

/** @param {string} outcome */
function outcomeWords(outcome) {
  return OUTCOMES.includes(outcome) ? say(`outcome.${outcome}`) : foreign(outcome);
}

function randomKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

/** @param {unknown} error */
function isWorthRetrying(error) {
  return !(error instanceof RequestFailed && error.isFinal);
}
