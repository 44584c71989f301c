// The form that tries an account: its make's keys as fields. What is typed is sent for one test and kept nowhere.

import { because, byId, element, foreign, ltr } from "../../element.js";
import { language, say } from "../../words.js";
import { guideOf } from "./guides.js";
import { copyable, drawTrial } from "./trial.js";

/**
 * @typedef {{name: string, help: string, help_in: Record<string, string>, form: string, is_needed: boolean, is_usual: boolean, is_secret: boolean,
 *   choices: string[], default: string}} Key
 * @typedef {{kind: string, title: string, proven: string, keys: Key[]}} Kind
 * @typedef {{pbx: Kind[], crm: Kind[]}} Kinds
 * @typedef {import("./trial.js").Trial & {problems: {key: string, text: string, reason: Reason}[], section: string, files: string[]}} Tried
 */

export class Tryout {
  /** @type {Kinds} */
  #kinds = { pbx: [], crm: [] };
  #isNamed = false;

  constructor() {
    byId("try-group").addEventListener("change", () => this.#groupChosen());
    byId("try-kind").addEventListener("change", () => this.#kindChosen());
    byId("try-name").addEventListener("input", () => (this.#isNamed = true));
  }

  /** @param {Kinds} kinds */
  fill(kinds) {
    this.#kinds = kinds;
    this.#groupChosen();
  }

  get #group() {
    return byId("try-group", HTMLSelectElement).value === "crm" ? "crm" : "pbx";
  }

  #groupChosen() {
    const options = this.#kinds[this.#group].map(({ kind, title }) => new Option(title, kind));
    byId("try-kind").replaceChildren(...options);
    if (!this.#isNamed) byId("try-name", HTMLInputElement).value = this.#group === "crm" ? "acme" : "main";
    this.#kindChosen();
  }

  #kindChosen() {
    const kind = byId("try-kind", HTMLSelectElement).value;
    const keys = this.#kinds[this.#group].find((one) => one.kind === kind)?.keys ?? [];
    byId("try-guide", HTMLAnchorElement).href = guideOf(kind);
    byId("try-usual").replaceChildren(...keys.filter((key) => key.is_usual).map(field));
    byId("try-more").replaceChildren(...keys.filter((key) => !key.is_usual && key.form !== "table").map(field));
  }

  /** Draws the fields in the page's present language; what was typed stays. */
  draw() {
    const typed = new Map(fields().map((control) => [control.dataset.name, control.value]));
    this.#kindChosen();
    for (const control of fields()) control.value = typed.get(control.dataset.name) ?? "";
  }

  /** What is asked for now; clears what the last test said of the fields. */
  read() {
    /** @type {Record<string, string>} */
    const keys = {};
    for (const control of fields()) {
      control.setCustomValidity("");
      if (control.value) keys[control.dataset.name ?? ""] = control.value;
    }
    return { group: this.#group, name: byId("try-name", HTMLInputElement).value, kind: byId("try-kind", HTMLSelectElement).value, keys };
  }

  /** Secrets do not stay in the page. */
  clear() {
    for (const control of fields()) control.value = "";
  }
}

function fields() {
  const found = document.querySelectorAll("#try-form [data-name]");
  return [...found].filter((each) => each instanceof HTMLInputElement || each instanceof HTMLSelectElement || each instanceof HTMLTextAreaElement);
}

/** @param {Key} key */
function field(key) {
  const control = controlOf(key);
  const words = element("span", {}, [element("bdi", { dir: "ltr" }, [key.name]), key.is_needed ? " *" : ""]);
  return element("label", { class: "named" }, [words, control, element("small", { class: "soft" }, [helpOf(key)])]);
}

/**
 * A prefix stays with what it belongs to: "ב-API" in one line.
 * @param {string} words
 */
function kept(words) {
  return words.replace(/([\u05d0-\u05ea])-/g, "$1-\u2060");
}

/** @param {Key} key @returns {Node} in the page's language, else in English */
function helpOf({ help, help_in: translated }) {
  const words = translated[language];
  return words ? element("bdi", { dir: document.documentElement.dir }, [kept(words)]) : foreign(help);
}

/** @param {Key} key */
function controlOf(key) {
  const common = { "data-name": key.name, "data-key": `try ${key.name}` };
  if (key.form === "choice" || key.form === "flag") {
    const choices = key.form === "flag" ? ["true", "false"] : key.choices;
    const none = new Option(key.default ? say("connect.try.default", { value: key.default }) : "–", "");
    return element("select", common, [none, ...choices.map((one) => new Option(one, one))]);
  }
  const hint = { placeholder: key.default, spellcheck: "false", dir: "ltr", autocomplete: "off", required: key.is_needed };
  if (key.is_secret && key.name === "private_key") return element("textarea", { ...common, ...hint, rows: 3 });
  return element("input", { ...common, ...hint, type: key.is_secret ? "password" : "text" });
}

/** @param {Tried} tried */
export function drawTried(tried) {
  if (tried.problems.length) {
    const rows = tried.problems.map(({ key, text, reason }) => element("li", {}, [ltr(key), ": ", because({ reason, why: text })]));
    return [element("ul", { class: "problem" }, rows)];
  }
  const files = tried.files.map((file) => `(umask 077; mkdir -p "$(dirname '${file}')"; cat > '${file}')   # ${say("connect.try.paste")}`);
  return [
    drawTrial(tried),
    element("h2", {}, [say("connect.try.section")]),
    element("p", {}, [say("connect.try.section.text")]),
    copyable("popbridge.toml", tried.section, "copy section"),
    ...(files.length ? [element("p", {}, [say("connect.try.files")]), copyable(say("connect.try.shell"), files.join("\n"), "copy files")] : []),
  ];
}
