// The phone systems and CRMs of the settings: their state, tests, the button, a test click and a test popup.

import { button, element, foreign, ltr } from "../../element.js";
import { say } from "../../words.js";
import { outcomeChip } from "../entry.js";
import { showProblem } from "../problems.js";
import { timeElement } from "../times.js";
import { guideOf } from "./guides.js";
import { copyable, drawTrial, exchanges } from "./trial.js";

/**
 * @typedef {{name: string, kind: string, title: string, address: string, events: string, agents: number, circuit: string}} Pbx
 * @typedef {{crm_user: string, name: string}} Person
 * @typedef {{name: string, kind: string, title: string, pbx: string, agents: number, dry_run: boolean, takes_popups: boolean,
 *   targets: string[], has_button: boolean, reads_clicks: boolean, click_url: string, people: Person[],
 *   proofs: {key: string, used_at: string | null}[]}} Crm
 * @typedef {{public_url: string, agents_file: string, all_crms: boolean, pbx: Pbx[], crm: Crm[]}} Overview
 * @typedef {import("../frame.js").Api} Api
 */

/** @param {Api} api @param {Overview} overview */
export function drawAccounts(api, overview) {
  const pbx = overview.pbx.map((one) => pbxSheet(api, one));
  const crm = overview.crm.map((one) => crmSheet(api, one));
  return [
    element("h2", {}, [say("connect.pbx.all")]),
    ...(pbx.length ? pbx : [element("p", { class: "soft" }, [say("connect.none")])]),
    element("h2", {}, [say("connect.crm.all")]),
    ...(crm.length ? crm : [element("p", { class: "soft" }, [say("connect.none")])]),
  ];
}

/** @param {Api} api @param {Pbx} one */
function pbxSheet(api, one) {
  const open = one.circuit !== "closed" ? chip("failed", say("connect.circuit")) : null;
  const facts = [ltr(one.address), " · ", say("connect.agents.count", { number: one.agents }), " · ", say(`connect.events.${one.events}`), " ", open];
  const place = resultPlace();
  const test = actButton(say("connect.test"), `test pbx ${one.name}`, place, async () => [drawTrial(await api.send("POST", path("pbx", one, "test"), {}))]);
  test.setAttribute("aria-label", `${say("connect.test")}: ${one.name}`);
  return sheet(one, facts, [element("div", { class: "row" }, [test, guide(one.kind)]), place]);
}

/** @param {Api} api @param {Crm} one */
function crmSheet(api, one) {
  const facts = [say("connect.agents.count", { number: one.agents }), " · ", say("connect.looks-in"), " ", ltr(one.pbx), " · ", ...targets(one)];
  const place = resultPlace();
  const test = actButton(say("connect.test"), `test crm ${one.name}`, place, async () => [drawTrial(await api.send("POST", path("crm", one, "test"), {}))]);
  test.setAttribute("aria-label", `${say("connect.test")}: ${one.name}`);
  const paste = actButton(say("connect.button"), `button ${one.name}`, place, () => buttonFiles(api, one));
  paste.setAttribute("aria-label", `${say("connect.button")}: ${one.name}`);
  paste.hidden = !one.has_button;
  const row = element("div", { class: "row" }, [test, paste, guide(one.kind)]);
  return sheet(one, facts, [element("p", { class: "soft" }, [say("connect.click-url"), " ", ltr(one.click_url)]), proofs(one), row, trying(api, one, place), place]);
}

/** @param {Crm} one */
function targets(one) {
  if (one.dry_run) return [chip("expired", say("connect.dry-run"))];
  return [say("connect.targets"), " ", ltr(one.targets.join(", ") || "–")];
}

/** @param {Crm} one */
function proofs(one) {
  const rows = one.proofs.map(({ key, used_at: at }) =>
    element("li", {}, [ltr(key), ": ", ...(at ? [say("connect.proof.used"), " ", timeElement(at)] : [say("connect.proof.never")])]),
  );
  return element("ul", { class: "soft proofs" }, rows);
}

/** @param {Api} api @param {Crm} one @param {HTMLElement} place */
function trying(api, one, place) {
  const people = one.people.map(({ crm_user: user, name }) => new Option(name ? `${name} (${user})` : user, user));
  const who = element("select", { "data-key": `who ${one.name}` }, people);
  const number = element("input", { type: "tel", dir: "ltr", maxlength: 40, "data-key": `number ${one.name}` });
  const click = actButton(say("connect.click"), `click ${one.name}`, place, async () => clicked(await api.send("POST", path("crm", one, "click"), { crm_user: who.value })));
  const popup = actButton(say("connect.popup"), `popup ${one.name}`, place, async () => {
    if (!number.value.trim()) return missing(number);
    return sent(await api.send("POST", path("crm", one, "popup"), { crm_user: who.value, number: number.value }));
  });
  popup.hidden = !one.takes_popups || one.dry_run;
  const numbered = named(say("connect.popup.number"), number);
  numbered.hidden = popup.hidden;
  if (!people.length) return element("p", { class: "soft" }, [say("connect.nobody")]);
  return element("details", {}, [
    element("summary", {}, [say("connect.trying")]),
    element("p", { class: "soft hint" }, [say(popup.hidden ? "connect.trying.click" : "connect.trying.text")]),
    element("div", { class: "row trying" }, [named(say("connect.agent"), who), click, numbered, popup]),
  ]);
}

/** @param {HTMLInputElement} number */
function missing(number) {
  number.focus();
  return [element("p", { class: "problem" }, [say("connect.popup.no-number")])];
}

/** @param {{outcome: string, why: string, click_id: string}} answer */
function clicked({ outcome, why, click_id: id }) {
  const story = element("a", { href: `/console/audit#click=${encodeURIComponent(id)}` }, [say("connect.story")]);
  return [element("p", {}, [outcomeChip(outcome), " ", foreign(why), " ", story])];
}

/** @param {{result: string, why: string, exchanges: import("./trial.js").Exchange[]}} told */
function sent({ result, why, exchanges: found }) {
  const colour = result === "delivered" ? "delivered" : "failed";
  return [element("p", {}, [chip(colour, say(`connect.sent.${result}`)), " ", foreign(why)]), ...exchanges(found)];
}

/** @param {Api} api @param {Crm} one */
async function buttonFiles(api, one) {
  /** @type {{files: {name: string, text: string}[], gaps: {key: string, gap: string}[]}} */
  const { files, gaps } = await api.get(path("crm", one, "button"));
  const place = element("div", { class: "results" });
  /** @type {Record<string, string>} */
  const typed = {};
  const draw = () => place.replaceChildren(...files.map(({ name, text }) => copyable(name, filled(text, gaps, typed), `copy ${one.name} ${name}`)));
  const fields = gaps.map(({ key }) => {
    const input = element("input", { type: "password", autocomplete: "off", dir: "ltr", maxlength: 500 });
    input.addEventListener("input", () => {
      typed[key] = input.value;
      draw();
    });
    return named(key, input);
  });
  draw();
  const hint = gaps.length ? [element("p", { class: "soft" }, [say("connect.button.gaps")]), element("div", { class: "fields" }, fields)] : [];
  return [element("p", {}, [say("connect.button.text")]), ...hint, place];
}

/**
 * The file with what was typed in its gaps. It never leaves this page.
 * @param {string} text @param {{key: string, gap: string}[]} gaps @param {Record<string, string>} typed
 */
function filled(text, gaps, typed) {
  return gaps.reduce((so, { key, gap }) => so.replaceAll(gap, typed[key] || gap), text);
}

/** @param {string} colour @param {string} words */
function chip(colour, words) {
  return element("span", { class: "chip result", "data-delivery": colour }, [words]);
}

/** @param {string} words @param {HTMLElement} control */
function named(words, control) {
  return element("label", { class: "named" }, [element("span", {}, [words]), control]);
}

function resultPlace() {
  return element("div", { class: "result-place results", role: "status" });
}

/** @param {{name: string, title: string}} one @param {(Node | string | null)[]} facts @param {Node[]} rest */
function sheet({ name, title }, facts, rest) {
  const head = element("h3", {}, [ltr(name), " ", element("span", { class: "soft" }, [foreign(title)])]);
  return element("section", { class: "sheet", "aria-label": name }, [head, element("p", { class: "soft" }, facts), ...rest]);
}

/** @param {string} kind */
function guide(kind) {
  return element("a", { href: guideOf(kind) }, [say("connect.guide")]);
}

/** @param {"pbx" | "crm"} group @param {{name: string}} one @param {string} what */
function path(group, { name }, what) {
  return `/api/connect/${group}/${encodeURIComponent(name)}/${what}`;
}

/**
 * A button whose result is shown in `place`, or why there is none.
 * @param {string} words @param {string} key @param {HTMLElement} place @param {() => Promise<Node[]>} act
 */
function actButton(words, key, place, act) {
  const made = button(words, key, run);
  async function run() {
    made.disabled = true;
    place.replaceChildren(say("connect.asking"));
    try {
      place.replaceChildren(...(await act()));
    } catch (error) {
      const problem = element("p", { class: "problem" });
      showProblem(problem, error, run);
      place.replaceChildren(problem);
    } finally {
      made.disabled = false;
    }
  }
  return made;
}
