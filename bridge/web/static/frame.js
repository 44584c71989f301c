// Says why the desktop page cannot work where it is shown: in a frame whose sandbox forbids what it needs, or where its
// scripts did not load. A plain script, because such a frame loads no modules; the bridge puts its words in front.

(() => {
  const NEEDED = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox";
  const asked = new URLSearchParams(location.search).get("lang");
  const codes = [asked, ...navigator.languages].map((name) => (name ?? "").toLowerCase().split("-")[0]?.replace(/^iw$/, "he") ?? "");
  const code = codes.find((each) => each in WORDS) ?? "en";
  const words = WORDS[code] ?? {};

  /** @param {string} key */
  function say(key) {
    return (words[key] ?? key).replace("{host}", location.host).replace("{needed}", NEEDED);
  }

  /** @param {string} id */
  function byId(id) {
    return /** @type {HTMLElement} */ (document.getElementById(id));
  }

  /** @param {string} title @param {string} text @param {(Node | string)[]} more */
  function show(title, text, ...more) {
    document.documentElement.lang = code;
    document.documentElement.dir = words.dir ?? "ltr";
    byId("notice-title").textContent = title;
    byId("notice-text").textContent = text;
    byId("notice").append(...more);
    byId("notice").hidden = false;
    byId("connection").hidden = true;
  }

  /** @param {string} text */
  function paragraph(text) {
    const made = document.createElement("p");
    made.textContent = text;
    return made;
  }

  function needed() {
    const made = document.createElement("p");
    const list = document.createElement("code");
    list.dir = "ltr";
    list.textContent = `sandbox="${NEEDED}"`;
    made.append(list);
    return made;
  }

  /** A link that opens the page outside the frame, where that is allowed. */
  function outside() {
    const link = document.createElement("a");
    link.href = location.href;
    link.target = "_blank";
    link.rel = "noopener";
    link.textContent = say("frame.open");
    const made = document.createElement("p");
    made.append(link);
    return made;
  }

  function explainFrame() {
    const more = [paragraph(say("frame.fix")), needed(), paragraph(say("frame.exempt")), outside()];
    show(say("frame.title"), say("frame.text"), ...more);
  }

  /** The page's modules run before its `load`. */
  function explainUnlessStarted() {
    if (!("started" in document.body.dataset)) show(say("unloaded.title"), say("unloaded.text"));
  }

  if (self.origin === "null") explainFrame();
  else addEventListener("load", explainUnlessStarted);
})();
