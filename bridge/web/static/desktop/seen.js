// Detects that a card was really seen: its caller on the screen, on a page that is visible.

const ENOUGH = 0.9;

export class SeenTracker {
  #onSeen;
  /** @type {Set<Element>} */
  #inView = new Set();
  /** @type {Set<string>} */
  #seen = new Set();
  #observer = new IntersectionObserver((entries) => this.#moved(entries), { threshold: ENOUGH });

  /** @param {(popupId: string) => void} onSeen called once per card */
  constructor(onSeen) {
    this.#onSeen = onSeen;
    document.addEventListener("visibilitychange", () => this.check());
  }

  /**
   * Watches a card by its `.card-top-edge`: the whole card may be taller than the window.
   * @param {HTMLElement} node
   */
  watch(node) {
    const edge = node.querySelector(".card-top-edge");
    if (edge) this.#observer.observe(edge);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #moved(entries) {
    for (const { target, isIntersecting, intersectionRatio } of entries) {
      if (isIntersecting && intersectionRatio >= ENOUGH) this.#inView.add(target);
      else this.#inView.delete(target);
    }
    this.check();
  }

  /** Looks again: a card on the screen may be of a newer popup now. */
  check() {
    if (document.visibilityState !== "visible") return;
    for (const edge of this.#inView) {
      const card = edge.closest("[data-popup]");
      const popupId = card instanceof HTMLElement ? card.dataset.popup : undefined;
      if (!edge.isConnected || popupId === undefined || this.#seen.has(popupId)) continue;
      this.#seen.add(popupId);
      this.#onSeen(popupId);
    }
  }
}
