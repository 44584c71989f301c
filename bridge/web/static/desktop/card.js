// A popup as a card: what it says, follows its call; what can be done, and the note, stay as they are meanwhile.

import { button, copied, element, foreign, ltr, redraw, saidFor } from "../element.js";
import { clockTime, say, cause } from "../words.js";
import { asText, callerWords, chips, details, dialled, stateChip, stateOf, timer, who } from "./facts.js";
import { Note } from "./note.js";
import { recordElsewhere, recordLink } from "./record.js";

const SNOOZES = [1, 5, 15];

/** One card on the page. `does` is what its buttons do: press, dismiss, snooze, and where its `note` goes. */
export class Card {
  #facts = element("div", { class: "card-facts" });
  #details = element("div", {});
  #does;
  #titleId;

  constructor(entry, does, note = new Note(entry.popup.popup_id, does.notes)) {
    this.entry = entry;
    this.#does = does;
    this.#titleId = `title-${entry.popup.popup_id}`;
    this.note = note;
    const attributes = { class: "card", tabindex: "-1", "aria-labelledby": this.#titleId, "data-popup": entry.popup.popup_id };
    this.node = element("article", attributes, [
      element("span", { class: "sight", "data-sight": true }),
      this.#facts,
      this.#actions(),
      recordElsewhere(entry.popup.record, does.recordHosts()),
      this.note.node,
      this.#details,
    ]);
    this.draw();
  }

  /** Draws what the entry says now. */
  draw() {
    const { entry } = this;
    const { call } = entry;
    const { now, chosenKeys } = this.#does;
    this.node.dataset.state = stateOf(entry.state);
    this.node.classList.toggle("card-stale", entry.stale);
    redraw(this.#facts, [
      element("header", { class: "card-top" }, [chips(entry), timer(entry, now)]),
      who(call, this.#titleId),
      dialled(call),
      this.#condition(),
      this.#why(),
      this.#others(),
    ]);
    redraw(this.#details, [details(entry, { chosenKeys: chosenKeys(), now })]);
  }

  /** Only the age of the facts is new. */
  age() {
    const shown = this.#details.querySelector("time[data-asked]");
    if (shown) shown.dataset.asked = this.entry.askedAt;
  }

  /** Why this call was chosen. What it says of now was said then, when the call's state is another one since. */
  #why() {
    const { popup, state } = this.entry;
    const label = state === popup.call.state ? say("why") : say("why.then", { time: clockTime(Date.parse(popup.created_at)) });
    return element("p", { class: "why" }, [element("b", {}, [label]), " ", foreign(cause(popup))]);
  }

  /** What makes the facts doubtful or past, if anything does. */
  #condition() {
    const { state, stale, why, reason, askedAt } = this.entry;
    if (state === "ended") return element("p", { class: "condition" }, [say("ended.text", { time: clockTime(askedAt) })]);
    if (!stale) return null;
    const words = [element("b", {}, [say("stale.text")])];
    if (why) words.push(" ", foreign(cause({ why, reason })));
    return element("p", { class: "condition condition-stale" }, words);
  }

  #others() {
    const { others, state } = this.entry;
    if (!others.length || state === "ended") return null;
    return element("section", { class: "others" }, [
      element("h3", {}, [say("others")]),
      element("ul", {}, others.map((call) => this.#other(call))),
    ]);
  }

  #other(call) {
    const name = callerWords(call.caller);
    const entry = { call, state: call.state, askedAt: this.entry.askedAt };
    const choose = () => this.#does.press(this.entry, call.ivrid);
    return element("li", {}, [
      stateChip(call.state),
      element("span", { class: "other-who" }, [
        foreign(name),
        call.caller.name && call.caller.kind === "number" ? element("span", { class: "soft" }, [ltr(call.caller.number)]) : null,
      ]),
      timer(entry, this.#does.now),
      call.ivrid ? button(say("choose"), `choose-${call.ivrid}`, choose, { "aria-label": say("choose.what", { who: name }) }) : null,
    ]);
  }

  #actions() {
    const { entry } = this;
    const does = this.#does;
    return element("div", { class: "actions", role: "group", "aria-label": say("actions") }, [
      recordLink(entry.popup.record, does.recordHosts()),
      button(say("press"), "press", () => does.press(entry)),
      (this.copyButton = button(say("copy.all"), "copy-all", () => this.copyAll())),
      this.#snoozeMenu(),
      button(say("dismiss"), "dismiss", () => does.dismiss(entry)),
    ]);
  }

  #snoozeMenu() {
    const choices = SNOOZES.map((minutes) =>
      button(say("snooze.minutes", { minutes }), `snooze-${minutes}`, () => {
        menu.open = false;
        this.#does.snooze(this.entry, minutes);
      }),
    );
    const menu = element("details", { class: "menu" }, [
      element("summary", { class: "plain", "data-key": "snooze" }, [say("snooze")]),
      element("div", { class: "menu-choices" }, [...choices, element("p", { class: "soft" }, [say("snooze.until")])]),
    ]);
    menu.addEventListener("focusout", (event) => menu.contains(event.relatedTarget) || (menu.open = false));
    return menu;
  }

  /** Everything the card says, on the clipboard. */
  async copyAll() {
    const done = await copied(asText(this.entry, this.#does.chosenKeys()), this.copyButton);
    saidFor(this.copyButton, say(done ? "copied" : "copy.refused"));
  }

  /** Opens the CRM's record; nothing when there is none. */
  openRecord() {
    this.node.querySelector('[data-key="record"]')?.click();
  }

  /** Closes the open menu; whether there was one. */
  closeMenu() {
    const menu = this.node.querySelector(".menu[open]");
    if (!menu) return false;
    menu.querySelector("summary").focus();
    menu.open = false;
    return true;
  }

  /** Another of the agent's calls, by its place in the list. */
  choose(place) {
    this.node.querySelectorAll('[data-key^="choose-"]')[place]?.click();
  }
}
