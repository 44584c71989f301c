"""Found calls in Redis: the popup, the cached call, the click's details."""
