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
  const address = webAddress(record?.url);
  if (!address || !isAllowed(address.hostname, hosts)) return null;
  const name = [record?.type, record?.id].filter((part) => typeof part === "string").join(" ");
  const attributes = { class: "button", href: address.href, target: "_blank", rel: "noopener noreferrer", "data-key": "record" };
  return element("a", attributes, [say("open"), name ? " · " : "", foreign(name)]);
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
