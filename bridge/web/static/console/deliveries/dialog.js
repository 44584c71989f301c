// One delivery: its attempts with what came back, what it brings, and a button to send it again.

import { byId, button, element, ltr } from "../../element.js";
import { statusOf } from "../../http.js";
import { say } from "../../words.js";
import { delivery, part, rows } from "../click_details.js";
import { showProblem } from "../problems.js";

const NOT_NOW = 409;
const RESENDABLE = ["failed", "expired"];
const dialog = () => byId("delivery", HTMLDialogElement);

export class DeliveryDialog {
  #onChange;
  /** @type {import("../frame.js").Api | null} */
  #api = null;
  /** @type {ShownDelivery | null} */
  #shown = null;
  /** The delivery that was asked for last; "" while the dialog is closed. */
  #wanted = "";

  /** @param {() => void} onChange a delivery was sent again */
  constructor(onChange) {
    this.#onChange = onChange;
    dialog().querySelector("[data-close]")?.addEventListener("click", () => dialog().close());
    dialog().addEventListener("click", ({ target }) => target === dialog() && dialog().close());
    dialog().addEventListener("close", () => this.#clear());
  }

  /** @param {import("../frame.js").Api} api */
  signedIn(api) {
    this.#api = api;
  }

  signedOut() {
    this.#api = null;
    this.#clear();
  }

  #clear() {
    this.#shown = null;
    this.#wanted = "";
    for (const id of ["delivery-status", "delivery-body"]) byId(id).replaceChildren();
  }

  draw() {
    if (this.#shown) this.#draw(this.#shown);
  }

  /** @param {string} id */
  async show(id) {
    if (!dialog().open) dialog().showModal();
    this.#wanted = id;
    byId("delivery-status").textContent = say("console.details.loading");
    try {
      const found = await this.#api?.get(`/api/deliveries/${encodeURIComponent(id)}`);
      if (this.#wanted !== id) return;
      this.#shown = found;
      byId("delivery-status").replaceChildren();
      this.draw();
    } catch (error) {
      if (this.#wanted === id) showProblem(byId("delivery-status"), error, () => this.show(id));
    }
  }

  /** @param {ShownDelivery} shown */
  #draw(shown) {
    const again = button(say("console.delivery.resend"), "resend", () => this.#resend(shown.delivery_id));
    const sent = JSON.stringify(shown.sent, null, 2);
    const attributes = { class: "json", dir: "ltr", tabindex: "0", role: "region", "aria-label": say("console.delivery.sent") };
    byId("delivery-body").replaceChildren(
      part("console.details.deliveries", [
        delivery(shown),
        rows([
          ["console.delivery.id", ltr(shown.delivery_id)],
          ...(shown.click_id ? [/** @type {[string, HTMLElement]} */ (["console.click_id", clickLink(shown.click_id)])] : []),
        ]),
        element("p", { hidden: !RESENDABLE.includes(shown.state) }, [again]),
      ]),
      part("console.delivery.sent", [
        element("p", { class: "soft" }, [say(shown.sent ? "console.delivery.sent.text" : "console.delivery.sent.gone")]),
        ...(shown.sent ? [element("pre", attributes, [sent])] : []),
      ]),
    );
  }

  /** @param {string} id */
  async #resend(id) {
    try {
      await this.#api?.send("POST", `/api/deliveries/${encodeURIComponent(id)}/retry`);
    } catch (error) {
      if (statusOf(error) !== NOT_NOW) return showProblem(byId("delivery-status"), error, () => this.#resend(id));
    }
    if (this.#wanted !== id) return;
    this.#onChange();
    await this.show(id);
    byId("delivery-status").textContent = say("console.delivery.resent", { number: 1 });
    dialog().querySelector("button")?.focus();
  }
}

/** @param {string} id */
function clickLink(id) {
  return element("a", { href: `/console/clicks#all=true&click=${encodeURIComponent(id)}` }, [ltr(id)]);
}
