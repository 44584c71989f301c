"""Nouns to JSON and back, in the shapes that users rely on: times in UTC with a Z and milliseconds."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

Noun = TypeVar("Noun")


def time_text(moment: datetime) -> str:
    """`2026-11-22T10:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(value: Any) -> Any:
    """A noun (or a list, mapping or scalar of them) as what `json.dumps` takes, field names unchanged.

    Half of a character outside the basic plane (phone systems cut names in the middle of one) becomes `?`: no other
    program could read it.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, datetime):
        return time_text(value)
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {as_json(str(key)): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def json_text(value: Any) -> str:
    """`value` as compact JSON text; other alphabets stay readable."""
    return json.dumps(as_json(value), ensure_ascii=False, separators=(",", ":"))


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
