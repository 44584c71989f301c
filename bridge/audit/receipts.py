"""What the log itself says about gaps in it: receipts of erasures, and checkpoints of retention."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from bridge.audit.entry import parsed
from bridge.audit.schema import access_log

ERASED, FORGOTTEN = "erased", "forgotten"
"""Kinds of access log entries: a person was erased; retention deleted the oldest entries."""
READS = "reads"
"""The group of access log entries, beside the groups of personal fields."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Retention deleted everything up to the entry `through`, which had this digest; all of it was before `before`."""

    through: int
    digest: bytes
    before: str


def erased_entries(connection: Connection) -> dict[str, set[int]]:
    """By group: the numbers of the entries whose fields were erased, according to the receipts."""
    found: dict[str, set[int]] = defaultdict(set)
    for details in _details(connection, ERASED, "lines"):
        with suppress(TypeError, AttributeError):  # a forgery, which its digest reveals
            for group, numbers in details["lines"].items():
                found[group] |= set(numbers)
    return found


def last_checkpoint(connection: Connection) -> Checkpoint | None:
    """The checkpoint that retention wrote last; None when it has deleted nothing."""
    newest: Checkpoint | None = None
    for details in _details(connection, FORGOTTEN, "through", "digest", "before"):
        with suppress(TypeError, ValueError):
            one = Checkpoint(int(details["through"]), bytes.fromhex(details["digest"]), str(details["before"]))
            newest = one if newest is None or one.through > newest.through else newest
    return newest


def _details(connection: Connection, kind: str, *needed: str) -> Iterator[dict[str, Any]]:
    of_kind = select(access_log.c.details).where(access_log.c.kind == kind).order_by(access_log.c.seq)
    for text in connection.execute(of_kind).scalars():
        details = parsed(text)
        if all(name in details for name in needed):
            yield details
