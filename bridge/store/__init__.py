"""Everything in Redis. `keys` lists every key; each other module stores one kind of record."""
