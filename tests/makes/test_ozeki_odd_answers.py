"""Ozeki's answers that nobody expects: mangled, full of junk, enormous. What is good in them is read, without delay."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible
from bridge.core.http_types import Reply
from bridge.pbx.contract import Listing
from bridge.pbx.ozeki import clean_answer, document, wire
from bridge.pbx.ozeki.calls import calls_of
from bridge.pbx.ozeki.simulator import Faults
from bridge.pbx.switchboard import Switchboard
from tests.makes.test_ozeki import ACCESS, ANNA, DESKS, DID, HEAD, NOW, PASSWORD, TAIL, USERNAME, fake, read_calls
from tests.unit.test_fuzz import mangled


def answers() -> Iterator[bytes]:
    """Whole answers of the fake, in both generations and two encodings."""
    board = Switchboard(DESKS)
    board.answer(board.incoming(["101"], ANNA, NOW, did=DID), "101", NOW)
    board.internal("10", "1010", NOW)
    for generation, encoding in (("9509", "utf-8"), ("9509", "utf-16"), ("xe", "windows-1255")):
        system = fake(board, generation, Faults(encoding=encoding))  # type: ignore[arg-type]
        for command in ("ListActiveCalls", "ListExtensions"):
            asked = {"command": command, "Username": USERNAME, "Password": PASSWORD}
            yield bytes(system._reply(system._answer(asked)).body)


ANSWERS = tuple(answers())
TOKENS = "< > & </ /> <Call> </Call> <CallInfo <ActiveCalls/> </Response> <!DOCTYPE <![CDATA[ ]]> <!-- --> <?xml xmlns="
ENTITIES = "&a; &#0; &#x110000; \x00 \ufeff 200 Code 99999999999999999999"
PIECES = st.sampled_from([token.encode() for token in f"{TOKENS} {ENTITIES}".split()]) | st.binary(max_size=4)


@settings(max_examples=600, deadline=None)
@given(
    body=st.sampled_from(ANSWERS) | st.binary(max_size=300),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), PIECES), max_size=5),
    content_type=st.sampled_from(["", "application/xml", "text/html; charset=utf-16", "x; charset=windows-1255"]),
)
def test_mangled_bytes_are_read_or_refused(
    body: bytes, cuts: list[tuple[float, int, bytes]], content_type: str
) -> None:
    for place, length, piece in cuts:
        where = int(place * len(body))
        body = body[:where] + piece + body[where + length :]
    reply = Reply(200, {"content-type": content_type}, body, 1.0)
    started = time.thread_time()
    for read, kind in ((read_calls, Listing), (partial(wire.read_extensions, access=ACCESS), frozenset | None)):
        found = come_of(read, reply)
        assert isinstance(found, kind | PbxRefused | PbxUnintelligible)
        assert str(found).isprintable() or not isinstance(found, PbxError)
    assert time.thread_time() - started < 1


def come_of(read: Callable[[Reply], Any], reply: Reply) -> Any:
    """What was read, or the error of a phone system that was raised."""
    try:
        return read(reply)
    except PbxError as error:
        return error


JUNK = [
    b"<", b"<a", b"<a>", b"<a/>", b"<Call>", b"<Call><Source>1</Sourc>", b"<Call ", b"</", b"&", b"&a;", b"&#1;",
    b"\x01", b"<![CDATA[", b"<!--", b"<?x", b"<a b='c' ", b"\xe0", b"x:", b"<x:a ", b" ", b"\0<",
    b"<Call><Source>101</Source></Call>", b"<Call><Source>101</Source></Cal>",
]  # fmt: skip


@pytest.mark.parametrize("piece", JUNK, ids=repr)
def test_junk_takes_no_longer_than_it_is_long(piece: bytes) -> None:
    """What took the square of its length would take hours here."""
    size = 4 * 1024 * 1024
    for body in (piece * (size // len(piece)), HEAD + piece * (size // len(piece)) + TAIL):
        started = time.thread_time()
        come_of(read_calls, Reply(200, {}, body, 1.0))
        assert time.thread_time() - started < 6


@pytest.mark.parametrize(
    "rows",
    [b"<Call><Source>101</Source></Call>" * 60_001, b"<Call><Source>101</Source>" + b"<a/>" * 600_000 + b"</Call>"],
    ids=["rows", "elements"],
)
def test_more_than_a_phone_system_can_hold_is_refused(rows: bytes) -> None:
    with pytest.raises(PbxUnintelligible):
        read_calls(Reply(200, {}, HEAD + rows + TAIL, 1.0))


def many_calls(number: int) -> bytes:
    fields = {
        "CallId": "c{0}", "Source": "+3630{0:07}", "CallerId": "רות לוי", "Destination": "{1}", "CallerDialed": DID,
        "CalleeDialed": "{1}", "StartTime": "2026-11-22 10:59:30", "RingDuration": "0.749", "TalkDuration": "3.056",
        "CallState": "InCall",
    }  # fmt: skip
    row = "".join(f"<{name}>{value}</{name}>\r\n" for name, value in fields.items())
    rows = (f"<Call>{row}</Call>".format(n, 10_000 + n) for n in range(number))
    return HEAD + "".join(rows).encode() + TAIL


def test_five_thousand_calls_are_read_in_well_under_a_second() -> None:
    reply = Reply(200, {}, many_calls(5000), 1.0)
    started = time.thread_time()
    listing = read_calls(reply)
    assert time.thread_time() - started < 1
    assert len(listing.extensions) == 5000


def test_calls_are_made_for_whom_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(row: Any, *more: Any) -> Any:
        read.append(row["CallId"])
        return calls_of(row, *more)

    monkeypatch.setattr(wire, "calls_of", counted)
    listing = read_calls(Reply(200, {}, many_calls(50), 1.0))
    assert listing.extensions["10007"][0].ivrid == "c7"
    assert listing.extensions.get("nobody") is None
    assert read == ["c7"]


def test_the_fast_way_through_an_answer_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [mangled("ozeki", random.Random(seed)) for seed in range(400)] + [many_calls(20)]
    fast = [_read(body) for body in bodies]
    assert not all(isinstance(found, str) for found in fast)
    monkeypatch.setattr(clean_answer, "read", lambda *_: None)
    assert fast == [_read(body) for body in bodies]


def _read(body: bytes) -> object:
    try:
        found = document.read(body, "")
    except document.NotReadable as error:
        return error.code
    return replace(found, rows=tuple(map(dict, found.rows)))


GOOD = (
    "<Call><CallId>good</CallId><Source>103</Source><Destination>101</Destination><CallState>InCall</CallState></Call>"
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("junk", ""),
        ("", "junk"),
        ("5", "5"),
        ("", "<Call></Call>"),
        ("<Call/>", ""),
        ("<Call>text</Call>", ""),
        ("<Junk>1</Junk>", ""),
        ("<Call><CallId>x</CallId></Call>", ""),
        ("<Call><Source><a>1</a></Source><a/></Call>", ""),
        ("<Call>& <b</Call>", ""),
        ("<CallInfo></CallInfo>", ""),
    ],
)
def test_junk_beside_a_good_call_leaves_the_call_and_is_counted(before: str, after: str) -> None:
    body = f"<Response><Code>200</Code><ActiveCalls>{before}{GOOD}{after}</ActiveCalls></Response>"
    listing = read_calls(Reply(200, {}, body.encode(), 1.0))
    assert [call.ivrid for call in listing.extensions["101"]] == ["good"]
    assert listing.empty_hint is not None
    assert "of the phone system's calls could not be parsed" in str(listing.empty_hint)
