"""What the archive holds about one person: the numbers of log entries that tell of them, and ids that Redis knows."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, or_, select

from bridge.audit.access_log import searched_for, was_shown
from bridge.audit.archive import Archive
from bridge.audit.chain import GROUPS
from bridge.audit.schema import access_log, callers, deliveries, lookups
from bridge.audit.subject import CallerSubject, Subject

CHUNK = 500
TEXTS = ("caller", "ivrid", "original_ivrid", "crm_user", "agent", "extension", "why", "reason")
COLUMNS = [lookups.c[name] for name in ("seq", "click_id", "popup_id", *TEXTS)]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Held:
    """Numbers of log entries, by the group of fields that tells of the person; of entries about callers who were shown
    beside others; of access log entries; and the ids under which Redis knows the same clicks, popups and deliveries.

    `shown` are those among `reads` whose reader did not search for the person, but was shown them.
    """

    lookups: Mapping[str, list[int]]
    beside: list[int]
    reads: list[int]
    shown: list[int]
    ids: frozenset[str]
    deliveries: frozenset[str]

    @property
    def numbers(self) -> list[int]:
        """Of every lookup, once."""
        return sorted({number for some in self.lookups.values() for number in some})

    @property
    def by_group(self) -> dict[str, list[int]]:
        """Every entry whose fields tell of them, by group."""
        groups = {group: sorted(numbers) for group, numbers in self.lookups.items()}
        return {**groups, "caller": sorted([*groups.get("caller", ()), *self.beside])} if self.beside else groups


def find(archive: Archive, subject: Subject) -> Held:
    """What the archive holds. Blocks."""
    with archive.reading() as connection:
        return find_in(connection, subject)


def find_in(connection: Connection, subject: Subject) -> Held:
    """The same, as this transaction sees it."""
    rows = _rows(connection, subject)
    ids = frozenset(one for row in rows for one in (row.click_id, row.popup_id) if one)
    sent: set[str] = set()
    for some in chunks([row.click_id for row in rows]):
        theirs = select(deliveries.c.delivery_id).where(deliveries.c.click_id.in_(some))
        sent.update(connection.execute(theirs).scalars())
    groups: dict[str, list[int]] = {subject.group: []}
    for row in rows:
        for group in _groups_of(row, subject):
            groups.setdefault(group, []).append(row.seq)
    reads, shown = _reads(connection, subject)
    return Held(groups, _beside(connection, subject), reads, shown, ids, frozenset(sent))


def _rows(connection: Connection, subject: Subject) -> list[Row[Any]]:
    """Their lookups. A phone system may have put more than the number into its field, a CRM the number into another
    field: each of those texts is searched."""
    if not isinstance(subject, CallerSubject):
        theirs = (lookups.c.crm == subject.crm) & (lookups.c.crm_user == subject.crm_user)
        return [*connection.execute(select(*COLUMNS).where(theirs))]
    found = [*connection.execute(select(*COLUMNS).where(lookups.c.caller_key.in_(subject.keys)))]
    for some in subject.patterns:
        maybe = or_(*(lookups.c[name].like(some) for name in TEXTS))
        rows = connection.execute(select(*COLUMNS).where(maybe), execution_options={"yield_per": CHUNK})
        found += [row for row in rows if any(subject.found_in(getattr(row, name) or "") for name in TEXTS)]
    return [*{row.seq: row for row in found}.values()]


def _groups_of(row: Row[Any], subject: Subject) -> Iterable[str]:
    """Which personal fields of this lookup tell of them."""
    for group, names in GROUPS.items():
        texts = (getattr(row, name) or "" for name in names if name in TEXTS)
        if group == subject.group or (isinstance(subject, CallerSubject) and any(map(subject.found_in, texts))):
            yield group


def _beside(connection: Connection, subject: Subject) -> list[int]:
    """The entries about them as a caller who was shown beside another."""
    if not isinstance(subject, CallerSubject):
        return []
    columns = callers.c.seq, callers.c.caller
    found = {row.seq for row in connection.execute(select(*columns).where(callers.c.caller_key.in_(subject.keys)))}
    for some in subject.patterns:
        rows = connection.execute(select(*columns).where(callers.c.caller.like(some)))
        found |= {row.seq for row in rows if subject.found_in(row.caller or "")}
    return sorted(found)


def _reads(connection: Connection, subject: Subject) -> tuple[list[int], list[int]]:
    """The access log entries of those who searched for them or were shown them, and those of the latter alone."""
    columns = access_log.c.seq, access_log.c.details, access_log.c.salt
    salted = select(*columns).where(access_log.c.kind == "read", access_log.c.salt.is_not(None))
    rows = connection.execute(salted, execution_options={"yield_per": CHUNK})
    reads, shown = [], []
    for row in rows:
        details = json.loads(row.details)
        has_searched = searched_for(details, row.salt, subject.searches)
        if has_searched or was_shown(details, row.salt, subject.searches):
            reads.append(row.seq)
            shown += [] if has_searched else [row.seq]
    return reads, shown


def chunks(values: list[Item]) -> Iterator[list[Item]]:
    """As many at once as every database takes in one statement."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
