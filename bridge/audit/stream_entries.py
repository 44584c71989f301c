"""From an entry of the stream to a row of a table: checked, so that one bad entry cannot block the others."""

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
from bridge.store.client import StreamEntry

DERIVED = {"seq", "salt", "prev", "digest", "caller_salt", "caller_proof", "agent_salt", "agent_proof"}

UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)
IDS = {"click_id", "delivery_id", "act_id", "show_id"}
"""What identifies an entry."""

Fields = Mapping[str, Any]


def row_of(entry: StreamEntry) -> tuple[Table, Row]:
    """The table and the row, not sealed yet. Raises one of `UNREADABLE` on what is no log entry."""
    kind, fields = entry[1]["kind"], json.loads(entry[1]["line"])
    table, read = KINDS[kind]
    return table, checked(table, read({**fields, "kind": kind}))


def _lookup(fields: Fields) -> Row:
    return {
        **fields,
        "reason": _reason(fields.get("reason")),
        "caller_key": fields.get("caller_e164") or plain(fields["caller"]),
        "did_key": fields.get("did_e164") or plain(fields["did"]),
    }


def _reason(reason: object) -> str | None:
    """As JSON text. Entries of earlier versions have none."""
    if reason is None:
        return None
    if not (isinstance(reason, dict) and isinstance(reason.get("code"), str)):
        raise ValueError("not a reason")
    return json.dumps(reason, ensure_ascii=False, separators=(",", ":"))


def _delivery(fields: Fields) -> Row:
    return {**fields, "time": fields["ended_at"]}


def _shown(fields: Fields) -> Row:
    return {**fields, "time": fields["shown_at"]}


def _caller(fields: Fields) -> Row:
    return {**fields, "caller_key": fields.get("caller_e164") or plain(fields["caller"])}


def _read(fields: Fields) -> Row:
    salt = fields.get("salt")
    details = json.dumps(fields["details"], sort_keys=True)
    return {**fields, "details": details, "salt": bytes.fromhex(salt) if salt else None}


KINDS: dict[str, tuple[Table, Callable[[Fields], Row]]] = {
    "lookup": (schema.lookups, _lookup),
    "delivery": (schema.deliveries, _delivery),
    "shown": (schema.deliveries, _shown),
    "read": (schema.access_log, _read),
    "caller": (schema.callers, _caller),
}
"""What the stream contains: the table it goes to, and how its fields become that table's columns."""


def checked(table: Table, fields: Fields) -> Row:
    """The columns of this table (entries of a newer version may have more fields), each of its type."""
    names = (column.name for column in table.columns if column.name not in DERIVED - {"salt"})
    return {name: _value(table.columns[name], fields.get(name)) for name in names}


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
    """Infinity and NaN: no database keeps them unchanged."""
    if not math.isfinite(number := float(value)):
        raise ValueError("not a finite number")
    return number


def _text(value: object) -> str:
    """Text that every database can keep: PostgreSQL refuses null characters, every database unpaired surrogates."""
    if not isinstance(value, str):
        raise TypeError("must be a text")
    return value.replace("\0", "").encode("utf-8", "replace").decode()
