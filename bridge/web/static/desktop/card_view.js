// A card on the page. Its facts are drawn again whenever they change; its buttons and its note stay as they are.

import { allMatching, button, copy, element, foreign, ltr, redraw, showOn } from "../element.js";
import { clockTime, say, sayWhy } from "../words.js";
import { contactPart, theOne } from "./contact.js";
import { asText, callerName, chips, details, dialledNumber, stateChip, stateForStyle, stateWords, timer, who } from "./facts.js";
import { Note } from "./note.js";
import { contactLink, recordElsewhere, recordLink } from "./record.js";

const SNOOZE_MINUTES = [1, 5, 15];

/** @typedef {import("./cards.js").Card} Card */
/**
 * @typedef {object} Context
 * @property {import("./actions.js").Actions} actions
 * @property {import("./session.js").Session} session
 * @property {import("./preferences.js").PreferenceStore} preferences
 */

export class CardView {
  #facts = element("div", { class: "card-facts" });
  #record = element("span", { class: "card-record" });
  #details = element("div", {});
  #context;
  #titleId;
  #copyButton = button(say("copy.all"), "copy-all", () => this.copyAll());
  #menu;

  /** @param {Card} card @param {Context} context */
  constructor(card, context, note = new Note(card.popup.popup_id, context.actions)) {
    this.card = card;
    this.note = note;
    this.#context = context;
    this.#titleId = `title-${card.popup.popup_id}`;
    this.#menu = this.#snoozeMenu();
    const { record } = card.popup;
    const attributes = { class: "card", tabindex: "-1", "aria-labelledby": this.#titleId, "data-popup": card.popup.popup_id };
    this.node = element("article", attributes, [
      element("span", { class: "card-top-edge" }),
      this.#facts,
      this.#buttons(),
      recordElsewhere(record, context.session.recordHosts),
      note.node,
      this.#details,
    ]);
    this.draw();
  }

  /** Draws the card's present facts. */
  draw() {
    const { card } = this;
    const { session, preferences } = this.#context;
    this.node.dataset.state = stateForStyle(card.state);
    this.node.classList.toggle("card-stale", card.stale);
    redraw(this.#facts, [
      element("header", { class: "card-top" }, [chips(card), timer(card, session.now)]),
      who(card, this.#titleId),
      dialledNumber(card.call),
      this.#contact(),
      this.#condition(),
      this.#why(),
      this.#others(),
    ]);
    redraw(this.#record, [this.#recordLink()]);
    redraw(this.#details, [details(card, preferences.value.customdata, session.now)]);
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
    const name = callerName(call.caller);
    const facts = { call, state: call.state, askedAt: this.card.askedAt };
    const choose = () => this.#context.actions.lookUp(this.card, call.ivrid);
    return element("li", {}, [
      stateChip(call.state),
      element("span", { class: "other-who" }, [
        foreign(name),
        call.caller.name && call.caller.kind === "number" ? element("span", { class: "soft" }, [ltr(call.caller.number)]) : null,
      ]),
      timer(facts, this.#context.session.now),
      call.ivrid ? button(say("choose"), `choose-${call.ivrid}`, choose, { "aria-label": say("choose.what", { who: name }) }) : null,
    ]);
  }

  #buttons() {
    const { actions } = this.#context;
    const { popup } = this.card;
    return element("div", { class: "actions", role: "group", "aria-label": say("actions") }, [
      this.#record,
      button(say("look-up"), "look-up", () => actions.lookUp(this.card)),
      this.#copyButton,
      this.#menu,
      button(say("dismiss"), "dismiss", () => actions.dismiss(popup.popup_id)),
    ]);
  }

  #snoozeMenu() {
    const choices = SNOOZE_MINUTES.map((minutes) =>
      button(say("snooze.minutes", { minutes }), `snooze-${minutes}`, () => {
        menu.open = false;
        this.#context.actions.snooze(this.card.popup.popup_id, minutes);
      }),
    );
    const menu = element("details", { class: "menu" }, [
      element("summary", { class: "plain", "data-key": "snooze" }, [say("snooze")]),
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
