"""Desktop pages in Redis: the event stream of each agent, notes, preferences."""
