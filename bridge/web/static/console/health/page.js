// Health: how the queue, the lag and the workers were over the last hours, circuits, listeners, and the doctor.

import { because, byId, element, ltr } from "../../element.js";
import { say, sayValue } from "../../words.js";
import { subject } from "../findings.js";
import { start } from "../frame.js";
import { showProblem } from "../problems.js";
import { plot } from "./plot.js";

const AGAIN_MS = 15_000;
const PLOTS = /** @type {const} */ (["queue", "overdue", "pending", "unarchived", "workers"]);

class Health {
  /** @type {import("../frame.js").Api | null} */
  #api = null;
  /** @type {HealthOverview | null} */
  #told = null;
  /** @type {Finding[] | null} */
  #findings = null;
  #timer = 0;

  constructor() {
    byId("examine").addEventListener("click", () => this.#examine());
  }

  /** @param {import("../frame.js").Api} api */
  signedIn(api) {
    this.#api = api;
    this.#load();
  }

  signedOut() {
    clearTimeout(this.#timer);
    this.#api = this.#told = this.#findings = null;
    for (const id of ["plots", "circuits", "listeners", "findings", "status", "problem", "doctor-status"]) byId(id).replaceChildren();
  }

  show() {
    // The address says nothing that is shown here.
  }

  draw() {
    if (this.#told) this.#draw(this.#told);
    if (this.#findings) this.#drawFindings(this.#findings);
  }

  async #load() {
    clearTimeout(this.#timer);
    const api = this.#api;
    if (!api) return;
    try {
      const told = await api.get("/api/health");
      if (api !== this.#api) return; // somebody has signed out meanwhile
      this.#told = told;
      byId("problem").replaceChildren();
    } catch (error) {
      if (api !== this.#api) return;
      showProblem(byId("problem"), error, () => this.#load());
    }
    byId("results").setAttribute("aria-busy", "false");
    this.draw();
    this.#timer = setTimeout(() => this.#load(), AGAIN_MS);
  }

  /** @param {HealthOverview} told */
  #draw({ series, circuits, listeners, may_examine: mayExamine }) {
    byId("plots").hidden = !series;
    if (series) byId("plots").replaceChildren(...PLOTS.map((name) => plot(name, series)));
    byId("status").textContent = series ? "" : say("console.health.limited");
    const states = [...Object.entries(circuits.pbx), ...Object.entries(circuits.target)];
    byId("circuits").replaceChildren(...states.map(([name, state]) => line(state === "closed" ? "OK" : "FAIL", [ltr(name)], sayValue("console.health.circuit", state))));
    byId("listeners").replaceChildren(...listeners.map(listener));
    byId("doctor").hidden = !mayExamine;
  }

  async #examine() {
    const api = this.#api;
    const pressed = byId("examine", HTMLButtonElement);
    pressed.disabled = true;
    byId("doctor-status").textContent = say("console.health.examining");
    try {
      const told = await api?.send("POST", "/api/health/doctor");
      if (api !== this.#api) return;
      this.#findings = told?.findings ?? null;
      byId("doctor-status").textContent = say("console.health.examined", { number: this.#findings?.length ?? 0 });
      this.draw();
    } catch (error) {
      if (api === this.#api) showProblem(byId("doctor-status"), error, () => this.#examine());
    } finally {
      pressed.disabled = false;
    }
  }

  /** @param {Finding[]} findings */
  #drawFindings(findings) {
    const order = ["FAIL", "WARN", "OK"];
    const inOrder = findings.toSorted((one, other) => order.indexOf(one.grade) - order.indexOf(other.grade));
    byId("findings").replaceChildren(...inOrder.map(({ grade, what, message, fix, reason, advice }) => {
      const item = line(grade, subject(what), because({ reason, why: message }));
      if (fix) item.append(element("p", { class: "fix" }, [say("console.health.fix"), " ", because({ reason: advice, why: fix })]));
      return item;
    }));
  }
}

/** @param {string} grade @param {import("../../element.js").Child[]} name @param {Node | string} words */
function line(grade, name, words) {
  return element("li", { "data-grade": grade }, [
    element("span", { class: "chip grade" }, [sayValue("console.health.grade", grade)]),
    " ",
    element("b", {}, name),
    ": ",
    words,
  ]);
}

/** @param {HealthListener} one */
function listener({ pbx, way, is_there: isThere, heard_seconds: heard, problem, reason }) {
  const name = [ltr(pbx)];
  if (way === "off") return line("OK", name, say("console.health.off"));
  if (!isThere) return line("FAIL", name, say("console.health.nobody"));
  if (problem) return line("WARN", name, because({ reason, why: problem }));
  return line("OK", name, heard === null || heard === undefined ? say("console.live.not-yet") : say("console.health.heard", { way: sayValue("connect.events", way), seconds: heard }));
}

start(new Health());
