// Agents: what does not fit, lines that nobody has, every row with a link to hand out.

import { because, button, element, foreign, ltr } from "../../element.js";
import { say } from "../../words.js";
import { showProblem } from "../problems.js";
import { timeElement } from "../times.js";
import { copyable } from "./trial.js";

/**
 * @typedef {{crm: string, crm_user: string, pbx: string, extension: string, name: string, pop: string}} Row
 * @typedef {{pbx: string, problem: string, reason?: Reason, listed: number | null, free: {extension: string, name: string}[],
 *   unfit: {crm: string, crm_user: string, name: string, extension: string, near: string}[]}} Lines
 * @typedef {{items: Row[], total: number, lines: Lines[], problem_reasons: Reason[], warning_reasons: Reason[]}} Agents
 * @typedef {import("../frame.js").Api} Api
 */

const HOURS = [1, 24, 168];

/** @param {Api} api @param {Agents} found */
export function drawAgents(api, found) {
  return [
    ...[...found.problem_reasons, ...found.warning_reasons].map((reason) => element("p", { class: "problem" }, [because({ reason, why: "" })])),
    ...found.lines.flatMap(lines),
    element("h2", {}, [say("connect.agents.rows", { number: found.total })]),
    rows(api, found.items),
  ];
}

/** @param {Lines} one */
function lines(one) {
  const head = element("h2", {}, [say("connect.agents.lines"), " ", ltr(one.pbx)]);
  if (one.problem) return [head, element("p", { class: "problem" }, [because({ reason: one.reason, why: one.problem })])];
  return [head, unfit(one), free(one)];
}

/** @param {Lines} one */
function unfit({ unfit: found, pbx }) {
  const words = say(found.length ? "connect.agents.unfit" : "connect.agents.all-fit", { number: found.length });
  const items = found.map((row) =>
    element("li", {}, [
      ltr(row.extension), " ", foreign(row.name), " ", ltr(`${row.crm}:${row.crm_user}`),
      row.near ? element("b", {}, [" ", say("connect.agents.near"), " ", ltr(row.near)]) : null,
    ]),
  );
  return list(words, items, `${words} ${pbx}`, found.length > 0);
}

/** @param {Lines} one */
function free({ free: found, listed, pbx }) {
  if (listed === null) return element("p", { class: "soft" }, [say("connect.agents.unlisted")]);
  const words = say("connect.agents.free", { number: found.length, listed });
  return list(words, found.map((line) => element("li", {}, [ltr(line.extension), " ", foreign(line.name)])), `${words} ${pbx}`, false);
}

/** @param {string} words @param {Node[]} items @param {string} name @param {boolean} isOpen */
function list(words, items, name, isOpen) {
  if (!items.length) return element("p", {}, [words]);
  return element("details", { open: isOpen }, [element("summary", {}, [words]), element("ul", { class: "read", tabindex: 0, "aria-label": name }, items)]);
}

/** @param {Api} api @param {Row[]} items */
function rows(api, items) {
  const names = ["connect.agent", "connect.crm", "connect.agents.extension", "connect.agents.link"];
  const head = names.map((key) => element("th", { role: "columnheader", scope: "col" }, [say(key)]));
  const seen = new Set();
  const body = items.map((row) => {
    const key = `${row.crm}:${row.crm_user}`;
    const isFirst = !seen.has(key);
    seen.add(key);
    const cells = [
      element("span", { class: "who-of" }, [element("b", {}, [foreign(row.name)]), " ", foreign(row.crm_user)]),
      ltr(row.crm),
      element("span", {}, [ltr(row.extension), " ", element("span", { class: "soft" }, [ltr(row.pbx)])]),
      isFirst ? linkMaker(api, row) : element("span", { class: "none soft" }, ["–"]),
    ];
    return element("tr", { role: "row", class: "lookup" }, cells.map((cell, index) => element("td", { role: "cell", "data-name": say(names[index] ?? "") }, [cell])));
  });
  return element("table", { class: "lookups", role: "table", "aria-label": say("connect.view.agents") }, [
    element("thead", { role: "rowgroup" }, [element("tr", { role: "row" }, head)]),
    element("tbody", { role: "rowgroup" }, body),
  ]);
}

/** @param {Api} api @param {Row} row */
function linkMaker(api, row) {
  const hours = element("select", { "aria-label": `${say("connect.link.hours")} ${row.crm_user}` }, HOURS.map((one) => new Option(say(`connect.link.${one}`), String(one))));
  const place = element("div", { role: "status" });
  const make = button(say("connect.link"), `link ${row.crm} ${row.crm_user}`, async () => {
    try {
      const made = await api.send("POST", "/api/connect/links", { crm: row.crm, crm_user: row.crm_user, hours: Number(hours.value) });
      place.replaceChildren(copyable(say("connect.link"), made.url, `copy link ${row.crm_user}`), say("connect.link.until"), " ", timeElement(made.expires_at));
    } catch (error) {
      const problem = element("p", { class: "problem" });
      showProblem(problem, error, () => make.click());
      place.replaceChildren(problem);
    }
  });
  make.setAttribute("aria-label", `${say("connect.link")} ${row.crm_user}`);
  return element("div", { class: "linking" }, [element("div", { class: "row" }, [hours, make]), place]);
}
