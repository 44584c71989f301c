// Opens and closes the dialog that tells one click's story. Which one is open stands in the address.

import { go, said, without } from "./address.js";
import { say } from "../words.js";
import * as problems from "./problems.js";
import { short, whole } from "./story.js";

const GONE = 404;
const at = (id) => document.getElementById(id);
const openers = () => [...document.querySelectorAll("#found [data-open]")];

export class Stories {
  #desk = null;
  #line;
  #open = null;
  #story = null;
  #refused = null;

  /** `line(clickId)` is the line of the list, if it is there: it tells something when the story is not kept any longer. */
  constructor(line) {
    this.#line = line;
    at("found").addEventListener("click", (event) => this.#pressed(event));
    at("found").addEventListener("keydown", step);
    at("story").addEventListener("close", () => this.#closed());
    at("story").addEventListener("click", (event) => event.target === at("story") && at("story").close());
    at("story").querySelector("[data-close]").addEventListener("click", () => at("story").close());
  }

  enter(desk) {
    this.#desk = desk;
  }

  leave() {
    this.#desk = this.#open = this.#story = this.#refused = null;
    for (const id of ["story-told", "story-body"]) at(id).replaceChildren();
  }

  /** The story of `clickId`, or none. */
  show(clickId) {
    if (clickId === this.#open) return;
    this.#open = clickId;
    if (!clickId) return at("story").close();
    if (!at("story").open) at("story").showModal();
    this.#load(clickId);
  }

  draw() {
    if (this.#story || this.#refused) this.#drawn();
  }

  async #load(clickId) {
    this.#story = this.#refused = null;
    at("story-body").replaceChildren();
    at("story-told").textContent = say("console.story.asking");
    try {
      const story = await this.#desk.get(`/api/clicks/${encodeURIComponent(clickId)}`);
      if (this.#open === clickId) this.#story = story;
    } catch (refused) {
      if (this.#open === clickId) this.#refused = refused;
    }
    if (this.#open === clickId) this.#drawn();
  }

  #drawn() {
    const line = this.#refused?.status === GONE ? this.#line(this.#open) : null;
    problems.show(at("story-told"), line ? null : this.#refused, () => this.#load(this.#open));
    at("story-body").replaceChildren(...(this.#story ? whole(this.#story) : line ? short(line) : []));
  }

  #pressed(event) {
    const row = event.target.closest(".lookup, .click");
    const opener = event.target.closest("[data-open]") ?? row?.querySelector("[data-open]");
    if (!opener || (getSelection().toString() && !event.target.closest("[data-open]"))) return;
    opener.focus();
    const words = said();
    words.set("click", opener.dataset.open);
    go(words, { state: { ...history.state, opened: true } });
    this.show(opener.dataset.open);
  }

  /** The dialog was closed: the address says so, and whoever opened it has the focus again. */
  #closed() {
    const clickId = this.#open ?? said().get("click");
    this.#open = this.#story = this.#refused = null;
    at("story-body").replaceChildren();
    if (said().get("click")) this.#forgetInAddress();
    openers().find((each) => each.dataset.open === clickId)?.focus();
  }

  #forgetInAddress() {
    if (history.state?.opened) history.back();
    else go(without(said(), "click"), { replace: true });
  }
}

/** Arrows go from row to row. */
function step(event) {
  const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const place = openers().indexOf(event.target.closest("[data-open]"));
  if (!way || place < 0) return;
  event.preventDefault();
  openers()[place + way]?.focus();
}
