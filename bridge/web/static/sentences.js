// The bridge's own sentences in other languages: its reasons are made of parts that the catalogues know as `sentence.…`.

const PREFIX = "sentence.";
let patterns = [];

/** Takes the sentences of the English catalogue as patterns; `{}` when the page speaks English. */
export function readSentences(english) {
  const known = Object.entries(english).filter(([key]) => key.startsWith(PREFIX));
  patterns = known.map(([key, text]) => [key, asPattern(text)]).sort(([, one], [, other]) => other.source.length - one.source.length);
}

function asPattern(text) {
  const escaped = text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  const gap = (_, name) => (name === "number" ? "(?<number>\\d+)" : `(?<${name}>[^;]+?)`);
  return new RegExp(`^${escaped.replace(/\{(\w+)\}/g, gap)}$`, "s");
}

/** `sentence` by `say(key, values)`, whole or part by part; unchanged where a part is unknown. */
export function translate(sentence, say) {
  const whole = known(sentence, say);
  if (whole !== null) return whole;
  const parts = sentence.split("; ").map((part) => known(part, say));
  return parts.includes(null) ? sentence : parts.join("; ");
}

function known(text, say) {
  for (const [key, pattern] of patterns) {
    const found = pattern.exec(text);
    if (!found) continue;
    const values = Object.entries(found.groups ?? {}).map(([name, value]) => [name, counted(value, say)]);
    return say(key, Object.fromEntries(values));
  }
  return null;
}

/** What stands in a sentence's gap: a part of its own, a list of `2 ringing, 1 on hold`, or a name. */
function counted(value, say) {
  const items = value.split(", ").map((item) => {
    const [, number, words] = /^(\d+ )?(.+)$/s.exec(item) ?? [];
    return `${number ?? ""}${known(words ?? item, say) ?? words ?? item}`;
  });
  return items.join(", ");
}
