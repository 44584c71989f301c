"""How a noun's fields are written in JSON, where that is more than their names."""

SPARSE = "sparse"
"""Marks a field that JSON leaves out while it has its default."""


def without_underscore(name: str) -> str:
    """The name in JSON of a field whose name is a word of Python's."""
    return name.rstrip("_")
