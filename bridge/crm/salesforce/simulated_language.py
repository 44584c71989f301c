"""As much of SOSL and SOQL as a simulated Salesforce needs to refuse what is not written right; pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
SEARCH = re.compile(r"FIND \{((?:\\.|[^\\{}])*)\} IN PHONE FIELDS RETURNING (.+)", re.S)
OBJECT = re.compile(r"(\w+)\(([\w., ]+?)( WHERE IsConverted = false)? LIMIT (\d+)\)(?:, |$)")
QUERY = re.compile(r"SELECT ([\w., ]+) FROM (\w+)(?: WHERE (.+?))?(?: LIMIT (\d+))?", re.S)
PHRASE = re.compile(r'"((?:\\.|[^"\\])*)"')
UNESCAPED = re.compile(r"""(?<!\\)[?&|!{}\[\]()^~*:"'+\-]""")
TOKEN = re.compile(r"\s*(?:'((?:\\.|[^'\\])*)'|(\w+(?:\.\w+)*)|([=()]))", re.S)


class Wrong(Exception):
    """What Salesforce answers 400 to, with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to give of one object: its name, the fields, and how many records."""

    name: str
    fields: Sequence[str]
    most: int


def search(sosl: str) -> tuple[list[str], list[Wanted]]:
    """The terms and objects of a search. Raises `Wrong`."""
    found = SEARCH.fullmatch(sosl)
    if found is None:
        raise Wrong("MALFORMED_QUERY")
    rest = PHRASE.sub("", found[1])
    terms = [one[1] for one in PHRASE.finditer(found[1])]
    if not terms or set(rest.split()) - {"OR"} or any(UNESCAPED.search(term) for term in terms):
        raise Wrong("MALFORMED_SEARCH")
    objects = [Wanted(one[1], one[2].split(", "), int(one[4])) for one in OBJECT.finditer(found[2])]
    if "".join(one[0] for one in OBJECT.finditer(found[2])) != found[2] or found[2].endswith(", "):
        raise Wrong("MALFORMED_QUERY")
    return [re.sub(r"\\(.)", r"\1", term) for term in terms], objects


def words(written: str) -> list[str]:
    """A phone number as words: cut at whatever is no digit."""
    return re.findall(r"\d+", written)


def has_phrase(written: str, term: str) -> bool:
    """Whether the words of a term stand in a number, side by side."""
    have, want = words(written), words(term)
    return bool(want) and any(have[at : at + len(want)] == want for at in range(len(have)))


@dataclass(slots=True)
class Query:
    """One query, read."""

    wanted: Wanted
    condition: Sequence[Any]

    def fits(self, row: Row) -> bool:
        """Whether a record is among those asked for."""
        return not self.condition or _Condition(list(self.condition), row).holds()


def query(soql: str) -> Query:
    """A query. Raises `Wrong`."""
    found = QUERY.fullmatch(soql)
    if found is None:
        raise Wrong("MALFORMED_QUERY")
    tokens = list(_tokens(found[3] or ""))
    return Query(Wanted(found[2], found[1].split(", "), int(found[4] or 2000)), tokens)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise Wrong("MALFORMED_QUERY")
        at = found.end()
        if found[1] is not None:
            yield "text", re.sub(r"\\(.)", r"\1", found[1])
        else:
            yield ("word", found[2]) if found[2] else ("mark", found[3])


@dataclass(slots=True)
class _Condition:
    """`A = 'x' AND (B = 'y' OR C = 'z')`, for one record."""

    left: list[tuple[str, str]]
    row: Row

    def holds(self) -> bool:
        held = self._all()
        if self.left:
            raise Wrong("MALFORMED_QUERY")
        return held

    def _all(self) -> bool:
        held = self._one()
        while self.left and self.left[0] in (("word", "AND"), ("word", "OR")):
            _, which = self.left.pop(0)
            other = self._one()
            held = (held and other) if which == "AND" else (held or other)
        return held

    def _one(self) -> bool:
        if self._next("mark", "(") is not None:
            held = self._all()
            if self._next("mark", ")") is None:
                raise Wrong("MALFORMED_QUERY")
            return held
        name = self._next("word")
        if name is None or self._next("mark", "=") is None or not self.left:
            raise Wrong("MALFORMED_QUERY")
        value = self.left.pop(0)[1]
        if name not in self.row:
            raise Wrong("INVALID_FIELD")
        return str(self.row[name]).casefold() == value.casefold()

    def _next(self, kind: str, value: str | None = None) -> str | None:
        if self.left and self.left[0][0] == kind and value in (None, self.left[0][1]):
            return self.left.pop(0)[1]
        return None
