// Set-up in the browser: what is connected and its tests, agents, a CSV's changes, a try of values. It writes no files.

import { allMatching, byId, redraw } from "../../element.js";
import { say } from "../../words.js";
import { parameters } from "../address.js";
import { start } from "../frame.js";
import { showProblem } from "../problems.js";
import { drawAccounts } from "./accounts.js";
import { drawAgents } from "./agents.js";
import { guideOf } from "./guides.js";
import { drawPreview, readFile } from "./import.js";
import { drawTried, Tryout } from "./tryout.js";

const VIEWS = ["accounts", "agents", "import", "try"];

/** @typedef {import("../frame.js").Api} Api */

class Connect {
  /** @type {Api | null} */
  #api = null;
  /** @type {import("./accounts.js").Overview | null} */
  #overview = null;
  /** @type {import("./agents.js").Agents | null} */
  #agents = null;
  #tryout = new Tryout();
  #asked = 0;

  constructor() {
    byId("agents-again").addEventListener("click", () => this.#loadAgents());
    byId("import-file").addEventListener("change", readFile);
    byId("import-form").addEventListener("submit", (event) => this.#submit(event, "import", () => this.#preview()));
    byId("try-form").addEventListener("submit", (event) => this.#submit(event, "try", () => this.#try()));
  }

  /** @param {Api} api */
  signedIn(api) {
    this.#api = api;
    this.#load();
    this.show();
  }

  signedOut() {
    this.#api = this.#overview = this.#agents = null;
    this.#asked += 1;
    this.#tryout.clear();
    byId("import-form", HTMLFormElement).reset();
    for (const id of ["accounts", "agents-found", "import-found", "try-found", "problem"]) byId(id).replaceChildren();
  }

  /** Shows the part that the address names. */
  show() {
    const view = this.#view;
    for (const each of allMatching("[data-view]")) each.hidden = each.id !== view;
    for (const name of VIEWS) byId(`to-${name}`).setAttribute("aria-current", String(name === view));
    if (view === "agents" && this.#api && !this.#agents) this.#loadAgents();
  }

  get #view() {
    const wanted = parameters().get("view") ?? "";
    return VIEWS.includes(wanted) ? wanted : "accounts";
  }

  /** Draws everything in the page's present language; what tests showed goes. */
  draw() {
    byId("guides", HTMLAnchorElement).href = guideOf();
    this.#tryout.draw();
    if (this.#api && this.#overview) redraw(byId("accounts"), drawAccounts(this.#api, this.#overview));
    if (this.#api && this.#agents) redraw(byId("agents-found"), drawAgents(this.#api, this.#agents));
  }

  async #load() {
    const asked = ++this.#asked;
    try {
      const [overview, kinds] = await Promise.all([this.#api?.get("/api/connect"), this.#api?.get("/api/connect/kinds")]);
      if (asked !== this.#asked) return;
      this.#overview = overview;
      this.#tryout.fill(kinds);
      byId("to-import").hidden = !overview.all_crms;
      this.draw();
      showProblem(byId("problem"), null, () => {});
    } catch (error) {
      if (asked === this.#asked) showProblem(byId("problem"), error, () => this.#load());
    }
  }

  async #loadAgents() {
    const asked = this.#asked;
    byId("agents-status").textContent = say("connect.asking");
    try {
      const found = await this.#api?.get("/api/connect/agents");
      if (asked !== this.#asked) return;
      this.#agents = found;
      this.draw();
    } catch (error) {
      if (asked === this.#asked) showProblem(byId("problem"), error, () => this.#loadAgents());
    }
    byId("agents-status").textContent = "";
  }

  /** @param {Event} event @param {string} view @param {() => Promise<Node[]>} act */
  async #submit(event, view, act) {
    event.preventDefault();
    const [status, found] = [byId(`${view}-status`), byId(`${view}-found`)];
    const api = this.#api;
    status.textContent = say("connect.asking");
    try {
      const shown = await act();
      if (api !== this.#api) return; // somebody has signed out meanwhile
      found.replaceChildren(...shown);
      showProblem(byId("problem"), null, () => {});
    } catch (error) {
      if (api !== this.#api) return;
      showProblem(byId("problem"), error, () => byId(`${view}-form`, HTMLFormElement).requestSubmit());
      found.replaceChildren();
    } finally {
      status.textContent = "";
    }
  }

  async #preview() {
    const csv = byId("import-csv", HTMLTextAreaElement).value;
    const keeps = byId("import-keeps", HTMLInputElement).checked;
    const found = await this.#api?.send("POST", "/api/connect/agents/preview", { csv, keeps_others: keeps });
    return drawPreview(found, this.#overview?.agents_file ?? "agents.csv");
  }

  async #try() {
    return drawTried(await this.#api?.send("POST", "/api/connect/try", this.#tryout.read()));
  }
}

start(new Connect());
