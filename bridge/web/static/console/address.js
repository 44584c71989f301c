// What is looked for stands in the address after the #, which no server and no log ever sees: numbers of callers are in it.

export const FILTERS = ["since", "until", "crm", "crm_user", "extension", "outcome", "caller", "did", "ivrid"];
const HASH = /^#/;

/** All that the address says, as a `URLSearchParams`. */
export function said() {
  return new URLSearchParams(location.hash.replace(HASH, ""));
}

/** The token that the address brings, or null. It does not stay there; the rest does. */
export function takeToken() {
  const words = said();
  const token = words.get("token");
  words.delete("token");
  if (token !== null) go(words, { replace: true });
  return token;
}

/** A link may name filters before the #, too: they are moved behind it. */
export function moveIn() {
  if (!location.search) return;
  const words = new URLSearchParams(location.search);
  for (const [name, value] of said()) words.set(name, value);
  go(words, { replace: true });
}

/** The address says `words`; empty ones are left out. `state` is kept with it in the history. */
export function go(words, { replace = false, state = history.state } = {}) {
  const kept = new URLSearchParams([...words].filter(([, value]) => value !== ""));
  const address = location.pathname + (kept.size ? `#${kept}` : "");
  if (replace) history.replaceState(state, "", address);
  else history.pushState(state, "", address);
}

/** `words` without these names. */
export function without(words, ...names) {
  return new URLSearchParams([...words].filter(([name]) => !names.includes(name)));
}
