"""What lives in Redis. `keys` is the table of every key; each other module keeps one kind of thing."""
