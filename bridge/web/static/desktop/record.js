// The CRM's record: a link where its host is one of the CRM's, else its address as text, which says why.

import { element, foreign, ltr } from "../element.js";
import { isolated } from "../shown.js";
import { say } from "../words.js";

/** The link, or null. `hosts` are where links may lead: names, and `*.name` for all below it. */
export function recordLink(record, hosts) {
  const address = webAddress(record?.url);
  if (!address || !isAmong(address.hostname, hosts)) return null;
  const named = [record.type, record.id].filter((part) => typeof part === "string").join(" ");
  const attributes = { class: "button", href: address.href, target: "_blank", rel: "noopener noreferrer", "data-key": "record" };
  return element("a", attributes, [say("open"), named ? " · " : "", foreign(named)]);
}

/** The address of a record elsewhere, as text; null when there is none, or a link. */
export function recordElsewhere(record, hosts) {
  const address = webAddress(record?.url);
  if (!address || isAmong(address.hostname, hosts)) return null;
  const why = say("record.elsewhere", { host: isolated(address.hostname) });
  return element("p", { class: "elsewhere" }, [why, " ", ltr(address.href)]);
}

/** The address if it is the web's; anything else (javascript:, data:, a name and password in it, nonsense) is null. */
function webAddress(text) {
  if (typeof text !== "string" || !URL.canParse(text)) return null;
  const address = new URL(text);
  return ["http:", "https:"].includes(address.protocol) && !address.username && !address.password ? address : null;
}

function isAmong(host, hosts) {
  return hosts.some((each) => host === each || (each.startsWith("*.") && host.endsWith(each.slice(1))));
}
