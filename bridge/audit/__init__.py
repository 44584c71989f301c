"""The audit log: who looked up whom, what came of it, and who read that. In SQL, chained, searchable, erasable.

New lines wait in a Redis Stream (written in the click's own transaction) until the archive has them.
"""
