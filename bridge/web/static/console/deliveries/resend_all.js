// Sends all deliveries again that match the filters, after a question: each may reach a person.

import { byId } from "../../element.js";
import { say, sayValue } from "../../words.js";
import { showProblem } from "../problems.js";

const RESENDABLE = ["failed", "expired"];
const dialog = () => byId("confirm", HTMLDialogElement);

export class ResendAll {
  #filters;
  #onChange;
  /** @type {import("../frame.js").Api | null} */
  #api = null;

  /** @param {() => Record<string, string>} filters @param {() => void} onChange */
  constructor(filters, onChange) {
    this.#filters = filters;
    this.#onChange = onChange;
    byId("resend-all").addEventListener("click", () => this.#ask());
    byId("confirm-yes").addEventListener("click", () => this.#resend());
    byId("confirm-no").addEventListener("click", () => dialog().close());
  }

  /** @param {import("../frame.js").Api} api */
  signedIn(api) {
    this.#api = api;
    this.draw();
  }

  signedOut() {
    this.#api = null;
    byId("resent").replaceChildren();
  }

  /** Only for filters that name a state in which something can be sent again. */
  draw() {
    byId("resend-all").hidden = !RESENDABLE.includes(this.#filters().state ?? "");
  }

  #ask() {
    const { state, target } = this.#filters();
    const words = { state: sayValue("console.state", state), target: target || say("console.delivery.every-target") };
    byId("confirm-text").textContent = say("console.delivery.confirm", words);
    dialog().showModal();
  }

  async #resend() {
    dialog().close();
    if (!this.#api) return;
    try {
      const { resent, more } = await this.#api.send("POST", "/api/deliveries/retry", this.#filters());
      byId("resent").textContent = say(more ? "console.delivery.resent.more" : "console.delivery.resent", { number: resent });
    } catch (error) {
      showProblem(byId("resent"), error, () => this.#resend());
    }
    this.#onChange();
  }
}
