// The settings dialog, and the two buttons in the bar that change a setting.

import { allMatching, byId, element, foreign } from "../element.js";
import { label, say } from "../words.js";
import { Alerts } from "./alerts.js";
import { areOn, turn } from "./keys.js";
import { showMessage } from "./message.js";

/**
 * @typedef {object} Needs
 * @property {import("./preferences.js").PreferenceStore} preferences
 * @property {Language[]} languages
 * @property {import("./chime.js").Chime} chime
 * @property {() => boolean} choosesPop whether the agent may choose what makes a popup
 * @property {() => string[]} customdataKeys the names of custom data fields seen so far
 * @property {() => void} signOut
 * @property {() => void} popOut opens the page in its own window
 */

export class Settings {
  #needs;

  /** @param {Needs} needs @param {AbortSignal} signal */
  constructor(needs, signal) {
    this.#needs = needs;
    this.#listen(signal);
    this.#drawBar();
  }

  /** Draws the present preferences. */
  draw() {
    this.#drawBar();
    if (byId("settings", HTMLDialogElement).open) this.#fill();
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    const { preferences, signOut, popOut } = this.#needs;
    /** @param {string} id @param {string} event @param {() => void} act */
    const on = (id, event, act) => byId(id).addEventListener(event, act, { signal });
    on("open-settings", "click", () => this.#open());
    on("set-language", "change", () => this.#change({ language: select("set-language").value || null }));
    on("set-theme", "change", () => this.#change({ theme: select("set-theme").value }));
    on("set-pop", "change", () => this.#change({ pop: select("set-pop").value || null }));
    on("set-sound", "change", () => this.#setSound(checkbox("set-sound").checked));
    on("set-alerts", "change", () => (checkbox("set-alerts").checked ? this.#enableAlerts() : this.#change({ alerts: false })));
    on("set-open-record", "change", () => this.#change({ open_record: checkbox("set-open-record").checked }));
    on("set-keys", "change", () => turn(checkbox("set-keys").checked));
    on("set-customdata", "change", () => this.#change({ customdata: this.#chosenKeys() }));
    on("enable-alerts", "click", () => this.#enableAlerts());
    on("toggle-sound", "click", () => this.#setSound(!preferences.value.sound));
    on("sign-out", "click", signOut);
    on("pop-out", "click", popOut);
  }

  #open() {
    this.#fill();
    byId("settings", HTMLDialogElement).showModal();
  }

  /** @param {Partial<Preferences>} some */
  async #change(some) {
    const isSaved = await this.#needs.preferences.change(some);
    byId("settings-message").textContent = isSaved ? "" : say("settings.unsaved");
  }

  /** @param {boolean} sound */
  #setSound(sound) {
    if (sound) this.#needs.chime.play();
    return this.#change({ sound });
  }

  async #enableAlerts() {
    const { preferences } = this.#needs;
    const permission = "Notification" in window ? await Notification.requestPermission() : "denied";
    if (permission !== "granted") showMessage(alertsRefused());
    else if (await preferences.change({ alerts: true })) showMessage(say("alerts.on"));
    this.draw();
  }

  #drawBar() {
    const { alerts, sound } = this.#needs.preferences.value;
    byId("enable-alerts").hidden = (alerts && Alerts.areAllowed) || !Alerts.arePossible;
    byId("toggle-sound").setAttribute("aria-pressed", String(sound));
    label(byId("toggle-sound"), sound ? "sound.on" : "sound.off");
  }

  #fill() {
    const { preferences, languages, customdataKeys, choosesPop } = this.#needs;
    const { language, theme, sound, alerts, customdata, open_record, pop } = preferences.value;
    const options = languages.map(({ code, name }) => new Option(name, code));
    byId("set-language").replaceChildren(new Option(say("settings.browser-language"), ""), ...options);
    select("set-language").value = language ?? "";
    select("set-theme").value = theme;
    byId("pop-set").hidden = !choosesPop();
    select("set-pop").value = pop ?? "";
    checkbox("set-sound").checked = sound;
    checkbox("set-alerts").checked = alerts && Alerts.areAllowed;
    checkbox("set-alerts").disabled = !Alerts.arePossible;
    byId("alerts-hint").textContent = Alerts.arePossible ? "" : alertsRefused();
    checkbox("set-keys").checked = areOn();
    checkbox("set-open-record").checked = open_record;
    const keys = customdataKeys();
    byId("customdata-set").hidden = !keys.length;
    byId("set-customdata").replaceChildren(...keys.map((key) => keyChoice(key, customdata)));
  }

  /** null, for all, as long as no field is left out: fields that appear later are then shown too. */
  #chosenKeys() {
    const boxes = allMatching("input:checked", byId("set-customdata"));
    const chosen = boxes.flatMap((box) => (box instanceof HTMLInputElement ? [box.value] : []));
    return chosen.length === this.#needs.customdataKeys().length ? null : chosen;
  }
}

function alertsRefused() {
  return say(window.top === window ? "alerts.denied" : "alerts.framed");
}

/** @param {string} key @param {string[] | null} chosen */
function keyChoice(key, chosen) {
  const box = element("input", { type: "checkbox", value: key, checked: chosen?.includes(key) ?? true });
  return element("label", { class: "choice" }, [box, " ", foreign(key)]);
}

/** @param {string} id */
function select(id) {
  return byId(id, HTMLSelectElement);
}

/** @param {string} id */
function checkbox(id) {
  return byId(id, HTMLInputElement);
}
