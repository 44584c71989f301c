// The page that a CRM's link opens.

// The link carried a token: it leaves the address bar and the history, so that nobody reads or copies it there.
history.replaceState(null, "", location.pathname);

(() => {
  /* shown.js */
  addEventListener("DOMContentLoaded", () => {
    for (const each of document.querySelectorAll("bdi")) each.textContent = plain(each.textContent);
  });
})();
