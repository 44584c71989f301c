// Why something is so, in words: the page's twin of core/reasons.py. A reason is {code, params, also}; the words for it
// stand in a catalogue under `reason.CODE`, or `reason.CODE.one` and its like, one for each plural form of `count`.

const GAP = /\{(\w+)\}/g;

/** The sentence for `reason` by the words of one language; its code where there are none. */
export function sayReason(reason, words) {
  return [reason, ...(reason.also ?? [])].map((one) => saidOf(one, words)).join("; ");
}

function saidOf({ code, params = {} }, words) {
  const text = textOf(`reason.${code}`, params.count, words);
  return text === undefined ? code : text.replace(GAP, (whole, name) => filled(params[name] ?? whole, words));
}

function textOf(key, count, words) {
  const form = { 1: "one", 2: "two" }[count] ?? "other";
  return words[`${key}.${form}`] ?? words[`${key}.other`] ?? words[key];
}

function filled(value, words) {
  if (Array.isArray(value)) return value.map((one) => filled(one, words)).join(", ");
  return value?.code ? sayReason(value, words) : String(value);
}
