// The agent's calls of the last day, as the bridge keeps them: one row for a call, searched, the missed ones to call back.

import { button, byId, copyButton, element, foreign, ltr, redraw } from "../element.js";
import { isolated, plain } from "../text.js";
import { minuteTime, say, sayValue } from "../words.js";
import { callerName, cardName, stateChip, stateWords } from "./facts.js";

const GATHER_MS = 250;
const RETRY_MS = 10_000;
const ARROWS = /** @type {Record<string, string>} */ ({ incoming: "↙", outgoing: "↗", internal: "↔" });
const NO_ROWS = /** @type {ShiftPage} */ ({ items: [], next_cursor: null, to_call_back: 0 });

/** @typedef {import("./cards.js").Card} Card */

export class ShiftList {
  #cards;
  #actions;
  #signal;
  #page = NO_ROWS;
  #search = "";
  #missed = false;
  #timer = 0;
  #asked = 0;
  #isStale = true;
  /** @type {Card[]} */
  #elsewhere = [];

  /**
   * @param {import("./cards.js").Cards} cards
   * @param {import("./actions.js").Actions} actions
   * @param {AbortSignal} signal
   */
  constructor(cards, actions, signal) {
    this.#cards = cards;
    this.#actions = actions;
    this.#signal = signal;
    /** @param {string} id @param {string} event @param {() => void} act */
    const on = (id, event, act) => byId(id).addEventListener(event, act, { signal });
    on("shift-all", "click", () => this.#show({ missed: false }));
    on("shift-missed", "click", () => this.#show({ missed: true }));
    on("shift-search", "input", () => this.#show({ search: byId("shift-search", HTMLInputElement).value }));
    on("shift-more", "click", () => void this.#load(this.#page.next_cursor));
    document.addEventListener("visibilitychange", () => this.#isStale && this.refresh(), { signal });
    signal.addEventListener("abort", () => this.#clear());
    this.refresh();
  }

  /** Reads the list soon: again once something has changed. A page that nobody looks at waits until somebody does. */
  refresh(after = GATHER_MS) {
    this.#isStale = true;
    if (document.visibilityState !== "visible" || this.#signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(null), after);
  }

  /**
   * When the call with the same number before this one was, in milliseconds; null if the list shows none.
   * @param {Card} card
   */
  previousTo(card) {
    const { kind, number } = card.call.caller;
    const isBefore = (/** @type {ShiftCall} */ call) => call.caller.number === number && call.at < card.popup.created_at;
    const found = kind === "number" && this.#page.items.find((call) => isBefore(call) && this.#cards.find(call.popup_id) !== card);
    return found ? Date.parse(found.at) : null;
  }

  /** @param {{missed?: boolean, search?: string}} wanted */
  #show({ missed = this.#missed, search = this.#search }) {
    [this.#missed, this.#search] = [missed, search];
    this.draw(this.#elsewhere);
    this.refresh();
  }

  /** @param {string | null} cursor of the next page; null: from the beginning */
  async #load(cursor) {
    const asked = ++this.#asked;
    try {
      const page = await this.#actions.readShift({ search: this.#search, missed: this.#missed, cursor });
      if (asked !== this.#asked || this.#signal.aborted) return;
      this.#isStale = false;
      this.#page = cursor ? { ...page, items: [...this.#page.items, ...page.items] } : page;
      this.draw(this.#elsewhere);
    } catch {
      if (asked === this.#asked) this.refresh(RETRY_MS);
    }
  }

  #clear() {
    clearTimeout(this.#timer);
    this.#page = NO_ROWS;
    byId("shift-search", HTMLInputElement).value = "";
    byId("earlier-list").replaceChildren();
    byId("earlier").hidden = true;
  }

  /**
   * Draws the rows.
   * @param {Card[]} elsewhere the cards that the page shows above: they are no rows
   */
  draw(elsewhere) {
    this.#elsewhere = elsewhere;
    const rows = this.#rows();
    const isFiltered = this.#missed || this.#search.trim() !== "";
    byId("earlier").hidden = !rows.length && !isFiltered && !this.#page.to_call_back;
    byId("shift-all").setAttribute("aria-pressed", String(!this.#missed));
    byId("shift-missed").setAttribute("aria-pressed", String(this.#missed));
    byId("shift-missed").textContent = say("shift.missed", { count: this.#page.to_call_back });
    byId("shift-missed").classList.toggle("has-some", this.#page.to_call_back > 0);
    byId("shift-search", HTMLInputElement).placeholder = say("shift.search");
    byId("shift-more").hidden = this.#page.next_cursor === null;
    byId("shift-empty").textContent = rows.length || !isFiltered ? "" : say("shift.nothing");
    redraw(byId("earlier-list"), rows);
  }

  /** The calls that the bridge has, and cards of this page that it has not told of yet. */
  #rows() {
    const listed = this.#page.items.map((call) => ({ call, card: this.#cards.find(call.popup_id) }));
    const known = new Set(listed.map(({ card }) => card));
    const isWhole = !this.#missed && !this.#search.trim();
    const missing = isWhole ? this.#cards.all.filter((card) => !known.has(card)) : [];
    return [
      ...missing.filter((card) => !this.#elsewhere.includes(card)).map((card) => this.#cardRow(card)),
      ...listed.filter(({ card }) => !card || !this.#elsewhere.includes(card)).map((row) => this.#row(row)),
    ];
  }

  /** @param {Card} card */
  #cardRow(card) {
    const { caller } = card.call;
    const facts = { name: cardName(card), caller, direction: card.call.direction, state: cardChip(card), at: Date.parse(card.popup.created_at) };
    return element("li", {}, [this.#opener(card.popup.popup_id, rowWords({ ...facts, mark: card.dismissed ? say("dismissed") : "" }), facts.name)]);
  }

  /** @param {{call: ShiftCall, card: Card | undefined}} row */
  #row({ call, card }) {
    const name = card ? cardName(card) : rowName(call);
    const words = rowWords({ ...call, hasNumber: !call.to_call_back, name, state: rowState(call, card), at: Date.parse(call.at), mark: rowMark(call, card) });
    const what = call.popup_id ? this.#opener(call.popup_id, words, name) : element("div", { class: "earlier-card" }, words);
    return element("li", { class: call.missed ? "row-missed" : null }, [what, call.to_call_back ? callBack(call) : null]);
  }

  /** @param {string} popupId @param {Node[]} words @param {string} who */
  #opener(popupId, words, who) {
    const open = button("", `open-${popupId}`, () => void this.#actions.openAgain(popupId), { class: "earlier-card" });
    open.append(...words, element("span", { class: "visually-hidden" }, [say("shift.open", { who })]));
    return open;
  }
}

/** @param {{name: string, caller: Caller, direction: string, state: Node | null, at: number, mark: string, hasNumber?: boolean}} row @returns {Node[]} */
function rowWords({ name, caller, direction, state, at, mark, hasNumber = true }) {
  const isNumber = name === plain(caller.number).trim();
  const number = hasNumber && caller.kind === "number" && !isNumber ? element("span", { class: "soft" }, [ltr(caller.number)]) : null;
  const end = element("span", { class: "soft earlier-mark" }, [mark, mark ? " · " : "", foreign(minuteTime(at))]);
  const who = element("span", { class: "other-who" }, [isNumber ? ltr(name) : foreign(name), number]);
  return [arrow(direction), who, ...(state ? [state] : []), end];
}

/** Which way the call went, at a glance. @param {string} direction */
function arrow(direction) {
  const words = element("span", { class: "visually-hidden" }, [sayValue("direction", direction)]);
  return element("span", { class: "arrow" }, [element("span", { "aria-hidden": "true" }, [ARROWS[direction] ?? "·"]), words]);
}

/** How the call of a card stands, unless it has just ended. @param {Card} card */
function cardChip(card) {
  return card.state === "ended" && card.answeredBy === null ? null : stateChip(card.state, stateWords(card));
}

/** @param {ShiftCall} call */
function rowName({ caller, contact }) {
  return plain(contact?.name ?? "").trim() || callerName(caller);
}

/** @param {ShiftCall} call @param {Card} [card] */
function rowState(call, card) {
  if (call.missed) return missedChip(call);
  return card ? cardChip(card) : endChip(call);
}

/** @param {ShiftCall} call @param {Card} [card] */
function rowMark(call, card) {
  const marks = [
    card?.dismissed && !call.missed ? say("dismissed") : "",
    call.noted_at ? say("shift.noted") : "",
    call.called_back ? say("shift.called-back") : "",
  ];
  return marks.filter(Boolean).join(" · ");
}

/** @param {ShiftCall} call */
function missedChip({ times, to_call_back: isNewest }) {
  const words = isNewest && times > 1 ? say("shift.missed-times", { count: times }) : say("shift.missed-once");
  return element("span", { class: "chip chip-missed" }, [words]);
}

/** How a call ended whose card this page has not, where that is worth a word. @param {ShiftCall} call */
function endChip({ answered_by: by, outcome, direction }) {
  if (by !== null) return stateChip("ended", by ? say("answered.by", { who: isolated(plain(by)) }) : say("answered.elsewhere"));
  const hasFailed = direction === "outgoing" && outcome !== null && outcome !== "answered";
  return hasFailed ? stateChip("ended", say("shift.no-answer")) : null;
}

/** Calls the number by the agent's own phone program, or copies it. @param {ShiftCall} call */
function callBack({ call_id: id, caller }) {
  const number = caller.e164_guessed ? caller.number : (caller.e164 ?? caller.number);
  if (caller.kind !== "number" || !/^\+?[0-9]{3,}$/.test(number)) return null;
  const attributes = { class: "quiet", href: `tel:${number}`, "data-key": `call-${id}`, "aria-label": say("shift.call-back.who", { who: isolated(number) }) };
  const words = [say("shift.call-back"), " ", ltr(caller.number)];
  return element("span", { class: "row-actions" }, [element("a", attributes, words), copyButton(number, `copy-${id}`)]);
}
