"""Settings as text: TOML as a person would write it. Pure."""

import json
import re
from collections.abc import Mapping

BARE = re.compile(r"[A-Za-z0-9_-]+")
CONTROL = re.compile(r"[\x7f-\x9f]")


def table_text(name: str, table: Mapping[str, object]) -> str:
    """`[name]` and a line for each key."""
    return "\n".join([f"[{name}]", *(f"{_key(key)} = {toml_value(value)}" for key, value in table.items()), ""])


def toml_value(value: object) -> str:
    """A value as it is written in the settings: JSON's words are TOML's too, but for a table within a line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {toml_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _key(key: str) -> str:
    """A number is a key that may be written bare, but reads as a number."""
    return key if BARE.fullmatch(key) and not key.isdecimal() else toml_value(key)
