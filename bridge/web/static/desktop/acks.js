// What the bridge must be told about popups: delivered, shown, dismissed. Kept until the bridge has taken it.

const RETRY_MS = 3_000;

/** `send(popupId, event)` tells the bridge and raises `Refused`; `onSent(popupId, event)` when it has it. */
export class Acks {
  #pending = new Map();
  #done = new Set();
  #underWay = new Set();
  #timer = 0;
  #send;
  #onSent;

  constructor(send, onSent) {
    this.#send = send;
    this.#onSent = onSent;
  }

  /** To be told; at once if this tab `tells`, else by the tab that leads later, unless another has done it. */
  add(popupId, event, tells = true) {
    const key = `${popupId} ${event}`;
    if (this.#done.has(key)) return;
    this.#pending.set(key, [popupId, event]);
    if (tells) this.#tell(key);
  }

  /** Another tab has told the bridge. */
  settled(popupId, event) {
    this.#done.add(`${popupId} ${event}`);
    this.#pending.delete(`${popupId} ${event}`);
  }

  /** Tells nothing more. */
  stop() {
    clearTimeout(this.#timer);
    this.#pending.clear();
  }

  /** Tells all that is still to be told. */
  flush() {
    for (const key of [...this.#pending.keys()]) this.#tell(key);
  }

  async #tell(key) {
    if (this.#underWay.has(key)) return;
    const [popupId, event] = this.#pending.get(key);
    this.#underWay.add(key);
    const isTaken = await this.#isTaken(popupId, event);
    this.#underWay.delete(key);
    if (!isTaken) return this.#later();
    this.settled(popupId, event);
    this.#onSent(popupId, event);
  }

  /** Whether the bridge has heard it. A refusal for good (no such popup any more) needs no second try either. */
  async #isTaken(popupId, event) {
    try {
      await this.#send(popupId, event);
      return true;
    } catch (refused) {
      return refused.status >= 400 && refused.status < 500 && refused.status !== 429;
    }
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), RETRY_MS);
  }
}
