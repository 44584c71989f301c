"""All lines that match as a file: CSV for spreadsheets, JSONL for programs; batch by batch, however many there are."""

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from bridge.audit import query
from bridge.audit.archive import Archive
from bridge.audit.asking import Place, Wanted
from bridge.audit.query import LogEntry
from bridge.store.client import TextRedis

BATCH = 1000
BOM = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""
NEXT_CELL = re.compile(r"([;\t\r\n] *)(?=[=+\-@＝＋－＠])")
"""Where a cell would begin in a spreadsheet of a country whose lists have semicolons, or that takes tabs."""
MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}


async def texts(archive: Archive, redis: TextRedis, wanted: Wanted, form: str) -> AsyncIterator[tuple[str, int]]:
    """The file piece by piece, and how many lines are in each piece; the newest line first."""
    await archive.catch_up(redis)
    text_of = FORMATS[form]
    place: Place | None = None
    first = True
    while first or place is not None:
        items, place = await asyncio.to_thread(query.read, archive, wanted, BATCH, place)
        yield text_of(items, first), len(items)
        first = False


def _jsonl(items: list[LogEntry], _: bool) -> str:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


def _csv(items: list[LogEntry], first: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        text.write(BOM)
        writer.writerow([*query.FIELDS, "deliveries"])
    for item in items:
        ends = "; ".join(_end(delivery) for delivery in item["deliveries"])
        writer.writerow([cell(value) for value in (*(item[name] for name in query.FIELDS), ends)])
    return text.getvalue()


def _end(delivery: LogEntry) -> str:
    parts = [delivery["target"], delivery["state"], delivery["ended_at"]]
    parts += ["seen", delivery["shown_at"]] if delivery["shown_at"] else []
    return " ".join(part for part in parts if part)


def cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula, wherever it lets cells begin: an apostrophe stands before one."""
    text = "" if value is None else str(value)
    text = NEXT_CELL.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


FORMATS: dict[str, Callable[[list[LogEntry], bool], str]] = {"csv": _csv, "jsonl": _jsonl}
