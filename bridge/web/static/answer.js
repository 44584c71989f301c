// The page that a CRM's link opens. The bridge serves this file as one script, with what it imports put in.

import { plain } from "./text.js";

// The link carries a token: remove it from the address bar and the history, where others could read or copy it.
history.replaceState(null, "", location.pathname);

addEventListener("DOMContentLoaded", () => {
  for (const each of document.querySelectorAll("bdi")) each.textContent = plain(each.textContent);
});
