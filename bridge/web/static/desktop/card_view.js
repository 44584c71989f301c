// A card on the page. Its facts are drawn again whenever they change; its buttons and its note stay as they are.

import { allMatching, button, copy, element, foreign, ltr, redraw, showOn } from "../element.js";
import { plain } from "../text.js";
import { clockTime, say, sayWhy } from "../words.js";
import { contactPart, isSearching, theOne } from "./contact.js";
import { asText, chips, chosenData, details, stateChip, stateForStyle, stateWords, timer, who } from "./facts.js";
import { Note } from "./note.js";
import { passedOnPart } from "./passed_on.js";
import { contactLink, recordElsewhere, recordLink } from "./record.js";

const SNOOZE_MINUTES = [1, 5, 15];
/** Whether the technical facts are open: as the agent left them on the last card. */
let areDetailsOpen = false;

/** @typedef {import("./cards.js").Card} Card */
/**
 * @typedef {object} Context
 * @property {import("./actions.js").Actions} actions
 * @property {import("./session.js").Session} session
 * @property {import("./preferences.js").PreferenceStore} preferences
 * @property {import("./shift_list.js").ShiftList} shift
 */

export class CardView {
  #who = element("div", { class: "card-who" });
  #record = element("div", { class: "card-record" });
  #identity = element("div", { class: "card-identity" }, [this.#who, this.#record]);
  #facts = element("div", { class: "card-facts" });
  #timer = element("span", { class: "card-timer" });
  #chips = element("div", {});
  #details = element("div", {});
  #context;
  #titleId;
  #copyButton = button(say("copy.all"), "copy-all", () => this.copyAll(), { class: "quiet" });
  #menu;

  /** @param {Card} card @param {Context} context */
  constructor(card, context, note = new Note(card.id, context.actions)) {
    this.card = card;
    this.note = note;
    this.#context = context;
    this.#titleId = `title-${card.id}`;
    this.#menu = this.#snoozeMenu();
    this.node = element("article", { class: "card", tabindex: "-1", "aria-labelledby": this.#titleId }, [
      element("span", { class: "card-top-edge" }),
      element("header", { class: "card-top" }, [this.#chips, this.#timer, this.#dismissButton()]),
      this.#identity,
      this.#facts,
      note.node,
      element("div", { class: "card-after" }, [this.#buttons(), this.#fold()]),
    ]);
    this.draw();
  }

  /** Only the note and whose call it was: the agent has another call by now. @param {boolean} isCompact */
  set isCompact(isCompact) {
    this.node.classList.toggle("card-compact", isCompact);
  }

  /** The same, while its note is being written: what stands above the note stays, so that the note does. @param {boolean} isHeld */
  set isHeld(isHeld) {
    this.node.classList.toggle("card-held", isHeld);
  }

  /** Draws the card's present facts. */
  draw() {
    const { card } = this;
    const { session, preferences } = this.#context;
    this.node.dataset.popup = card.popup.popup_id;
    this.node.dataset.state = stateForStyle(card.state);
    this.node.classList.toggle("card-stale", card.stale);
    redraw(this.#chips, [chips(card)]);
    redraw(this.#timer, [timer(card, session.now)]);
    if (isSearching(card)) this.#identity.classList.add("has-room");
    redraw(this.#who, [who(card, this.#titleId, this.#context.shift.previousTo(card)), this.#contact()]);
    redraw(this.#facts, [
      chosenData(card, preferences.value.customdata),
      passedOnPart(card),
      this.#condition(),
      this.#others(),
    ]);
    redraw(this.#record, [this.#recordLink(), recordElsewhere(card.popup.record, session.recordHosts)]);
    redraw(this.#details, [this.#why(), details(card, preferences.value.customdata, session.now)]);
  }

  /** The one large action: the record that the click named, else the caller's. */
  #recordLink() {
    const { recordHosts } = this.#context.session;
    const one = theOne(this.card);
    return recordLink(this.card.popup.record, recordHosts) ?? (one && contactLink(one, recordHosts));
  }

  #contact() {
    const { actions, session } = this.#context;
    return contactPart(this.card, {
      hosts: session.recordHosts,
      canCreate: session.createsContacts && this.card.contact?.crm === session.agent.crm,
      create: () => actions.createContact(this.card),
      isCreating: actions.isCreating(this.card),
    });
  }

  /** Only the time of the facts is newer. */
  updateAge() {
    const [shown] = allMatching("time[data-asked]", this.#details);
    if (shown) shown.dataset.asked = String(this.card.askedAt);
  }

  /** Why this call was chosen; with the time of the choice once the call's state is another. */
  #why() {
    const { popup, state } = this.card;
    const isAsThen = state === popup.call.state;
    const label = isAsThen ? say("why") : say("why.then", { time: clockTime(Date.parse(popup.created_at)) });
    return element("p", { class: "why" }, [element("b", {}, [label]), " ", foreign(sayWhy(popup))]);
  }

  /** That somebody else has answered, or that the call has ended, or that the facts may be out of date. */
  #condition() {
    const { state, stale, why, reason, askedAt, answeredBy } = this.card;
    if (answeredBy !== null) return element("p", { class: "condition" }, [stateWords(this.card)]);
    if (state === "ended") return element("p", { class: "condition" }, [say("ended.text", { time: clockTime(askedAt) })]);
    if (reason?.code === "extension-lost") return element("p", { class: "condition" }, [foreign(sayWhy(this.card))]);
    if (!stale) return null;
    const because = why ? [" ", foreign(sayWhy(this.card))] : [];
    return element("p", { class: "condition condition-stale" }, [element("b", {}, [say("stale.text")]), ...because]);
  }

  #others() {
    const { others, state } = this.card;
    if (!others.length || state === "ended") return null;
    return element("section", { class: "others" }, [
      element("h3", {}, [say("others")]),
      element("ul", {}, others.map((call) => this.#other(call))),
    ]);
  }

  /** @param {Call} call */
  #other(call) {
    const name = this.#context.actions.nameOf(call);
    const facts = { call, state: call.state, askedAt: this.card.askedAt };
    const choose = () => this.#context.actions.lookUp(this.card, call.ivrid);
    return element("li", {}, [
      stateChip(call.state),
      element("span", { class: "other-who" }, [
        foreign(name),
        call.caller.kind === "number" && name !== plain(call.caller.number).trim() ? element("span", { class: "soft" }, [ltr(call.caller.number)]) : null,
      ]),
      timer(facts, this.#context.session.now),
      call.ivrid ? button(say("choose"), `choose-${call.ivrid}`, choose, { "aria-label": say("choose.what", { who: name }) }) : null,
    ]);
  }

  /** What is seldom needed, in small. */
  #buttons() {
    const lookUp = button(say("look-up"), "look-up", () => this.#context.actions.lookUp(this.card), { class: "quiet" });
    return element("div", { class: "actions", role: "group", "aria-label": say("actions") }, [lookUp, this.#menu, this.#copyButton]);
  }

  #dismissButton() {
    const dismiss = () => this.#context.actions.dismiss(this.card.popup.popup_id);
    return button("✕", "dismiss", dismiss, { class: "icon dismiss", "aria-label": say("dismiss"), title: say("dismiss") });
  }

  /** The technical facts, folded until somebody wants them. */
  #fold() {
    const fold = element("details", { class: "fold", open: areDetailsOpen }, [
      element("summary", { "data-key": "details" }, [say("details")]),
      this.#details,
    ]);
    fold.addEventListener("toggle", () => (areDetailsOpen = fold.open));
    return fold;
  }

  #snoozeMenu() {
    const choices = SNOOZE_MINUTES.map((minutes) =>
      button(say("snooze.minutes", { minutes }), `snooze-${minutes}`, () => {
        menu.open = false;
        this.#context.actions.snooze(this.card.popup.popup_id, minutes);
      }),
    );
    const menu = element("details", { class: "menu" }, [
      element("summary", { class: "quiet", "data-key": "snooze" }, [say("snooze")]),
      element("div", { class: "menu-choices" }, [...choices, element("p", { class: "soft" }, [say("snooze.until")])]),
    ]);
    menu.addEventListener("focusout", ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && menu.contains(relatedTarget))) menu.open = false;
    });
    return menu;
  }

  /** Copies everything the card says. */
  async copyAll() {
    const done = await copy(asText(this.card, this.#context.preferences.value.customdata), this.#copyButton);
    showOn(this.#copyButton, say(done ? "copied" : "copy.refused"));
  }

  /** Opens the CRM's record, if there is one. */
  openRecord() {
    this.#press('[data-key="record"]');
  }

  /**
   * Chooses another of the agent's calls, by its place in the list.
   * @param {number} place
   */
  choose(place) {
    this.#press('[data-key^="choose-"]', place);
  }

  /** @param {string} selector */
  #press(selector, place = 0) {
    allMatching(selector, this.node)[place]?.click();
  }

  /** Closes the snooze menu. Whether it was open. */
  closeMenu() {
    if (!this.#menu.open) return false;
    allMatching("summary", this.#menu)[0]?.focus();
    this.#menu.open = false;
    return true;
  }
}
