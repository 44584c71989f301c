// The window in which an agent signs in for a frame: hands the one-time link over to it, and closes.

const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname + location.search);
if (token && opener) {
  opener.postMessage({ popbridge: "signed-in", token }, location.origin);
  close();
} else if (token) {
  location.replace(`/desktop#token=${encodeURIComponent(token)}`); // the provider has cut the windows' tie
}
