// The link carried a token: it leaves the address bar and the history, so that nobody reads or copies it there.
history.replaceState(null, "", location.pathname);
