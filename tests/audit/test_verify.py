"""Whatever is done to the log behind popbridge's back is found, and the line is named."""

import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, LargeBinary, Table, delete, insert, select, update

from bridge.audit import chain, retention
from bridge.audit.archive import Archive
from bridge.audit.schema import CHAINED, access_log, deliveries, head, lookups
from bridge.audit.verdict import Anchor, Finding
from bridge.audit.verify import Span, verify
from bridge.core.http_types import Secret
from bridge.core.json_codec import time_text
from tests.audit import entries

CLICKS = 12


@pytest.fixture
def written(archive: Archive) -> Archive:
    """Twelve clicks: lines 1, 4, 7 … are lookups, 2, 5, 8 … ends of deliveries, 3, 6, 9 … popups seen."""
    assert archive.insert(list(entries.some(CLICKS))) == []
    return archive


def findings(archive: Archive, *anchors: Anchor) -> dict[int, str]:
    return {found.entry: found.what for found in verify(archive, anchors=anchors).findings}


def row_of(connection: Connection, table: Table, seq: int) -> dict[str, Any]:
    return dict(connection.execute(select(table).where(table.c.seq == seq)).mappings().one())


def test_an_untouched_log_is_whole(written: Archive) -> None:
    verdict = verify(written)
    assert (verdict.ok, verdict.entries, verdict.first, verdict.last) == (True, 3 * CLICKS, 1, 3 * CLICKS)
    assert verdict.head is not None
    assert verdict.head.seq == 3 * CLICKS
    assert verify(written, anchors=[verdict.head]).ok


def test_an_empty_log_is_whole(archive: Archive) -> None:
    assert verify(archive).ok


@pytest.mark.parametrize("table", CHAINED[:2], ids=lambda table: table.name)
def test_every_column_counts(written: Archive, table: Table) -> None:
    """One byte (or the whole value, where it is none) of one line, each column in turn."""
    seq = 7 if table is lookups else 8
    for column in table.columns:
        if column.name == "seq":
            continue
        with written.writing() as connection:
            before = row_of(connection, table, seq)[column.name]
            connection.execute(update(table).where(table.c.seq == seq).values({column.name: altered(column, before)}))
        assert list(findings(written)) == [seq], column.name
        with written.writing() as connection:
            connection.execute(update(table).where(table.c.seq == seq).values({column.name: before}))
    assert verify(written).ok


def altered(column: Any, value: Any) -> Any:
    if value is None:
        return b"x" if isinstance(column.type, LargeBinary) else "x"
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, float):
        return value + 0.1
    return value[:-1] + ("x" if value[-1] != "x" else "y")


@pytest.mark.parametrize("seq", [1, 7, 8, 3 * CLICKS])
def test_a_removed_entry_is_missing(written: Archive, seq: int) -> None:
    with written.writing() as connection:
        for table in CHAINED:
            connection.execute(delete(table).where(table.c.seq == seq))
    assert findings(written) == {seq: "is missing"}


def renumber(connection: Connection, table: Table, seq: int, to: int) -> None:
    connection.execute(update(table).where(table.c.seq == seq).values(seq=to))


def test_two_entries_that_changed_places(written: Archive) -> None:
    with written.writing() as connection:
        for seq, to in ((4, 900), (10, 4), (900, 10)):
            renumber(connection, lookups, seq, to)
    assert findings(written) == {4: "is in the wrong place", 10: "is in the wrong place"}


def test_neighbours_that_changed_places(written: Archive) -> None:
    with written.writing() as connection:
        renumber(connection, deliveries, 5, 900)
        renumber(connection, deliveries, 6, 5)
        renumber(connection, deliveries, 900, 6)
    assert set(findings(written)) >= {5, 6}
    assert set(findings(written)) <= {5, 6, 7}


def test_a_removed_entry_whose_gap_was_closed(written: Archive) -> None:
    with written.writing() as connection:
        connection.execute(delete(lookups).where(lookups.c.seq == 7))
        for seq in range(8, 3 * CLICKS + 1):
            for table in CHAINED:
                renumber(connection, table, seq, seq - 1)
        connection.execute(update(head).values(seq=3 * CLICKS - 1))
    assert findings(written) == {6: "was changed, or entries between it and entry 7 were removed"}


def test_an_entry_put_in_between(written: Archive) -> None:
    """As whoever knows this program would: numbered, linked and with a digest of its own."""
    with written.writing() as connection:
        for seq in range(3 * CLICKS, 6, -1):
            for table in CHAINED:
                renumber(connection, table, seq, seq + 1)
        model = row_of(connection, lookups, 8)
        before = row_of(connection, deliveries, 6)["digest"]
        forged = {**model, "click_id": "clk_forged", "seq": 7, "prev": before}
        forged["digest"] = chain.digest("lookups", forged, before)
        connection.execute(insert(lookups).values(forged))
        connection.execute(update(head).values(seq=3 * CLICKS + 1))
    assert findings(written) == {7: "was inserted"}


def test_an_entry_with_a_number_that_is_taken(written: Archive) -> None:
    with written.writing() as connection:
        forged = {**row_of(connection, lookups, 7), "seq": 8, "click_id": "clk_forged"}
        connection.execute(insert(lookups).values(forged))
    assert 8 in findings(written)


def test_a_rewritten_entry_with_a_fresh_digest(written: Archive) -> None:
    with written.writing() as connection:
        row = {**row_of(connection, lookups, 7), "outcome": "no-active-call"}
        row["digest"] = chain.digest("lookups", row, row["prev"])
        connection.execute(update(lookups).where(lookups.c.seq == 7).values(row))
    assert list(findings(written)) == [7]


def test_a_cut_end_needs_an_anchor_once_the_head_was_changed_too(written: Archive) -> None:
    anchor = verify(written).head
    assert anchor is not None
    with written.writing() as connection:
        for table in CHAINED:
            connection.execute(delete(table).where(table.c.seq > 30))
    assert findings(written) == dict.fromkeys(range(31, 3 * CLICKS + 1), "is missing")
    with written.writing() as connection:
        last = row_of(connection, deliveries, 30)
        connection.execute(update(head).values(seq=30, digest=last["digest"]))
    assert verify(written).ok, "without an anchor nobody can tell"
    assert "the end was cut" in findings(written, anchor)[3 * CLICKS]


def test_a_log_written_anew_needs_an_anchor(archive: Archive) -> None:
    archive.insert(list(entries.some(CLICKS)))
    anchor = verify(archive).head
    assert anchor is not None
    with archive.writing() as connection:
        for table in CHAINED:
            connection.execute(delete(table))
        connection.execute(update(head).values(seq=0, digest=chain.START))
    archive.insert(list(entries.some(CLICKS, first=1)))
    assert verify(archive).ok
    assert list(findings(archive, anchor)) == [3 * CLICKS]


def test_entries_after_the_end_are_found(written: Archive) -> None:
    with written.writing() as connection:
        forged = {**row_of(connection, lookups, 7), "seq": 3 * CLICKS + 1, "click_id": "clk_forged"}
        connection.execute(insert(lookups).values(forged))
    assert 3 * CLICKS + 1 in findings(written)


def test_fields_emptied_without_a_receipt(written: Archive) -> None:
    with written.writing() as connection:
        empty: dict[str, None] = dict.fromkeys((*chain.CALLER, "caller_salt"))
        connection.execute(update(lookups).where(lookups.c.seq == 7).values(empty))
    assert findings(written) == {7: "was changed (caller)"}


@pytest.mark.anyio
async def test_forgetting_by_age_leaves_a_whole_chain(written: Archive) -> None:
    anchor = verify(written).head
    old = verify(written, Span(until=time_text(entries.moment(2))))
    now = entries.moment(CLICKS)
    assert await retention.forget(written, entries.moment(5), now) == 5
    verdict = verify(written)
    assert (verdict.findings, verdict.first, verdict.last) == ([], 16, 3 * CLICKS + 1)
    assert await retention.forget(written, entries.moment(5), now) == 0
    assert await retention.forget(written, entries.moment(8), now) == 3
    assert anchor is not None
    assert verify(written, anchors=[anchor]).ok
    assert old.last is not None
    with written.writing() as connection:
        connection.execute(delete(lookups).where(lookups.c.seq == 25))
    assert findings(written) == {25: "is missing"}, "a beginning cut off by hand has no line that signs for it"


@pytest.mark.anyio
async def test_a_clock_that_was_wrong_keeps_nothing_for_ever(archive: Archive) -> None:
    """A line from the year 2099 goes with those around it; one that is a little ahead is as young as any."""
    now = entries.moment(CLICKS)
    wrong, ahead = time_text(now + timedelta(days=26000)), time_text(now + timedelta(seconds=30))
    changed = {3: {"time": wrong}, 11: {"time": ahead}}
    archive.insert([entries.lookup(number, **changed.get(number, {})) for number in range(CLICKS)])
    assert await retention.forget(archive, entries.moment(6), now) == 6
    assert await retention.forget(archive, now, now) == 5
    verdict = verify(archive)
    assert (verdict.findings, verdict.first) == ([], CLICKS)


@pytest.mark.anyio
async def test_forgetting_everything_and_going_on(written: Archive) -> None:
    now = entries.moment(CLICKS) + timedelta(days=500)
    assert await retention.forget(written, now, now) == CLICKS
    assert verify(written).entries == 1
    written.insert(list(entries.some(3, first=CLICKS)))
    verdict = verify(written)
    assert (verdict.ok, verdict.entries) == (True, 10)


@pytest.mark.anyio
async def test_an_anchor_older_than_what_is_kept_is_reported(written: Archive) -> None:
    anchor = Anchor(3, "00", time_text(entries.moment(1)))
    early = Anchor(3, "00", time_text(entries.moment(9)))
    await retention.forget(written, entries.moment(5), entries.moment(CLICKS))
    verdict = verify(written, anchors=[anchor])
    assert verdict.ok
    assert "older than the retention" in verdict.notes[0]
    assert verify(written, anchors=[early]).findings[0].entry == 3, "it was removed before its time"


def test_a_part_can_be_proven(written: Archive) -> None:
    span = Span(time_text(entries.moment(3)), time_text(entries.moment(6)))
    verdict = verify(written, span)
    assert (verdict.ok, verdict.first, verdict.last) == (True, 10, 18)
    with written.writing() as connection:
        connection.execute(update(lookups).where(lookups.c.seq == 13).values(outcome="found "))
        connection.execute(update(lookups).where(lookups.c.seq == 22).values(outcome="found "))
    assert verify(written, span).findings == [Finding(13, "was changed")]


def test_a_part_without_entries_is_intact(written: Archive) -> None:
    """Nothing came since, or nothing had come yet."""
    late, early = time_text(entries.moment(99)), time_text(entries.moment(-99))
    for span in (Span(since=late), Span(until=early), Span(late, late), Span(late, early)):
        assert verify(written, span).findings == []
    with written.writing() as connection:
        for table in CHAINED:
            connection.execute(delete(table).where(table.c.seq == 3 * CLICKS))
    assert verify(written).findings == [Finding(3 * CLICKS, "is missing")]


def test_what_cannot_even_be_read_is_reported_too(tmp_path: Path) -> None:
    """SQLite takes texts for bytes and bytes for texts."""
    archive = Archive(Secret(f"sqlite:///{tmp_path / 'audit.db'}"))
    archive.insert(list(entries.some(CLICKS)))
    with archive.writing() as connection:
        connection.exec_driver_sql("UPDATE lookups SET digest = 'text', caller_salt = 'text' WHERE seq = 7")
        connection.exec_driver_sql("UPDATE lookups SET total_ms = 'text', pbx = x'00ff' WHERE seq = 10")
    assert set(findings(archive)) == {7, 10}
    archive.close()


@pytest.mark.parametrize(
    "details", ["", "[]", '{"lines": 3}', '{"lines": {"caller": [[]]}}', '{"through": "x", "digest": 1, "before": 2}']
)
@pytest.mark.parametrize("kind", ["erased", "forgotten", "read"])
def test_a_forged_receipt_is_reported(written: Archive, kind: str, details: str) -> None:
    with written.appending() as writer:
        writer.log_access(kind, "nobody", {}, entries.START)
    with written.writing() as connection:
        connection.execute(update(access_log).values(details=details))
    assert list(findings(written)) == [3 * CLICKS + 1]


def test_verifying_a_longer_log_takes_no_more_memory(tmp_path: Path) -> None:
    """200,000 entries were verified with 4 MB more than none."""
    archive = Archive(Secret(f"sqlite:///{tmp_path / 'audit.db'}"))

    def peak(first: int, last: int) -> int:
        for base in range(first, last, 500):
            archive.insert([entries.lookup(number) for number in range(base, base + 500)])
        tracemalloc.start()
        try:
            assert verify(archive).entries == last
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short = peak(0, 2000)
    assert peak(2000, 8000) < short + 1_000_000
    archive.close()
