// The tabs of one agent in one browser: one leads and holds the stream, the others hear from it. When it goes, another leads.

/**
 * Joins the tabs called `name`. `lead(signal)` is run when this tab's turn comes, for as long as it leads; what others
 * `say` arrives at `hear`. Where the browser has no Web Locks, or refuses them (to a frame of another site it may), every
 * tab leads for itself.
 */
export class Tabs {
  #leaving = new AbortController();
  #channel = null;
  #name;
  leads = false;

  constructor(name, { lead, hear }) {
    this.#name = name;
    if (navigator.locks && "BroadcastChannel" in window) {
      this.#channel = new BroadcastChannel(name);
      this.#channel.onmessage = (event) => hear(event.data);
      this.#leadInTurn(lead);
    } else {
      queueMicrotask(() => this.#lead(lead));
    }
  }

  /** Tells the other tabs. */
  say(message) {
    if (!this.#leaving.signal.aborted) this.#channel?.postMessage(message);
  }

  /** Takes `deed` for this tab. False: another tab has it, which holds for `ms`. */
  async claim(deed, ms = 10_000) {
    if (!navigator.locks) return true;
    return new Promise((resolve) => {
      const taken = (lock) => {
        resolve(lock !== null);
        return lock && new Promise((release) => setTimeout(release, ms));
      };
      navigator.locks.request(`${this.#name}.${deed}`, { ifAvailable: true }, taken).catch(() => resolve(true));
    });
  }

  /** No longer one of them; if this tab leads, the next one's turn has come. */
  leave() {
    this.#leaving.abort();
    this.#channel?.close();
    this.leads = false;
  }

  async #leadInTurn(lead) {
    const { signal } = this.#leaving;
    try {
      await navigator.locks.request(`${this.#name}.leader`, { signal }, () => this.#lead(lead));
    } catch (error) {
      if (error.name === "SecurityError") await this.#lead(lead);
      else if (!signal.aborted) throw error;
    }
  }

  async #lead(lead) {
    this.leads = true;
    await lead(this.#leaving.signal);
    this.leads = false;
  }
}
