// Tells when a card was really before the agent's eyes: its caller on the screen, in a page that is being looked at.

const ENOUGH = 0.9;

/** `onSeen(popupId)` is called once per card. */
export class Sight {
  #onSeen;
  #inView = new Set();
  #seen = new Set();
  #observer = new IntersectionObserver((changes) => this.#changed(changes), { threshold: ENOUGH });

  constructor(onSeen) {
    this.#onSeen = onSeen;
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** Watches a card. The top edge stands for the card: it may be taller than the window. */
  watch({ node, entry }) {
    const mark = node.querySelector("[data-sight]");
    mark.dataset.sight = entry.popup.popup_id;
    this.#observer.observe(mark);
  }

  #changed(changes) {
    for (const { target, isIntersecting, intersectionRatio } of changes) {
      if (isIntersecting && intersectionRatio >= ENOUGH) this.#inView.add(target);
      else this.#inView.delete(target);
    }
    this.#look();
  }

  #look() {
    if (document.visibilityState !== "visible") return;
    for (const target of this.#inView) {
      const popupId = target.dataset.sight;
      if (!target.isConnected || this.#seen.has(popupId)) continue;
      this.#seen.add(popupId);
      this.#onSeen(popupId);
    }
  }
}
