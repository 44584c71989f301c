"""One log entry as it is listed, exported and shown: its fields, and how its deliveries ended."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NotRequired, TypedDict

from sqlalchemy import Connection, RowMapping, select

from bridge.audit.schema import callers, deliveries
from bridge.core.delivery import DESKTOP, DeliveryState


class DeliveryEnd(TypedDict):
    """How a delivery ended last (`pending`: not yet), and when its popup was first seen."""

    delivery_id: str
    target: str | None
    state: str | None
    ended_at: str | None
    shown_at: str | None


class Fields(TypedDict):
    """The fields of a lookup. Personal ones are None once they were erased."""

    time: str
    click_id: str
    crm: str
    crm_user: str | None
    agent: str | None
    pbx: str
    extension: str | None
    outcome: str
    why: str | None
    reason: dict[str, Any] | None
    ivrid: str | None
    original_ivrid: str | None
    did: str
    caller: str | None
    popup_id: str | None
    served_from: str | None
    pbx_ms: float | None
    total_ms: float
    source_ip: str | None


class LogEntry(Fields):
    """A lookup with the ends of its deliveries; where callers were shown beside its own, these (None: erased)."""

    deliveries: list[DeliveryEnd]
    other_callers: NotRequired[list[str | None]]


FIELDS = tuple(Fields.__annotations__)


def entries_of(connection: Connection, rows: Sequence[RowMapping]) -> list[LogEntry]:
    """The entries in these rows of `lookups`, in their order."""
    ids = [row["click_id"] for row in rows]
    ends, others = _ends(connection, ids), _others(connection, ids)
    return [_entry(row, ends.get(row["click_id"], []), others.get(row["click_id"], [])) for row in rows]


def _entry(row: RowMapping, ends: list[DeliveryEnd], others: list[str | None]) -> LogEntry:
    entry: Any = {**_fields(row), "deliveries": ends, **({"other_callers": others} if others else {})}
    return entry  # type: ignore[no-any-return]


def _fields(row: RowMapping) -> Fields:
    fields: Any = {name: row[name] for name in FIELDS}
    fields["reason"] = parsed(row["reason"]) or None
    return fields  # type: ignore[no-any-return]


def parsed(text: str | None) -> dict[str, Any]:
    """The JSON object in `text`; empty where it holds none, as after tampering, which `verify` reports."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _ends(connection: Connection, click_ids: Iterable[str]) -> dict[str, list[DeliveryEnd]]:
    """By click: the ends of its deliveries."""
    ids = list(click_ids)
    ordered = select(deliveries).where(deliveries.c.click_id.in_(ids)).order_by(deliveries.c.time, deliveries.c.seq)
    found: dict[str, dict[str, DeliveryEnd]] = {}
    for row in connection.execute(ordered).mappings() if ids else ():
        one = found.setdefault(row["click_id"], {}).setdefault(row["delivery_id"], _pending(row["delivery_id"]))
        if row["kind"] == "shown":
            one["shown_at"] = one["shown_at"] or row["time"]
        else:
            one["target"], one["state"], one["ended_at"] = row["target"], row["state"], row["time"]
    return {click_id: list(by_delivery.values()) for click_id, by_delivery in found.items()}


def _others(connection: Connection, ids: Sequence[str]) -> dict[str, list[str | None]]:
    """By click: the callers shown beside its own, each once."""
    ordered = select(callers.c.click_id, callers.c.caller).where(callers.c.click_id.in_(ids)).order_by(callers.c.seq)
    found: dict[str, dict[str | None, None]] = {}
    for click_id, caller in connection.execute(ordered) if ids else ():
        found.setdefault(click_id, {})[caller] = None
    return {click_id: list(numbers) for click_id, numbers in found.items()}


def _pending(delivery_id: str) -> DeliveryEnd:
    """A popup can be seen on the desktop before its delivery has ended."""
    return {
        "delivery_id": delivery_id,
        "target": DESKTOP,
        "state": str(DeliveryState.PENDING),
        "ended_at": None,
        "shown_at": None,
    }
