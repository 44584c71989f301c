"""Verifying the log: every entry is checked once, in order, and whatever does not fit is reported."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, select

from bridge.audit import chain, chained_rows, receipts
from bridge.audit.archive import Archive
from bridge.audit.chained_rows import Row
from bridge.audit.entry import parsed
from bridge.audit.receipts import READS
from bridge.audit.schema import access_log, head
from bridge.audit.verdict import MOST_FINDINGS, Anchor, Verdict

STEP = 10_000
"""How many entries are verified between two reports of progress."""
CHANGED, MISSING, MOVED, INSERTED = "was changed", "is missing", "is in the wrong place", "was inserted"


@dataclass(frozen=True, slots=True)
class Span:
    """The part to verify, by times (None: from the beginning, to the end)."""

    since: str | None = None
    until: str | None = None


WHOLE = Span()


def verify(
    archive: Archive, span: Span = WHOLE, anchors: Sequence[Anchor] = (), progress: Callable[[int], None] | None = None
) -> Verdict:
    """Verify the log, or a part of it. `progress` gets the number of verified entries now and then. Blocks."""
    with archive.reading() as connection:
        return _Verification(connection, span, anchors, progress or _ignore).run()


def _ignore(_: int) -> None:
    """Nobody watches the progress."""


class _Verification:
    def __init__(
        self, connection: Connection, span: Span, anchors: Sequence[Anchor], progress: Callable[[int], None]
    ) -> None:
        self._connection, self._span, self._progress = connection, span, progress
        self._verdict = Verdict()
        self._erased = receipts.erased_entries(connection)
        self._checkpoint = receipts.last_checkpoint(connection)
        row = connection.execute(select(head.c.seq, head.c.digest)).one()
        self._head_seq, self._head_digest = int(row.seq), bytes(row.digest)
        self._anchors: dict[int, list[Anchor]] = defaultdict(list)
        for anchor in anchors:
            self._anchors[anchor.seq].append(anchor)

    def run(self) -> Verdict:
        low, high = self._bounds()
        expected, prev = self._start() if self._span.since is None else (low, None)
        before: bytes | None = None
        flagged = False
        for table, row, following in chained_rows.with_following(self._connection, low, high):
            seq = int(row["seq"])
            if seq != expected:
                self._gap(expected, seq)
                prev = before = None
            ok = self._check_itself(table, row)
            if ok and prev is not None and row["prev"] != prev:
                ok = self._check_link(row, before, flagged, following)
            before, prev, flagged, expected = prev, bytes(row["digest"]), not ok, seq + 1
            self._count(row, seq)
        self._end(expected, prev, flagged)
        return self._verdict

    def _bounds(self) -> tuple[int, int]:
        """Numbers of the first and last entry of the span."""
        low, high = 0, 2**62
        if self._span.since:
            low = chained_rows.first_since(self._connection, self._span.since) or self._head_seq + 1
        if self._span.until:
            high = chained_rows.last_before(self._connection, self._span.until) or 0
        return low, high

    def _start(self) -> tuple[int, bytes]:
        """The number that the first entry must have, and the digest it builds on."""
        if self._checkpoint is None:
            return 1, chain.START
        return self._checkpoint.through + 1, self._checkpoint.digest

    def _gap(self, expected: int, seq: int) -> None:
        if seq < expected:
            self._verdict.report(seq, INSERTED)
            return
        for number in range(expected, min(seq, expected + MOST_FINDINGS)):
            self._verdict.report(number, MISSING)

    def _check_itself(self, table: Table, row: Row) -> bool:
        """Whether the entry matches its own digest; its personal fields must match their proofs, too."""
        seq = int(row["seq"])
        if chain.digest(table.name, row, row["prev"]) != row["digest"]:
            self._verdict.report(seq, CHANGED)
            return False
        wrong = [group for group in _groups(table, row) if not self._is_proven(group, row, seq)]
        for group in wrong:
            self._verdict.report(seq, f"{CHANGED} ({group})")
        return True

    def _is_proven(self, group: str, row: Row, seq: int) -> bool:
        """Whether the fields are unchanged, or were erased and a receipt says so."""
        salt = row["salt" if group == READS else f"{group}_salt"]
        if salt is None:
            empty = group == READS or all(row.get(name) is None for name in chain.GROUPS[group])
            return bool(empty and seq in self._erased[group])
        if group == READS:
            return hashlib.sha256(salt).hexdigest() == str(parsed(row["details"])["salted"])
        proof: bytes = row[f"{group}_proof"]
        return chain.group_proof(group, row, salt) == proof

    def _check_link(self, row: Row, before: bytes | None, flagged: bool, following: Row | None) -> bool:
        """An entry that does not build on the one before it: which of the two is wrong? False: it is this one.

        `before` is the digest that the entry before it builds on, `flagged` whether that entry is known to be wrong.
        """
        seq = int(row["seq"])
        after = following["prev"] if following is not None else self._head_digest
        fits_what_follows: bool = after == row["digest"]
        if flagged:
            if not fits_what_follows:
                self._verdict.report(seq, MOVED)
            return fits_what_follows
        if row["prev"] == before:
            self._verdict.report(seq - 1, INSERTED)
        elif fits_what_follows:
            self._verdict.report(seq - 1, f"{CHANGED}, or entries between it and entry {seq} were removed")
        else:
            self._verdict.report(seq, MOVED)
            return False
        return True

    def _count(self, row: Row, seq: int) -> None:
        verdict, digest = self._verdict, bytes(row["digest"]).hex()
        verdict.entries += 1
        verdict.first = verdict.first or seq
        verdict.last = seq
        verdict.head = Anchor(seq, digest, row["time"]) if seq == self._head_seq else verdict.head
        for anchor in self._anchors.pop(seq, ()):
            if anchor.digest != digest:
                verdict.report(seq, f"is not the one of the anchor kept at {anchor.time}")
        if verdict.entries % STEP == 0:
            self._progress(verdict.entries)

    def _end(self, expected: int, prev: bytes | None, flagged: bool) -> None:
        if self._span.until is None:
            self._gap(expected, self._head_seq + 1)
            if expected > self._head_seq + 1:
                self._verdict.report(expected - 1, "was added after the end")
            elif expected == self._head_seq + 1 and prev not in (None, self._head_digest) and not flagged:
                self._verdict.report(self._head_seq, CHANGED)
        if self._span == WHOLE:
            for anchors in self._anchors.values():
                for anchor in anchors:
                    self._report_unseen(anchor)
        self._progress(self._verdict.entries)

    def _report_unseen(self, anchor: Anchor) -> None:
        """An anchor whose entry is not there: cut off at the end, removed, or deleted by retention."""
        gone = self._checkpoint
        if anchor.seq > self._head_seq:
            self._verdict.report(anchor.seq, f"{MISSING}: the end was cut, as the anchor kept at {anchor.time} shows")
        elif gone is None or anchor.seq > gone.through or anchor.time >= gone.before:
            self._verdict.report(anchor.seq, f"{MISSING}, as the anchor kept at {anchor.time} shows")
        else:
            self._verdict.notes.append(f"the entry of the anchor kept at {anchor.time} is older than the retention")


def _groups(table: Table, row: Row) -> Iterable[str]:
    """What of this entry has a proof of its own."""
    if table.name in chain.PROVEN:
        return chain.PROVEN[table.name]
    return [READS] if table is access_log and "salted" in parsed(row["details"]) else []
