"""All entries that match as a file: CSV for spreadsheets, JSONL for programs; in batches, however many there are."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from bridge.audit import query
from bridge.audit.archive import Archive
from bridge.audit.entry import FIELDS, DeliveryEnd, LogEntry
from bridge.audit.search import Place, Search
from bridge.store.client import TextRedis

BATCH = 1000
BOM = "\ufeff"
"""Without it Excel does not recognise UTF-8."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""
NEXT_CELL = re.compile(r"([;\t\r\n] *)(?=[=+\-@＝＋－＠])")
"""Where a cell would begin in a spreadsheet whose locale separates lists by semicolons, or that splits at tabs."""
MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}


async def texts(
    archive: Archive, redis: TextRedis, search: Search, form: str, as_seen: Callable[[Any], Any] = list
) -> AsyncIterator[tuple[str, int]]:
    """The file piece by piece, and how many entries are in each piece; the newest entry first. `as_seen` leaves out of
    the entries what the reader may not see."""
    await archive.caught_up(redis)
    text_of = FORMATS[form]
    place: Place | None = None
    first = True
    while first or place is not None:
        items, place = await archive.ask(query.read, archive, search, BATCH, place)
        yield text_of(as_seen(items), first), len(items)
        first = False


def _jsonl(items: Sequence[LogEntry], _: bool) -> str:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


def _csv(items: Sequence[LogEntry], first: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        text.write(BOM)
        writer.writerow([*FIELDS, "deliveries", "other_callers"])
    for item in items:
        ends = "; ".join(_end(delivery) for delivery in item["deliveries"])
        others = "; ".join(number or "(erased)" for number in item.get("other_callers", ()))
        values: dict[str, Any] = {**item, "deliveries": ends, "other_callers": others}
        writer.writerow([cell(values[name]) for name in (*FIELDS, "deliveries", "other_callers")])
    return text.getvalue()


def _end(delivery: DeliveryEnd) -> str:
    parts = [delivery["target"], delivery["state"], delivery["ended_at"]]
    parts += ["seen", delivery["shown_at"]] if delivery["shown_at"] else []
    return " ".join(part for part in parts if part)


def cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula, wherever it lets cells begin: an apostrophe precedes one.

    Objects are written as JSON.
    """
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "" if value is None else str(value)
    text = NEXT_CELL.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


FORMATS: dict[str, Callable[[Sequence[LogEntry], bool], str]] = {"csv": _csv, "jsonl": _jsonl}
