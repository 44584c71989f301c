// Making elements. Texts go into text nodes only.

/** One element with its attributes and children (texts, elements; null is left out). */
export function element(name, attributes, children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A timer that counts from the moment `since` (ms); the page's clock moves it on. */
export function time(since, duration) {
  return element("time", { class: "timer", "data-since": since }, [duration(Date.now() - since)]);
}
