// Puts a reason into words, exactly as `say` in bridge/core/reasons.py does (tests hold the two together).
// The text for a code is `reason.CODE`; a code that counts has one text per plural form of `count`: `reason.CODE.one`, …

const GAP = /\{(\w+)\}/g;

/**
 * The sentence for `reason` in the language of `words`; its code if the language has no words for it.
 * @param {Reason} reason
 * @param {Words} words
 * @param {string} language a language code, for its plural forms
 * @param {(text: unknown) => string} [shown] how a parameter that is a text is put in
 * @returns {string}
 */
export function sayReason(reason, words, language, shown = String) {
  return [reason, ...(reason.also ?? [])].map((one) => sayOneReason(one, words, language, shown)).join("; ");
}

/** @param {Reason} reason @param {Words} words @param {string} language @param {(text: unknown) => string} shown */
function sayOneReason({ code, params = {} }, words, language, shown) {
  const text = textFor(`reason.${code}`, params.count, words, language);
  if (text === undefined) return code;
  return text.replace(GAP, (gap, name) => sayParameter(params[name] ?? gap, words, language, shown));
}

/** @param {string} key @param {unknown} count @param {Words} words @param {string} language @returns {string | undefined} */
function textFor(key, count, words, language) {
  const form = typeof count === "number" ? new Intl.PluralRules(language).select(count) : "other";
  return words[`${key}.${form}`] ?? words[`${key}.other`] ?? words[key];
}

/**
 * @param {ReasonParameter} value @param {Words} words @param {string} language @param {(text: unknown) => string} shown
 * @returns {string}
 */
function sayParameter(value, words, language, shown) {
  if (Array.isArray(value)) return value.map((one) => sayParameter(one, words, language, shown)).join(", ");
  return typeof value === "object" ? sayReason(value, words, language, shown) : shown(value);
}
