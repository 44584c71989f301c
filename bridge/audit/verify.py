"""Proving the log: every line is looked at once, in order, and what does not fit is named."""

import hashlib
import heapq
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, func, select

from bridge.audit import chain
from bridge.audit.archive import Archive
from bridge.audit.retention import FORGOTTEN
from bridge.audit.schema import CHAINED, acts, head

ERASED = "erased"
READS = "reads"
MOST_FINDINGS = 1000
STEP = 10_000
CHANGED, MISSING, MOVED, PUT_IN = "was changed", "is missing", "stands in the wrong place", "was put in between"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest line at some moment, kept elsewhere: number, digest, time."""

    seq: int
    digest: str
    time: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one line, or with the log as a whole (line 0)."""

    line: int
    what: str


@dataclass(slots=True)
class Verdict:
    """What came out: how many lines were looked at, from which to which, the head, and what is wrong."""

    lines: int = 0
    first: int | None = None
    last: int | None = None
    head: Anchor | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def find(self, line: int, what: str) -> None:
        """Note what is wrong, as far as anybody would read it."""
        finding = Finding(line, what)
        if len(self.findings) < MOST_FINDINGS and finding not in self.findings[-4:]:
            self.findings.append(finding)


@dataclass(frozen=True, slots=True)
class Span:
    """The part to prove, by times (None: from the beginning, to the end)."""

    since: str | None = None
    until: str | None = None


WHOLE = Span()


def verify(
    archive: Archive, span: Span = WHOLE, anchors: Sequence[Anchor] = (), told: Callable[[int], None] | None = None
) -> Verdict:
    """Prove the log, or a part of it. `told` hears now and then how many lines were looked at. Blocks."""
    with archive.reading() as connection:
        return _Proof(connection, span, anchors, told or _nobody).run()


def _nobody(_: int) -> None:
    """Nobody listens."""


class _Proof:
    def __init__(
        self, connection: Connection, span: Span, anchors: Sequence[Anchor], told: Callable[[int], None]
    ) -> None:
        self._connection, self._span, self._anchors, self._told = connection, span, anchors, told
        self._verdict = Verdict()
        self._erased = _erased_lines(connection)
        self._forgotten = _last_checkpoint(connection)
        row = connection.execute(select(head.c.seq, head.c.digest)).one()
        self._head_seq, self._head_digest = int(row.seq), bytes(row.digest)
        self._by_seq: dict[int, list[Anchor]] = defaultdict(list)
        for anchor in anchors:
            self._by_seq[anchor.seq].append(anchor)

    def run(self) -> Verdict:
        low, high = self._bounds()
        begun = self._span.since is None
        expected, prev = self._begin() if begun else (low, None)
        before: bytes | None = None
        flagged = False
        rows = _lookahead(_merged(self._connection, low, high))
        for table, row, following in rows:
            seq = int(row["seq"])
            if seq != expected:
                self._gap(expected, seq)
                prev = before = None
            ok = self._own(table, row)
            if ok and prev is not None and row["prev"] != prev:
                ok = self._link(row, seq, prev, before, flagged, following)
            before, prev, flagged, expected = prev, bytes(row["digest"]), not ok, seq + 1
            self._count(row, seq)
        self._end(expected, prev, flagged)
        return self._verdict

    def _bounds(self) -> tuple[int, int]:
        """Numbers of the first and last line of the span."""
        low, high = 0, 2**62
        if self._span.since:
            young = _edges(self._connection, func.min, lambda t: t.c.time >= self._span.since)
            low = min(young, default=self._head_seq + 1)
        if self._span.until:
            high = max(_edges(self._connection, func.max, lambda t: t.c.time < self._span.until), default=0)
        return low, high

    def _begin(self) -> tuple[int, bytes]:
        """The number of the first line there should be, and the digest it builds on."""
        if self._forgotten is None:
            return 1, chain.START
        return int(self._forgotten["through"]) + 1, bytes.fromhex(self._forgotten["digest"])

    def _gap(self, expected: int, seq: int) -> None:
        if seq < expected:
            self._verdict.find(seq, PUT_IN)
            return
        for number in range(expected, min(seq, expected + MOST_FINDINGS)):
            self._verdict.find(number, MISSING)

    def _own(self, table: Table, row: Row) -> bool:
        """Whether the line fits its own digest, and its personal fields their proofs."""
        seq = int(row["seq"])
        if chain.digest(table.name, row, row["prev"]) != row["digest"]:
            self._verdict.find(seq, CHANGED)
            return False
        wrong = [group for group in self._groups(table, row) if not self._proven(group, row, seq)]
        for group in wrong:
            self._verdict.find(seq, f"{CHANGED} ({group})")
        return True

    def _groups(self, table: Table, row: Row) -> Iterable[str]:
        if table.name == "lookups":
            return chain.GROUPS
        return [READS] if table is acts and "salted" in _told(row["details"]) else []

    def _proven(self, group: str, row: Row, seq: int) -> bool:
        """Whether the fields are what they were, or were erased and a receipt says so."""
        salt = row["salt" if group == READS else f"{group}_salt"]
        if salt is None:
            empty = group == READS or all(row[name] is None for name in chain.GROUPS[group])
            return bool(empty and seq in self._erased[group])
        if group == READS:
            return hashlib.sha256(salt).hexdigest() == str(_told(row["details"])["salted"])
        proof: bytes = row[f"{group}_proof"]
        return chain.group_proof(group, row, salt) == proof

    def _link(
        self, row: Row, seq: int, prev: bytes, before: bytes | None, flagged: bool, following: Row | None
    ) -> bool:
        """A line that does not build on the one before it: which of the two is wrong? False: it is this one."""
        after = following["prev"] if following is not None else self._head_digest
        fits_what_follows: bool = after == row["digest"]
        if flagged:
            if not fits_what_follows:
                self._verdict.find(seq, MOVED)
            return fits_what_follows
        if row["prev"] == before:
            self._verdict.find(seq - 1, PUT_IN)
        elif fits_what_follows:
            self._verdict.find(seq - 1, f"{CHANGED}, or lines between it and line {seq} were removed")
        else:
            self._verdict.find(seq, MOVED)
            return False
        return True

    def _count(self, row: Row, seq: int) -> None:
        verdict = self._verdict
        verdict.lines += 1
        verdict.first = verdict.first or seq
        verdict.last = seq
        verdict.head = Anchor(seq, bytes(row["digest"]).hex(), row["time"]) if self._is_last(seq) else verdict.head
        for anchor in self._by_seq.pop(seq, ()):
            if anchor.digest != bytes(row["digest"]).hex():
                verdict.find(seq, f"is not the one of the anchor kept at {anchor.time}")
        if verdict.lines % STEP == 0:
            self._told(verdict.lines)

    def _is_last(self, seq: int) -> bool:
        return seq == self._head_seq

    def _end(self, expected: int, prev: bytes | None, flagged: bool) -> None:
        if self._span.until is None:
            self._gap(expected, self._head_seq + 1)
            if expected > self._head_seq + 1:
                self._verdict.find(expected - 1, "was put in after the end")
            elif expected == self._head_seq + 1 and prev not in (None, self._head_digest) and not flagged:
                self._verdict.find(self._head_seq, CHANGED)
        if self._span == WHOLE:
            for anchors in self._by_seq.values():
                for anchor in anchors:
                    self._unseen(anchor)
        self._told(self._verdict.lines)

    def _unseen(self, anchor: Anchor) -> None:
        """An anchor whose line is not there: cut off at the end, removed, or forgotten by age."""
        gone = self._forgotten
        if anchor.seq > self._head_seq:
            self._verdict.find(anchor.seq, f"is missing: the end was cut, the anchor kept at {anchor.time} tells of it")
        elif gone is None or anchor.seq > int(gone["through"]) or anchor.time >= gone["before"]:
            self._verdict.find(anchor.seq, f"is missing: the anchor kept at {anchor.time} tells of it")
        else:
            self._verdict.notes.append(f"the line of the anchor kept at {anchor.time} is older than what is kept")


def _merged(connection: Connection, low: int, high: int) -> Iterator[tuple[Table, Row]]:
    """The lines of all tables in the order of their numbers."""
    return heapq.merge(*(_rows(connection, table, low, high) for table in CHAINED), key=lambda one: int(one[1]["seq"]))


def _rows(connection: Connection, table: Table, low: int, high: int) -> Iterator[tuple[Table, Row]]:
    names = [column.name for column in table.columns]
    binary = [column.name for column in table.columns if isinstance(column.type, LargeBinary)]
    wanted = select(table).where(table.c.seq.between(low, high)).order_by(table.c.seq)
    for values in connection.execute(wanted, execution_options={"yield_per": 1000}):
        row = dict(zip(names, values, strict=True))
        for name in binary:  # SQLite lets anybody write a text there
            row[name] = row[name] if isinstance(row[name], bytes | None) else b""
        yield table, row


def _lookahead(rows: Iterable[tuple[Table, Row]]) -> Iterator[tuple[Table, Row, Row | None]]:
    """Each line with the one that follows it."""
    held: tuple[Table, Row] | None = None
    for table, row in rows:
        if held is not None:
            yield *held, row
        held = table, row
    if held is not None:
        yield *held, None


def _edges(connection: Connection, edge: Any, condition: Callable[[Table], Any]) -> Iterator[int]:
    for table in CHAINED:
        found = connection.execute(select(edge(table.c.seq)).where(condition(table))).scalar_one()
        if found is not None:
            yield int(found)


def _told(text: str) -> dict[str, Any]:
    """What a line about the log tells; nothing when somebody made it unreadable, which its digest shows."""
    try:
        told = json.loads(text)
    except (ValueError, TypeError):
        return {}
    return told if isinstance(told, dict) else {}


def _details(connection: Connection, kind: str, *needed: str) -> Iterator[dict[str, Any]]:
    for text in connection.execute(select(acts.c.details).where(acts.c.kind == kind).order_by(acts.c.seq)).scalars():
        details = _told(text)
        if all(name in details for name in needed):
            yield details


def _erased_lines(connection: Connection) -> dict[str, set[int]]:
    """By group: the numbers of the lines whose fields were erased, by their receipts."""
    found: dict[str, set[int]] = defaultdict(set)
    for details in _details(connection, ERASED, "lines"):
        with suppress(TypeError, AttributeError):  # somebody's forgery, which its digest shows
            for group, numbers in details["lines"].items():
                found[group] |= set(numbers)
    return found


def _last_checkpoint(connection: Connection) -> dict[str, Any] | None:
    """What the newest line about forgetting says."""
    newest: dict[str, Any] | None = None
    for details in _details(connection, FORGOTTEN, "through", "digest", "before"):
        with suppress(TypeError, ValueError):
            bytes.fromhex(details["digest"])
            if newest is None or int(details["through"]) > int(newest["through"]):
                newest = details
    return newest
