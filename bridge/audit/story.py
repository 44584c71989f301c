"""The details of one click: the request, what the phone system reported, what was chosen and why, each delivery."""

from typing import Any, TypedDict

from sqlalchemy import select

from bridge.audit.archive import Archive
from bridge.audit.entry import LogEntry, entries_of
from bridge.audit.schema import lookups
from bridge.core.json_codec import as_json
from bridge.store.calls import popups
from bridge.store.client import TextRedis
from bridge.store.deliveries import records


class Story(TypedDict):
    """The log entry and its number in the log; for three days each step, and deliveries that have not ended yet.

    Each delivery of the entry has its `attempts`, None when they are no longer kept.
    """

    number: int
    entry: LogEntry
    steps: dict[str, Any] | None
    pending: list[dict[str, Any]]


async def load(archive: Archive, redis: TextRedis, click_id: str) -> Story | None:
    """Everything known about this click; None: no such click."""
    await archive.caught_up(redis)
    found = await archive.ask(_entry, archive, click_id)
    if found is None:
        return None
    number, entry = found
    steps = await popups.story(redis, click_id)
    ids = steps.pop("delivery_ids") if steps else []
    attempts = {one.delivery_id: as_json(one.attempts) for one in await records.get(redis, ids)}
    with_attempts: Any = [{**end, "attempts": attempts.pop(end["delivery_id"], None)} for end in entry["deliveries"]]
    pending = [as_json(one) for one in await records.get(redis, attempts)]
    return {"number": number, "entry": {**entry, "deliveries": with_attempts}, "steps": steps, "pending": pending}


def _entry(archive: Archive, click_id: str) -> tuple[int, LogEntry] | None:
    with archive.reading() as connection:
        row = connection.execute(select(lookups).where(lookups.c.click_id == click_id)).mappings().one_or_none()
        return (row["seq"], entries_of(connection, [row])[0]) if row is not None else None


def text(story: Story) -> str:
    """For a person to read."""
    entry, steps = story["entry"], story["steps"]
    agent = f"{_known(entry['agent'])} ({_known(entry['crm_user'])})"
    rows = [
        f"{entry['click_id']}  {entry['time']}  {entry['crm']}: {entry['outcome']}",
        _row("why", entry["why"] if entry["why"] is not None else "(erased)"),
        _row("agent", f"{agent} on {entry['pbx']} {_known(entry['extension'])}"),
        _row("caller", f"{_known(entry['caller'])}  did {entry['did'] or '-'}  ivrid {_known(entry['ivrid'])}"),
        _row("answer", f"{_source(entry)}, {entry['pbx_ms']} ms of {entry['total_ms']} ms"),
        *(_steps(steps) if steps else [_row("steps", "no longer kept")]),
        *(row for delivery in [*entry["deliveries"], *story["pending"]] for row in _delivery({**delivery})),
        _row("log entry", f"number {story['number']}"),
    ]
    return "\n".join(rows)


def _row(name: str, value: str) -> str:
    return f"  {name:<10} {value}".replace("\n", " ")


def _known(value: str | None) -> str:
    return "(erased)" if value is None else value or "-"


def _source(entry: LogEntry) -> str:
    return f"from {entry['served_from']}" if entry["served_from"] else "phone system not asked"


def _steps(steps: dict[str, Any]) -> list[str]:
    click = steps["click"]
    given = ", ".join(f"{name} {click[name]}" for name in ("agent", "extension", "ivrid") if click.get(name))
    calls = [
        f"{call['state']} {call['direction']} {call['caller']['number'] or '-'} on {call['extension']}"
        for call in steps["live_calls"]
    ]
    took = ", ".join(f"{step['step']} {step['ms']:g} ms" for step in steps["steps"])
    return [
        _row("click", f"{given or '-'} from {click['source_ip'] or '-'}"),
        *(_row("call", call) for call in calls or ["no live calls"]),
        _row("steps", took or "-"),
        *([_row("rule", f"rule {steps['rule']} of [[rules]]")] if steps.get("rule") else []),
    ]


def _delivery(delivery: dict[str, Any]) -> list[str]:
    seen = f"seen {delivery['shown_at']}" if delivery.get("shown_at") else None
    parts = (delivery["state"], delivery["ended_at"], seen, f"({delivery['delivery_id']})")
    rows = [_row(delivery["target"] or "-", " ".join(filter(None, parts)))]
    for one in delivery["attempts"] or []:
        rows.append(_row("", f"{one['at']}  {one['status'] or '-'}  {one['ms']:g} ms  {one['error'] or 'ok'}"))
    return rows
