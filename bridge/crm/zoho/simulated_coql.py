"""As much of COQL as a simulated Zoho needs to refuse what is not written right; pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SELECT = re.compile(r"select ([\w., ]+) from (\w+) where (.+) limit (\d+)", re.S)
TOKEN = re.compile(r"\s*(?:'((?:\\.|[^'\\])*)'|([\w.]+)|([=(),]))", re.S)
MOST_CONDITIONS, MOST_ROWS = 25, 2000

Tokens = list[tuple[str, str]]


class Wrong(Exception):
    """A query that Zoho answers 400 to."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query, read."""

    fields: Sequence[str]
    module: str
    condition: Sequence[tuple[str, str]]
    most: int

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether a record is among those asked for."""
        left = list(self.condition)
        fits = _pair(left, row)
        if left:
            raise Wrong
        return fits


def query(text: str) -> Query:
    """A query. Raises `Wrong`."""
    found = SELECT.fullmatch(text)
    if found is None or int(found[4]) > MOST_ROWS:
        raise Wrong
    tokens = list(_tokens(found[3]))
    if sum(1 for kind, _ in tokens if kind == "word") > 3 * MOST_CONDITIONS:
        raise Wrong
    return Query(found[1].split(", "), found[2], tokens, int(found[4]))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise Wrong
        at = found.end()
        if found[1] is not None:
            yield "text", re.sub(r"\\(.)", r"\1", found[1])
        else:
            yield ("word", found[2]) if found[2] else ("mark", found[3])


def _pair(left: Tokens, row: Mapping[str, Any]) -> bool:
    """One condition, or two with a word between: three have to be put into brackets."""
    first = _one(left, row)
    if not left or left[0] not in (("word", "and"), ("word", "or")):
        return first
    _, which = left.pop(0)
    second = _one(left, row)
    return (first and second) if which == "and" else (first or second)


def _one(left: Tokens, row: Mapping[str, Any]) -> bool:
    if left and left[0] == ("mark", "("):
        left.pop(0)
        fits = _pair(left, row)
        _take(left, "mark", ")")
        return fits
    name = _take(left, "word")
    if name not in row:
        raise Wrong
    return _compared(left, str(row[name] if row[name] is not None else ""))


def _compared(left: Tokens, value: str) -> bool:
    how = left.pop(0) if left else ("", "")
    if how == ("mark", "="):
        return value == _take(left, "text")
    if how == ("word", "like"):
        wanted = _take(left, "text")
        return value.endswith(wanted[1:]) if wanted.startswith("%") else value == wanted
    if how == ("word", "is"):
        _take(left, "word", "not")
        _take(left, "word", "null")
        return bool(value)
    if how != ("word", "in"):
        raise Wrong
    return value in _listed(left)


def _listed(left: Tokens) -> list[str]:
    _take(left, "mark", "(")
    values = [_take(left, "text")]
    while left and left[0] == ("mark", ","):
        left.pop(0)
        values.append(_take(left, "text"))
    _take(left, "mark", ")")
    return values


def _take(left: Tokens, kind: str, value: str | None = None) -> str:
    if not left or left[0][0] != kind or value not in (None, left[0][1]):
        raise Wrong
    return left.pop(0)[1]
