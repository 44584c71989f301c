// How long ago something was, by the bridge's clock: the computer's own may be wrong.

import { duration } from "../../words.js";

export class Clock {
  #ahead = 0;

  /** @param {string} now the bridge's time */
  set(now) {
    const ahead = Date.parse(now) - Date.now();
    if (Math.abs(ahead - this.#ahead) > 500) this.#ahead = ahead;
  }

  /** @param {string | null | undefined} since */
  since(since) {
    return since ? duration(Date.now() + this.#ahead - Date.parse(since)) : "";
  }

  /**
   * Writes into an element how long ago its `data-since` is, if that has changed.
   * @param {HTMLElement} shown
   */
  show(shown) {
    const text = this.since(shown.dataset.since);
    if (shown.textContent !== text) shown.textContent = text;
  }
}
