// What the console shows is in the address after the #, which no server and no log sees: it may name callers' numbers.

export const FILTERS = ["since", "until", "crm", "crm_user", "extension", "outcome", "caller", "name", "did", "ivrid"];

/** Everything the address says. */
export function parameters() {
  return new URLSearchParams(location.hash.replace(/^#/, ""));
}

/** Links may have filters before the #, too: moves them behind it. */
export function moveBehindHash() {
  if (!location.search) return;
  const found = new URLSearchParams(location.search);
  for (const [name, value] of parameters()) found.set(name, value);
  replace(found);
}

/**
 * Goes to a new address; the back button returns from it. `state` is kept with it in the history.
 * @param {URLSearchParams} found
 * @param {unknown} state
 */
export function push(found, state) {
  history.pushState(state, "", addressOf(found));
}

/**
 * Changes the present address.
 * @param {URLSearchParams} found
 */
export function replace(found) {
  history.replaceState(history.state, "", addressOf(found));
}

/** @param {URLSearchParams} found parameters without a value are left out */
function addressOf(found) {
  const kept = new URLSearchParams([...found].filter(([, value]) => value !== ""));
  return location.pathname + (kept.size ? `#${kept}` : "");
}

/**
 * The parameters without these.
 * @param {URLSearchParams} found
 * @param {...string} names
 */
export function without(found, ...names) {
  return new URLSearchParams([...found].filter(([name]) => !names.includes(name)));
}
