// How the console looks: language and theme, chosen in this browser. A link may choose the language: `?lang=he`.

import { applyTheme } from "../desktop/preferences.js";
import { byId } from "../element.js";
import { chooseLanguage, language, languages, useLanguage } from "../words.js";
import { parameters, replace, without } from "./address.js";

const STORED = "popbridge.console.look";

/** @typedef {{language: string | null, theme: string}} Choice */

export class Look {
  #onChange;
  /** @type {Language[]} */
  #known = [];
  /** @type {Choice} */
  #look = { language: null, theme: "auto", ...stored() };

  /** @param {() => void} onChange everything is to be drawn anew */
  constructor(onChange) {
    this.#onChange = onChange;
    const [codes, themes] = [byId("set-language", HTMLSelectElement), byId("set-theme", HTMLSelectElement)];
    codes.addEventListener("change", () => this.#change({ language: codes.value }));
    themes.addEventListener("change", () => this.#change({ theme: themes.value }));
  }

  async start() {
    this.#known = await languages();
    const asked = takeLanguage();
    if (asked) this.#save({ language: asked });
    await this.#apply();
  }

  /** @param {Partial<Choice>} some */
  async #change(some) {
    this.#save(some);
    await this.#apply();
  }

  /** @param {Partial<Choice>} some */
  #save(some) {
    Object.assign(this.#look, some);
    try {
      localStorage.setItem(STORED, JSON.stringify(this.#look));
    } catch {
      // The change lasts for this page only.
    }
  }

  async #apply() {
    applyTheme(this.#look.theme);
    await useLanguage(chooseLanguage([this.#look.language, ...navigator.languages], this.#known));
    byId("set-language").replaceChildren(...this.#known.map(({ code, name }) => new Option(name, code)));
    byId("set-language", HTMLSelectElement).value = language;
    byId("set-theme", HTMLSelectElement).value = this.#look.theme;
    this.#onChange();
  }
}

/** The language that the address asks for, or null; it is removed from the address. An unknown one is skipped later. */
function takeLanguage() {
  const asked = parameters().get("lang");
  if (asked !== null) replace(without(parameters(), "lang"));
  return asked;
}

function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "null");
  } catch {
    return null;
  }
}
