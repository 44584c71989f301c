"""Entries as the stream holds them, made up: the same ones for the same numbers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bridge.core.json_codec import time_text
from bridge.store.client import StreamEntry

START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
OUTCOMES = ("found", "found", "found", "found", "no-active-call", "unknown-extension", "pbx-unreachable")


def moment(number: int) -> datetime:
    """When click `number` came: one a second."""
    return START + timedelta(seconds=number)


def number_of(caller: int) -> str:
    """A valid number of region IL, as a phone system writes it."""
    return f"05{caller % 5}{2_000_000 + caller:07d}"


def lookup(number: int, **changed: object) -> StreamEntry:
    """Click `number`: one of 200 agents, one of 5,000 callers."""
    caller, agent = number_of(number % 5000), number % 200
    line = {
        "time": time_text(moment(number)),
        "click_id": f"clk_{number:032x}",
        "crm": "acme" if number % 10 else "other",
        "crm_user": f"agent{agent}@acme.example",
        "agent": f"Agent {agent} כהן",
        "pbx": "main",
        "extension": f"SIP{agent}",
        "outcome": OUTCOMES[number % len(OUTCOMES)],
        "why": "talking now; the only call",
        "ivrid": f"2026110108{number:012x}",
        "original_ivrid": None,
        "did": "0776707528",
        "did_e164": "+972776707528",
        "caller": caller,
        "caller_e164": f"+972{caller[1:]}",
        "popup_id": f"pop_{number:032x}",
        "served_from": "pbx",
        "pbx_ms": 41.7,
        "total_ms": 44.9,
        "source_ip": "192.0.2.1",
        **changed,
    }
    return _entry(number * 3, "lookup", line)


def end(number: int, state: str = "delivered", target: str = "acme") -> StreamEntry:
    """How the delivery of click `number` ended."""
    return _entry(
        number * 3 + 1,
        "delivery",
        {**_delivery(number, target), "target": target, "state": state}
        | {"ended_at": time_text(moment(number) + timedelta(milliseconds=80))},
    )


def shown(number: int, target: str = "desktop") -> StreamEntry:
    """That the popup of click `number` was seen."""
    at = time_text(moment(number) + timedelta(milliseconds=900))
    return _entry(number * 3 + 2, "shown", {**_delivery(number, target), "shown_at": at})


def _delivery(number: int, target: str) -> dict[str, object]:
    return {
        "click_id": f"clk_{number:032x}",
        "popup_id": f"pop_{number:032x}",
        "delivery_id": f"dlv_{target}_{number:026x}",
    }


def _entry(place: int, kind: str, line: dict[str, object]) -> StreamEntry:
    return f"{int(START.timestamp() * 1000)}-{place + 1}", {"kind": kind, "line": json.dumps(line)}


def some(count: int, first: int = 0) -> Iterator[StreamEntry]:
    """`count` clicks with the ends of their deliveries."""
    for number in range(first, first + count):
        yield lookup(number)
        yield end(number)
        yield shown(number)
