"""One click's whole story: what came, what the phone system said, what was chosen and why, and what became of it."""

import asyncio
from typing import Any

from sqlalchemy import select

from bridge.audit.archive import Archive
from bridge.audit.query import FIELDS, ends_of
from bridge.audit.schema import lookups
from bridge.core.json_codec import as_json
from bridge.store.calls import popups
from bridge.store.client import TextRedis
from bridge.store.deliveries import records

Story = dict[str, Any]


async def tell(archive: Archive, redis: TextRedis, click_id: str) -> Story | None:
    """The line and its number, the deliveries, and (for three days) every step and attempt; None: no such click."""
    await archive.catch_up(redis)
    found = await asyncio.to_thread(_line, archive, click_id)
    if found is None:
        return None
    kept = await popups.story(redis, click_id)
    ids = kept.pop("delivery_ids") if kept else []
    attempts = {one.delivery_id: as_json(one.attempts) for one in await records.get(redis, ids)}
    for delivery in found["line"]["deliveries"]:
        delivery["attempts"] = attempts.pop(delivery["delivery_id"], None)
    waiting = [as_json(one) for one in await records.get(redis, attempts)]
    return {**found, "steps": kept, "pending": waiting}


def _line(archive: Archive, click_id: str) -> Story | None:
    with archive.reading() as connection:
        row = connection.execute(select(lookups).where(lookups.c.click_id == click_id)).mappings().one_or_none()
        if row is None:
            return None
        line = {name: row[name] for name in FIELDS}
        return {"number": row["seq"], "line": {**line, "deliveries": ends_of(connection, [click_id]).get(click_id, [])}}


def text(story: Story) -> str:
    """For a person to read."""
    line, steps = story["line"], story["steps"]
    rows = [
        f"{line['click_id']}  {line['time']}  {line['crm']}: {line['outcome']}",
        _row("why", line["why"] if line["why"] is not None else "(erased)"),
        _row(
            "agent",
            f"{_known(line['agent'])} ({_known(line['crm_user'])}) on {line['pbx']} {_known(line['extension'])}",
        ),
        _row("caller", f"{_known(line['caller'])}  did {line['did'] or '-'}  ivrid {_known(line['ivrid'])}"),
        _row("answer", f"from {line['served_from'] or 'nobody asked'}, {line['pbx_ms']} ms of {line['total_ms']} ms"),
        *(_came(steps) if steps else [_row("steps", "not kept any longer")]),
        *(text for delivery in line["deliveries"] for text in _delivered(delivery)),
        *(text for delivery in story["pending"] for text in _delivered(delivery)),
        _row("line", f"number {story['number']} of the log"),
    ]
    return "\n".join(rows)


def _row(name: str, value: str) -> str:
    return f"  {name:<10} {value}".replace("\n", " ")


def _known(value: str | None) -> str:
    return "(erased)" if value is None else value or "-"


def _came(steps: dict[str, Any]) -> list[str]:
    click = steps["click"]
    asked = ", ".join(f"{name} {click[name]}" for name in ("agent", "extension", "ivrid") if click.get(name))
    calls = [
        f"{call['state']} {call['direction']} {call['caller']['number'] or '-'} on {call['extension']}"
        for call in steps["live_calls"]
    ]
    took = ", ".join(f"{step['step']} {step['ms']:g} ms" for step in steps["steps"])
    return [
        _row("came", f"{asked or '-'} from {click['source_ip'] or '-'}"),
        *(_row("call", call) for call in calls or ["none was live"]),
        _row("steps", took or "-"),
    ]


def _delivered(delivery: dict[str, Any]) -> list[str]:
    seen = f"seen {delivery['shown_at']}" if delivery.get("shown_at") else None
    told = (delivery["state"], delivery["ended_at"], seen, f"({delivery['delivery_id']})")
    rows = [_row(delivery["target"] or "-", " ".join(filter(None, told)))]
    for one in delivery["attempts"] or []:
        rows.append(_row("", f"{one['at']}  {one['status'] or '-'}  {one['ms']:g} ms  {one['error'] or 'ok'}"))
    return rows
