"""The audit archive: every lookup, searchable, in SQL. New lines wait in a Redis Stream until they are here."""
