"""The audit log: who looked up whom, with what result, and who read the log. In SQL, tamper-evident, searchable,
erasable.

New log entries wait in a Redis Stream (written in the click's own transaction) until they are archived.
"""
