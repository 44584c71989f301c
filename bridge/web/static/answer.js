// The page that a CRM's link opens.

// The link carried a token: it leaves the address bar and the history, so that nobody reads or copies it there.
history.replaceState(null, "", location.pathname);

(() => {
  const WORDS = {}; // the catalogues of static/lang, sentences.js and shown.js, put in by the bridge
  const { lang } = document.documentElement;
  const fill = (key, values) => WORDS[lang][key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  readSentences(lang === "en" ? {} : WORDS.en);
  addEventListener("DOMContentLoaded", () => {
    for (const each of document.querySelectorAll("[data-sentence]")) each.textContent = translate(each.textContent, fill);
    for (const each of document.querySelectorAll("bdi")) each.textContent = plain(each.textContent);
  });
})();
