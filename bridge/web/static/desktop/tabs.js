// The tabs of one agent in one browser: one leads and reads the stream; when it goes, another takes over.

export class Tabs {
  #leaving = new AbortController();
  /** @type {BroadcastChannel | null} */
  #channel = null;
  #name;
  leads = false;

  /**
   * Joins the tabs called `name`. Where the browser has no Web Locks, or refuses them (it may in a frame of another site),
   * every tab leads for itself.
   * @param {string} name
   * @param {object} handlers
   * @param {(signal: AbortSignal) => Promise<void>} handlers.lead runs for as long as this tab leads
   * @param {(message: any) => void} handlers.receive gets what the other tabs `send`
   */
  constructor(name, { lead, receive }) {
    this.#name = name;
    if (navigator.locks && "BroadcastChannel" in window) {
      this.#channel = new BroadcastChannel(name);
      this.#channel.onmessage = (event) => receive(event.data);
      this.#leadInTurn(lead);
    } else {
      queueMicrotask(() => this.#lead(lead));
    }
  }

  /**
   * Sends `message` to the other tabs.
   * @param {unknown} message
   */
  send(message) {
    if (!this.#leaving.signal.aborted) this.#channel?.postMessage(message);
  }

  /**
   * Claims a task for this tab, for `ms`. False if another tab has it.
   * @param {string} task
   * @returns {Promise<boolean>}
   */
  async claim(task, ms = 10_000) {
    if (!navigator.locks) return true;
    return new Promise((resolve) => {
      /** @param {Lock | null} lock */
      const take = (lock) => {
        resolve(lock !== null);
        return lock && new Promise((release) => setTimeout(release, ms));
      };
      navigator.locks.request(`${this.#name}.${task}`, { ifAvailable: true }, take).catch(() => resolve(true));
    });
  }

  /** Leaves; if this tab led, the next one takes over. */
  leave() {
    this.#leaving.abort();
    this.#channel?.close();
    this.leads = false;
  }

  /** @param {(signal: AbortSignal) => Promise<void>} lead */
  async #leadInTurn(lead) {
    const { signal } = this.#leaving;
    try {
      await navigator.locks.request(`${this.#name}.leader`, { signal }, () => this.#lead(lead));
    } catch (error) {
      if (error instanceof DOMException && error.name === "SecurityError") await this.#lead(lead);
      else if (!signal.aborted) throw error;
    }
  }

  /** @param {(signal: AbortSignal) => Promise<void>} lead */
  async #lead(lead) {
    this.leads = true;
    await lead(this.#leaving.signal);
    this.leads = false;
  }
}
