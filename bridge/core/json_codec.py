"""Nouns to JSON and back, in the shapes that users rely on: times in UTC with a Z and milliseconds."""

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

from bridge.core.json_fields import SPARSE, without_underscore

Noun = TypeVar("Noun")
_COMPACT: Any = {"ensure_ascii": False, "separators": (",", ":")}


def time_text(moment: datetime) -> str:
    """`2026-11-22T10:00:00.123Z`."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(value: Any) -> Any:
    """A noun (or a list, mapping or scalar of them) as what `json.dumps` takes, field names unchanged."""
    return json.loads(json_text(value))


def json_text(value: Any) -> str:
    """`value` as compact JSON text; other alphabets stay readable.

    Half of a character outside the basic plane (phone systems cut names in the middle of one) becomes `?`: no other
    program could read it.
    """
    return _whole(_ENCODER.encode(value))


class JsonWriter:
    """Writes texts that have nouns in common, as `json_text` does, and makes each noun plain only once: the call of a
    click is written down five times."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}
        self._encoder = json.JSONEncoder(**_COMPACT, default=self._plain)

    def text(self, value: Any) -> str:
        """`value`, which does not change as long as this writer is used, as compact JSON text."""
        return _whole(self._encoder.encode(value))

    def _plain(self, value: Any) -> Any:
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = value, _plain(value)  # the value, too: its id is no other's meanwhile
        return known[1]


def fields_of(noun: Any) -> dict[str, Any]:
    """A noun's fields by their names in JSON."""
    shape = _shape(cast(Hashable, type(noun)))
    found = dict(zip(shape.written, shape.values(noun), strict=True))
    for written, default in shape.sparse:
        if found[written] == default:
            del found[written]
    return found


def _plain(value: Any) -> Any:
    """The next plainer form of what JSON has no word for."""
    if isinstance(value, datetime):
        return time_text(value)
    if hasattr(value, "__dataclass_fields__"):
        return fields_of(value)
    return sorted(value) if isinstance(value, frozenset) else dict(value)


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class _Shape:
    """A noun's fields: their names in JSON, their values, and the values with which some are left out."""

    written: tuple[str, ...]
    values: Callable[[Any], tuple[object, ...]]
    sparse: tuple[tuple[str, object], ...]


@cache
def _shape(noun: Hashable) -> _Shape:
    """Looked up once for each noun: a click has fifty to write."""
    found = fields(cast(Any, noun))
    names = [field.name for field in found]
    return _Shape(
        written=tuple(map(without_underscore, names)),
        values=attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),),
        sparse=tuple((without_underscore(one.name), one.default) for one in found if one.metadata.get(SPARSE)),
    )


_ENCODER = json.JSONEncoder(**_COMPACT, default=_plain)


@cache
def _adapter(noun: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(type, noun))


def from_json(noun: type[Noun], text: str | bytes) -> Noun:
    """The noun that `json_text` wrote."""
    value: Noun = _adapter(cast(Hashable, noun)).validate_json(text)
    return value


def schema_of(noun: Hashable, references: str) -> dict[str, Any]:
    """The JSON Schema of a noun as `as_json` writes it; those it is made of under `$defs`, named by `references`."""
    return _adapter(noun).json_schema(ref_template=references + "{model}", mode="serialization")
