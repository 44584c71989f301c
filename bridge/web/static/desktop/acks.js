// Tells the bridge which popups were delivered, shown and dismissed, and repeats it until the bridge has it.

import { RequestFailed } from "../http.js";

const RETRY_MS = 3_000;

/** @typedef {"delivered" | "shown" | "dismissed"} AckEvent */

export class Acks {
  /** @type {Map<string, [string, AckEvent]>} */
  #pending = new Map();
  /** @type {Set<string>} */
  #done = new Set();
  /** @type {Set<string>} */
  #sending = new Set();
  #timer = 0;
  #send;
  #onSent;

  /**
   * @param {(popupId: string, event: AckEvent) => Promise<unknown>} send tells the bridge; throws `RequestFailed`
   * @param {(popupId: string, event: AckEvent) => void} onSent called when the bridge has it
   */
  constructor(send, onSent) {
    this.#send = send;
    this.#onSent = onSent;
  }

  /**
   * Sends it, or (`sendNow` false) keeps it in case this tab becomes the leader before another tab has sent it.
   * @param {string} popupId
   * @param {AckEvent} event
   */
  add(popupId, event, sendNow = true) {
    const key = `${popupId} ${event}`;
    if (this.#done.has(key)) return;
    this.#pending.set(key, [popupId, event]);
    if (sendNow) this.#sendOne(key);
  }

  /**
   * The bridge has it, from this tab or another.
   * @param {string} popupId
   * @param {AckEvent} event
   */
  settled(popupId, event) {
    this.#done.add(`${popupId} ${event}`);
    this.#pending.delete(`${popupId} ${event}`);
  }

  /** Sends nothing more. */
  stop() {
    clearTimeout(this.#timer);
    this.#pending.clear();
  }

  /** Sends everything that is still pending. */
  flush() {
    for (const key of [...this.#pending.keys()]) this.#sendOne(key);
  }

  /** @param {string} key */
  async #sendOne(key) {
    const pending = this.#pending.get(key);
    if (!pending || this.#sending.has(key)) return;
    this.#sending.add(key);
    const isSettled = await this.#trySending(...pending);
    this.#sending.delete(key);
    if (!isSettled) return this.#retryLater();
    this.settled(...pending);
    this.#onSent(...pending);
  }

  /**
   * Whether no further attempt is needed: sent, or refused for good (there is no such popup any more).
   * @param {string} popupId
   * @param {AckEvent} event
   */
  async #trySending(popupId, event) {
    try {
      await this.#send(popupId, event);
      return true;
    } catch (error) {
      return error instanceof RequestFailed && error.isFinal;
    }
  }

  #retryLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), RETRY_MS);
  }
}
