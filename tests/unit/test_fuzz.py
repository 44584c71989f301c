"""Mangled and random answers of every make of phone system: a value or one of the three errors, in bounded time.

A few hundred answers per make as it is; `LONG_TESTS=1` makes it 20,000 per make, which takes some minutes.
"""

import asyncio
import json
import os
import random
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.core.errors import PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply
from bridge.core.json_codec import as_json
from bridge.core.model import Call
from bridge.pbx import registry as pbx
from bridge.pbx.contract import CallQueue, Listing, Person
from tests.contract import samples
from tests.contract.session import ScriptedSession

LONG = os.environ.get("LONG_TESTS") == "1"
ANSWERS = 20_000 if LONG else 300
SECONDS_AT_MOST = 2.0
"""Of this program's own work, for one answer; a hundredth of it is usual."""
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ERRORS = (PbxRefused, PbxUnreachable, PbxUnintelligible)
TYPES = (
    "",
    "application/json",
    "application/xml",
    "text/html; charset=windows-1255",
    "text/xml; charset=utf-16",
    "charset=",
)
PIECES = (
    b"<", b">", b"</", b"&", b";", b"&lt;", b"&#0;", b"&#x110000;", b"&unknown;", b"<!--", b"-->", b"<![CDATA[", b"]]>",
    b"<?xml version='1.0' encoding='utf-7'?>", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"<Response>", b"</Response>",
    b"<Call>", b"</Call>", b"<CallInfo/>", b"<ActiveCalls>", b"</ActiveCalls>", b"<Code>200</Code>", b"<a:b>",
    b"xmlns='x'", b"{", b"}", b"[", b"]", b'"', b"'", b"\\", b"\\u0000", b"\\ud83d", b",", b":", b"null", b"true",
    b"-0", b"1e999", b"-1", b"NaN", b"99999999999999999999", b'"ERR":"1"', b'"calls":', b'"EXTENSIONS":[]', b"Talking",
    b"0000-00-00 00:00:00", b"9999-12-31 23:59:59", b"2026-10-25 02:30:00", b"+99:99", b"\x00", b"\xff\xfe",
    b"\xfe\xff", b"\xef\xbb\xbf", b"\xd7", b"\xe0\xe1", b"\xed\xa0\x80", b"\r\n", b" ",
    b"\xe2\x80\xae", "שלום".encode(), b"\x1b[2J",
)  # fmt: skip
Mangling = Callable[[random.Random, bytes, bytes], bytes]


@cache
def bodies(kind: str) -> list[bytes]:
    """The make's samples, and large ones of many of their parts."""
    found = [sample.body for sample in samples.bodies(samples.PBX) if sample.kind == kind]
    return [*found, *(_grown(body) for body in found if 400 < len(body) < 20_000)]


def _grown(body: bytes) -> bytes:
    """A body whose middle is there thirty times: rows upon rows, seldom well-formed."""
    third = len(body) // 3
    return body[:third] + body[third : 2 * third] * 30 + body[2 * third :]


def _place(dice: random.Random, body: bytes) -> tuple[int, int]:
    start = dice.randrange(len(body) + 1)
    return start, min(len(body), start + dice.choice((1, 1, 2, 8, 40, 400)))


def _splice(dice: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _place(dice, body)
    return body[:start] + dice.choice(PIECES) + body[end:]


def _flip(dice: random.Random, body: bytes, _: bytes) -> bytes:
    changed = bytearray(body)
    for _again in range(dice.choice((1, 3, 30))):
        if changed:
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _cut(dice: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _place(dice, body)
    return dice.choice((body[:start], body[start:], body[:start] + body[end:]))


def _repeat(dice: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _place(dice, body)
    return body[:end] + body[start:end] * dice.choice((1, 2, 50, 1000)) + body[end:]


def _cross(dice: random.Random, body: bytes, other: bytes) -> bytes:
    return body[: dice.randrange(len(body) + 1)] + other[dice.randrange(len(other) + 1) :]


def _recode(dice: random.Random, body: bytes, _: bytes) -> bytes:
    text = body.decode("utf-8", "replace")
    return text.encode(dice.choice(("utf-16", "utf-16-be", "windows-1255", "utf-7", "utf-8-sig")), "replace")


def _noise(dice: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _place(dice, body)
    return body[:start] + dice.randbytes(dice.choice((1, 5, 60, 2000))) + body[end:]


def _nested(dice: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _place(dice, body)
    return body[:start] + dice.choice((b"[", b'{"a":', b"<a>", b"<Call>", b"&lt;")) * 20_000 + body[end:]


MANGLINGS: tuple[Mangling, ...] = (_splice, _splice, _splice, _flip, _cut, _repeat, _cross, _recode, _noise, _nested)


def mangled(kind: str, dice: random.Random) -> bytes:
    """A sample of the make after one to four accidents."""
    body, other = dice.choice(bodies(kind)), dice.choice(bodies(kind))
    for mangling in dice.choices(MANGLINGS, k=dice.randint(1, 4)):
        body = mangling(dice, body, other)
    return body[:400_000]


def questions_of(kind: str) -> list[str]:
    """What this make can be asked."""
    return [name for name in ("calls", "extensions", "queues", "people") if hasattr(pbx.find(kind), name)]


def asked(kind: str, what: str, reply: Reply, account: Any) -> Any:
    """What the adapter makes of the reply, or the error that it raises, and only one of the three."""
    adapter: Any = pbx.find(kind)
    session = ScriptedSession(adapter, account, [reply])
    more = {"calls": ("101",), "queues": (None,)}.get(what, ())
    try:
        return asyncio.run(getattr(adapter, what)(account, session, *more))
    except ERRORS as error:
        return error


def check(kind: str, what: str, body: bytes, content_type: str, account: Any) -> None:
    """A value that can be shown and stored, or an error of one line without a secret; in good time."""
    started = time.process_time()
    found = asked(kind, what, Reply(200, {"content-type": content_type}, body, 1.0), account)
    assert time.process_time() - started < SECONDS_AT_MOST
    if isinstance(found, ERRORS):
        told = str(found)
        assert told
        assert told.isprintable()
        assert len(told) < 500
        assert [secret for secret in samples.secrets_of(account) if secret in told] == []
        return
    check_value(what, found)


def check_value(what: str, found: Any) -> None:
    match what, found:
        case "calls", Listing():
            for extension, calls in found.extensions.items():
                assert {(call.pbx, call.extension) for call in calls} <= {("main", extension)}
                assert all(sound(call) for call in calls)
        case "extensions", None | frozenset():
            assert all(type(name) is str for name in found or ())
        case "queues", tuple():
            assert all(type(queue) is CallQueue for queue in found)
        case "people", tuple():
            assert all(type(person) is Person for person in found)
        case _:
            pytest.fail(f"{what}: {found!r}")


def sound(call: Call) -> bool:
    """It can be written down as JSON in UTF-8, and its texts and times are of their types."""
    json.dumps(as_json(call), allow_nan=False, ensure_ascii=False).encode()
    texts = (call.ivrid, call.did, call.caller.number, call.caller.name, *call.customdata, *call.customdata.values())
    times = (call.started_at, call.answered_at)
    return all(type(text) is str for text in texts) and all(when is None or when.tzinfo is UTC for when in times)


@pytest.mark.timeout(3600 if LONG else 60)
@pytest.mark.parametrize("kind", pbx.kinds())
def test_a_mangled_answer_is_a_value_or_an_error(kind: str) -> None:
    """Each answer has its own seed, which a failure names: `mangled(kind, random.Random(seed))` is that answer."""
    account, whats = samples.account(samples.PBX, kind), questions_of(kind)
    for number in range(ANSWERS):
        seed = zlib.crc32(kind.encode()) + number
        dice = random.Random(seed)
        body = mangled(kind, dice)
        try:
            check(kind, dice.choice(whats), body, dice.choice(TYPES), account)
        except BaseException as error:
            error.add_note(f"seed {seed}: {body[:200]!r}")
            raise


@settings(
    max_examples=ANSWERS // 4,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    body=st.binary(max_size=2000) | st.text(max_size=2000).map(lambda text: text.encode("utf-8", "replace")),
    data=st.data(),
)
@pytest.mark.timeout(3600 if LONG else 60)
@pytest.mark.parametrize("kind", pbx.kinds())
def test_random_bytes_are_unintelligible(kind: str, body: bytes, data: st.DataObject) -> None:
    what, content_type = data.draw(st.sampled_from(questions_of(kind))), data.draw(st.sampled_from(TYPES))
    check(kind, what, body, content_type, samples.account(samples.PBX, kind))
    found = asked(kind, what, Reply(200, {}, body, 1.0), samples.account(samples.PBX, kind))
    assert isinstance(found, PbxUnintelligible)


@pytest.mark.parametrize("kind", pbx.kinds())
def test_the_manglings_reach_every_kind_of_end(kind: str) -> None:
    """Else the answers would be so broken that nothing but the first check of the adapter was tried."""
    account, ends = samples.account(samples.PBX, kind), set()
    for seed in range(300):
        body = mangled(kind, random.Random(seed))
        ends.add(type(asked(kind, "calls", Reply(200, {}, body, 1.0), account)))
    assert ends >= {Listing, PbxUnintelligible}, "and a refusal, where it is in the body of an answer"
