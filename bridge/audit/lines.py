"""From an entry of the stream to a line of a table: checked, so that one bad entry can hold nothing up."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Float, String, Table

from bridge.audit import schema
from bridge.audit.chain import Row
from bridge.numbers import plain
from bridge.store.connection import Entry

DERIVED = {"seq", "salt", "prev", "digest", "caller_salt", "caller_proof", "agent_salt", "agent_proof"}


def line_of(entry: Entry) -> tuple[Table, Row]:
    """The table and the line (not sealed yet). Raises `ValueError`, `KeyError`, `TypeError` on what is no line."""
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
    row: Row = {}
    for column in table.columns:
        if column.name in DERIVED - {"salt"}:
            continue
        value = line.get(column.name)
        if value is None and not column.nullable:
            raise ValueError(f"no {column.name}")
        if value is not None and isinstance(column.type, Float):
            value = float(value)
        elif value is not None and isinstance(column.type, String):
            value = _text(value)
        row[column.name] = value
    return row


def _text(value: object) -> str:
    """Texts as every database keeps them: PostgreSQL takes no zero characters, nobody takes half a character."""
    if not isinstance(value, str):
        raise TypeError("must be a text")
    return value.replace("\0", "").encode("utf-8", "replace").decode()
