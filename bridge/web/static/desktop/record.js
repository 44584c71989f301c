// The CRM's record: a link if it leads to one of the CRM's hosts, otherwise its address as text with an explanation.

import { element, foreign, ltr } from "../element.js";
import { isolated } from "../text.js";
import { say } from "../words.js";

/**
 * The link, or null.
 * @param {CrmRecord | null} record
 * @param {string[]} hosts where links may lead: names, and `*.name` for all subdomains
 */
export function recordLink(record, hosts) {
  const name = [record?.type, record?.id].filter((part) => typeof part === "string").join(" ");
  return link(record?.url, hosts, [say("open"), name ? " · " : "", foreign(name)], { class: "button", "data-key": "record" });
}

/**
 * The link to a record of the caller's, as the card's one large action; null where it leads nowhere that is allowed.
 * @param {ContactRecord} record
 * @param {string[]} hosts
 */
export function contactLink({ url, name }, hosts) {
  return link(url, hosts, [say("open"), name ? " · " : "", foreign(name)], { class: "button", "data-key": "record" });
}

/**
 * A link that opens in a tab of its own, or null where it leads to none of the `hosts`.
 * @param {unknown} url
 * @param {string[]} hosts
 * @param {(Node | string)[]} words
 * @param {Record<string, string>} attributes
 */
export function link(url, hosts, words, attributes) {
  const href = allowed(url, hosts);
  return href === null ? null : element("a", { ...attributes, href, target: "_blank", rel: "noopener noreferrer" }, words);
}

/**
 * The address, if it leads to one of the `hosts`; else null.
 * @param {unknown} url
 * @param {string[]} hosts
 */
export function allowed(url, hosts) {
  const address = webAddress(url);
  return address && isAllowed(address.hostname, hosts) ? address.href : null;
}

/**
 * The address of a record elsewhere, as text; null if there is none, or it is a link.
 * @param {CrmRecord | null} record
 * @param {string[]} hosts
 */
export function recordElsewhere(record, hosts) {
  const address = webAddress(record?.url);
  if (!address || isAllowed(address.hostname, hosts)) return null;
  const why = say("record.elsewhere", { host: isolated(address.hostname) });
  return element("p", { class: "elsewhere" }, [why, " ", ltr(address.href)]);
}

/**
 * The address if it is http(s) without a user name; null for anything else (`javascript:`, `data:`, …).
 * @param {unknown} text
 */
function webAddress(text) {
  if (typeof text !== "string" || !URL.canParse(text)) return null;
  const address = new URL(text);
  return ["http:", "https:"].includes(address.protocol) && !address.username && !address.password ? address : null;
}

/** @param {string} host @param {string[]} hosts */
function isAllowed(host, hosts) {
  return hosts.some((each) => host === each || (each.startsWith("*.") && host.endsWith(each.slice(1))));
}
