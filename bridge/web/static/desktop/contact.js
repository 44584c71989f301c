// Who is calling by the CRM: one record, several to choose from, none, or not known yet.

import { button, element, foreign } from "../element.js";
import { isolated, plain } from "../text.js";
import { say, sayWhy } from "../words.js";
import { link } from "./record.js";

/** @typedef {import("./cards.js").Card} Card */
/** @typedef {{hosts: string[], canCreate: boolean, create: () => void, isCreating: boolean}} Means */

/**
 * The caller's record, if the CRM has exactly one.
 * @param {Card} card
 * @returns {ContactRecord | null}
 */
export function theOne({ contact }) {
  return contact?.status === "one" ? (contact.records[0] ?? null) : null;
}

/**
 * Whether the CRM is being asked who calls.
 * @param {Card} card
 */
export function isSearching({ contact }) {
  return contact?.status === "unknown" && contact.ms === null;
}

/**
 * What the card says of the contact; null where the CRM was not asked, hidden where it has no more than the name.
 * @param {Card} card
 * @param {Means} means
 */
export function contactPart(card, means) {
  const { contact } = card;
  if (!contact || contact.status === "unasked") return null;
  const children = parts(contact, means);
  return element("section", { class: "contact", hidden: !children.length, "data-status": contact.status, "aria-label": say("contact") }, children);
}

/** @param {Contact} contact @param {Means} means @returns {(Node | null)[]} */
function parts(contact, means) {
  if (contact.status === "one" && contact.records[0]) return known(contact.records[0]);
  if (contact.status === "several") return several(contact, means);
  if (contact.status === "none") return none(contact, means);
  return [unknown(contact)];
}

/** @param {Contact} contact */
function unknown({ crm, ms, reason }) {
  const isAsked = ms === null;
  const words = [say(isAsked ? "contact.searching" : "contact.no-answer", { crm: isolated(crm) })];
  const because = !isAsked && reason ? [" ", foreign(sayWhy({ reason, why: "" }))] : [];
  return element("p", { class: "soft" }, [...words, ...because]);
}

/** @param {ContactRecord} record */
function known({ owner, details }) {
  const rows = Object.entries(details).map(([name, value]) => row(foreign(name), value));
  if (owner) rows.unshift(row(say("contact.owner"), owner));
  return rows.length ? [element("dl", { class: "details" }, rows)] : [];
}

/** @param {string | Node} name @param {string} value */
function row(name, value) {
  return element("div", {}, [element("dt", {}, [name]), element("dd", {}, [foreign(value)])]);
}

/** @param {Contact} contact @param {Means} means */
function several({ crm, records, more }, { hosts }) {
  const count = `${records.length}${more ? "+" : ""}`;
  return [
    element("h3", {}, [say("contact.several", { count, crm: isolated(crm) })]),
    element("ul", {}, records.map((record) => element("li", {}, choice(record, hosts)))),
    more ? element("p", { class: "soft" }, [say("contact.more")]) : null,
  ];
}

/** @param {ContactRecord} record @param {string[]} hosts @returns {Node[]} */
function choice({ type, id, name, company, url }, hosts) {
  const words = [name || id, company].map(plain).filter(Boolean).join(", ");
  const what = element("span", { class: "other-who" }, [foreign(words), element("span", { class: "soft" }, [foreign(type)])]);
  const attributes = { class: "plain", "data-key": `contact-${type}-${id}`, "aria-label": say("contact.open", { who: words }) };
  const open = link(url, hosts, [say("contact.open.short")], attributes);
  return open ? [what, open] : [what];
}

/** @param {Contact} contact @param {Means} means */
function none({ crm, create_url: url }, { hosts, canCreate, create, isCreating }) {
  const attributes = { class: "plain", "data-key": "contact-new" };
  const make = canCreate ? button(say("contact.create"), "contact-create", create, { disabled: isCreating }) : null;
  return [
    element("p", {}, [say("contact.none", { crm: isolated(crm) })]),
    element("p", { class: "contact-new" }, [make, link(url, hosts, [say("contact.new")], attributes)]),
  ];
}

/**
 * The contact as rows of text, to copy.
 * @param {Card} card
 * @returns {[string, unknown][]}
 */
export function contactRows({ contact }) {
  return (contact?.records ?? []).map((record) => [
    say("contact"),
    [record.name, record.company, record.url].filter(Boolean).join(", "),
  ]);
}
