"""From an entry of the stream to a line of a table: checked, so that one bad entry can hold nothing up."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Float, String, Table

from bridge.audit import schema
from bridge.audit.chain import Row
from bridge.core.json_codec import time_text
from bridge.core.phone_numbers import plain
from bridge.store.client import Entry

DERIVED = {"seq", "salt", "prev", "digest", "caller_salt", "caller_proof", "agent_salt", "agent_proof"}

UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)
IDS = {"click_id", "delivery_id", "act_id"}
"""What lines are told apart by."""


def line_of(entry: Entry) -> tuple[Table, Row]:
    """The table and the line (not sealed yet). Raises one of `UNREADABLE` on what is no line."""
    kind, line = entry[1]["kind"], json.loads(entry[1]["line"])
    table, read = KINDS[kind]
    return table, checked(table, read({**line, "kind": kind}))


def _lookup(line: Mapping[str, Any]) -> Row:
    return {
        **line,
        "caller_key": line.get("caller_e164") or plain(line["caller"]),
        "did_key": line.get("did_e164") or plain(line["did"]),
    }


def _delivery(line: Mapping[str, Any]) -> Row:
    return {**line, "time": line["ended_at"]}


def _shown(line: Mapping[str, Any]) -> Row:
    return {**line, "time": line["shown_at"]}


def _read(line: Mapping[str, Any]) -> Row:
    salt = line.get("salt")
    details = json.dumps(line["details"], sort_keys=True)
    return {**line, "details": details, "salt": bytes.fromhex(salt) if salt else None}


KINDS: dict[str, tuple[Table, Callable[[Mapping[str, Any]], Row]]] = {
    "lookup": (schema.lookups, _lookup),
    "delivery": (schema.deliveries, _delivery),
    "shown": (schema.deliveries, _shown),
    "read": (schema.acts, _read),
}
"""What the stream holds: the table it goes to, and how its fields are told there."""


def checked(table: Table, line: Mapping[str, Any]) -> Row:
    """The columns that this table knows (a line of a newer version may have more), each of its type."""
    names = (column.name for column in table.columns if column.name not in DERIVED - {"salt"})
    return {name: _value(table.columns[name], line.get(name)) for name in names}


def _value(column: "Column[Any]", value: Any) -> Any:
    if value is None:
        if not column.nullable:
            raise ValueError(f"no {column.name}")
        return None
    if isinstance(column.type, Float):
        return _finite(value)
    if not isinstance(column.type, String):
        return value
    text = _text(value)
    if column.name in IDS and len(text) > schema.LONGEST:
        raise ValueError(f"{column.name} is too long")
    if column.name == "time" and text != time_text(datetime.fromisoformat(text)):
        raise ValueError("not a time as this program writes it")
    return text[: schema.LONGEST] if column.name in schema.SEARCHED else text


def _finite(value: Any) -> float:
    """No database keeps what is no number as it was."""
    if not math.isfinite(number := float(value)):
        raise ValueError("not a number")
    return number


def _text(value: object) -> str:
    """Texts as every database keeps them: PostgreSQL takes no zero characters, nobody takes half a character."""
    if not isinstance(value, str):
        raise TypeError("must be a text")
    return value.replace("\0", "").encode("utf-8", "replace").decode()
