"""Nouns to JSON and back, in the shapes that users rely on: times in UTC with a Z and milliseconds."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

from bridge.core.model import SPARSE, without_underscore

Noun = TypeVar("Noun")


def time_text(moment: datetime) -> str:
    """`2026-11-22T10:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(value: Any) -> Any:
    """A noun (or a list, mapping or scalar of them) as what `json.dumps` takes, field names unchanged."""
    return json.loads(json_text(value))


def json_text(value: Any) -> str:
    """`value` as compact JSON text; other alphabets stay readable.

    Half of a character outside the basic plane (phone systems cut names in the middle of one) becomes `?`: no other
    program could read it.
    """
    return _ENCODER.encode(value).encode("utf-8", "replace").decode()


def _plain(value: Any) -> Any:
    """The next plainer form of what JSON has no word for."""
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset):
        return sorted(value)
    pairs = ((written, getattr(value, name), default) for name, written, default in _names(cast(Hashable, type(value))))
    return {written: inner for written, inner, default in pairs if default is MISSING or inner != default}


@cache
def _names(noun: Hashable) -> tuple[tuple[str, str, object], ...]:
    """Each field, its name in JSON, and the value with which it is left out (`MISSING`: never)."""
    return tuple(
        (field.name, without_underscore(field.name), field.default if field.metadata.get(SPARSE) else MISSING)
        for field in fields(cast(Any, noun))
    )


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)


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
