"""Finding lines: every filter, every spelling, page by page, on both databases."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from bridge.audit import query
from bridge.audit.archive import Archive
from bridge.audit.search import Search
from tests.audit import entries

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def found(archive: Archive, asked: Mapping[str, str], limit: int = 500) -> list[str]:
    wanted = Search.read(asked, ["IL", "HU"], NOW)
    return [line["click_id"] for line in query.read(archive, wanted, limit, None)[0]]


def test_the_newest_come_first_page_by_page(filled: Archive) -> None:
    seen, place = [], None
    while True:
        items, place = query.read(filled, Search.read({}, [], NOW), 70, place)
        seen += [line["click_id"] for line in items]
        if place is None:
            break
    assert seen == [f"clk_{number:032x}" for number in reversed(range(300))]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"crm": "other"}, 30),
        ({"crm_user": "agent7@acme.example"}, 2),
        ({"crm_user": "agent7@acme.example", "crm": "other"}, 0),
        ({"extension": "SIP7"}, 2),
        ({"outcome": "pbx-unreachable"}, 42),
        ({"ivrid": f"2026110108{7:012x}"}, 1),
        ({"did": "077-670-7528"}, 300),
        ({"since": "2026-11-01T10:00:00+02:00"}, 300),
        ({"since": "2026-11-01T10:04:00+02:00"}, 60),
        ({"since": "2026-11-01 08:04:00Z", "until": "2026-11-01T08:04:30Z"}, 30),
        ({"until": "20d"}, 300),
        ({"until": "30d"}, 0),
    ],
)
def test_each_filter(filled: Archive, asked: dict[str, str], count: int) -> None:
    assert len(found(filled, asked)) == count


@pytest.mark.parametrize(
    "spelling",
    [
        *("0522000007", "052-200-0007", "(052) 2000007", "+972522000007", "972522000007", "00972522000007"),
        *("+972 (0)52 200 0007", "052.200.0007", "tel:+972-52-200-0007", "\u200e052-200-0007"),
        *("sip:0522000007@10.0.0.5", '"Dana" <0522000007>', "0522000007;ext=12", "0522000007 x123", "(+972)522000007"),
        *(
            "tel:522000007;phone-context=+972",
            "0522000007,",
            "\uff0b972522000007",
            "callto:0522000007",
            "972522000007.0",
        ),
        *("\u2068+972 52\u2011200\u20110007\u2069", "052\u2013200\u20130007", "052\xa0200\xa00007", "٠٥٢٢٠٠٠٠٠٧"),
    ],
    ids=ascii,
)
def test_a_number_is_found_in_any_spelling(filled: Archive, spelling: str) -> None:
    assert found(filled, {"caller": spelling}) == [f"clk_{7:032x}"]


@pytest.mark.parametrize(
    "kept",
    [
        *("972522000007", "052-2000007", "00972522000007", "+972522000007", "\u200e052\u20112000007", "tel:0522000007"),
        *(
            "sip:0522000007@10.0.0.5",
            '"Dana" <0522000007>',
            "0522000007;ext=12",
            "(+972)522000007",
            "0522000007 (Dana)",
        ),
    ],
    ids=ascii,
)
def test_however_the_phone_system_wrote_it(archive: Archive, kept: str) -> None:
    """A line that could not be read as a public number where it came from is found too."""
    archive.insert([entries.lookup(1, caller=kept, caller_e164=None)])
    assert len(found(archive, {"caller": "0522000007"})) == 1


@pytest.mark.parametrize("caller", ["103", "*6759", "Anonymous", "Dana Cohen", "דנה"])
def test_what_is_no_number_is_found_as_it_is(archive: Archive, caller: str) -> None:
    archive.insert([entries.lookup(1, caller=caller, caller_e164=None), entries.lookup(2)])
    assert len(found(archive, {"caller": caller})) == 1


def test_many_callers_and_another_number_and_a_call_are_one_question(filled: Archive) -> None:
    """As a search by a common name makes it; SQLite takes 500 parts in one."""
    asked = {"did": "077-670-7528", "ivrid": f"2026110108{7:012x}"}
    wanted = Search.read(asked, ["IL", "HU", "US", "GB", "DE"], NOW)
    callers = [f"+97252200{number:04}" for number in range(20)]
    wanted = replace(wanted, keys={**wanted.keys, "caller": callers})
    assert [line["click_id"] for line in query.read(filled, wanted, 5, None)[0]] == [f"clk_{7:032x}"]
    elsewhere = replace(wanted, keys={**wanted.keys, "caller": callers[8:]})
    assert query.read(filled, elsewhere, 5, None)[0] == []


def test_ends_and_seen_times_join_their_entry(filled: Archive) -> None:
    (line,), _ = query.read(filled, Search.read({"ivrid": f"2026110108{7:012x}"}, [], NOW), 5, None)
    ends = {one["target"]: one for one in line["deliveries"]}
    assert (ends["acme"]["state"], ends["acme"]["ended_at"]) == ("delivered", "2026-11-01T08:00:07.080Z")
    assert ends["desktop"]["shown_at"] == "2026-11-01T08:00:07.900Z"


def test_a_delivery_that_was_sent_again_shows_its_last_end(archive: Archive) -> None:
    first, again = entries.end(1, "failed"), entries.end(1, "delivered")
    again[1]["line"] = again[1]["line"].replace("080Z", "990Z")
    archive.insert([entries.lookup(1), again, first])
    (line,), _ = query.read(archive, Search.read({}, [], NOW), 5, None)
    assert [one["state"] for one in line["deliveries"]] == ["delivered"]


QUESTIONS: tuple[dict[str, str], ...] = (
    {},
    {"crm": "none"},
    {"crm_user": "nobody"},
    {"extension": "x"},
    {"outcome": "found"},
    {"ivrid": "x"},
    {"did": "0776707528"},
    {"caller": "0522000007"},
    {"since": "2026-11-01T08:04:00Z", "until": "2026-11-01T08:04:30Z"},
)


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: " ".join(asked) or "newest")
@pytest.mark.parametrize("place", [None, ("2026-11-01T08:04:00.000Z", 700)], ids=["first", "next"])
def test_every_question_goes_along_an_index(filled: Archive, asked: dict[str, str], place: Any) -> None:
    """No table is read from end to end, and (but for a number's several spellings, and a call's two ids) nothing
    is sorted."""
    wanted = Search.read(asked, ["IL"], NOW)
    with filled.reading() as connection:
        if not filled.is_sqlite:
            for way in ("seqscan", "sort", "bitmapscan"):  # which it prefers while a table is this small
                connection.execute(text(f"SET LOCAL enable_{way} = off"))
        statement = query.statement(wanted, 51, place)
        sql = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN QUERY PLAN " if filled.is_sqlite else "EXPLAIN "
        plan = "\n".join(str(tuple(row)) for row in connection.exec_driver_sql(explain + sql.replace("%", "%%")))
    assert "SCAN lookups USING INDEX" in plan or "SCAN lookups" not in plan, plan
    assert "Seq Scan on lookups" not in plan, plan
    if not {"caller", "did", "ivrid"} & set(asked):
        assert "TEMP B-TREE" not in plan, plan
        assert "Sort" not in plan, plan
