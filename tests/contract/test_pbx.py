"""Every phone system's folder keeps the contract of `bridge.pbx`, and every sample in it comes out as expected."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.config.models import PbxAccount
from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply, Request
from bridge.core.json_codec import as_json
from bridge.core.model import Call, CallState, YesNo
from bridge.pbx.contract import Knows, Listing, ListsExtensions, ListsPeople, ListsQueues
from bridge.pbx.registry import find, kinds
from tests.contract import samples
from tests.contract.samples import PBX, Sample
from tests.contract.session import ContractSession, ScriptedSession

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
BODIES, QUESTIONS = samples.bodies(PBX), samples.questions(PBX)
ASKS = {"queues": ListsQueues, "people": ListsPeople, "extensions": ListsExtensions}
SECONDS_AT_MOST = 2.0
each_kind = pytest.mark.parametrize("kind", kinds())
each_body = pytest.mark.parametrize("sample", BODIES, ids=str)


def asked_of(kind: str) -> list[str]:
    """The questions that this make answers."""
    return ["calls", *(what for what, capability in ASKS.items() if isinstance(find(kind), capability))]


def ask(adapter: Any, account: Any, session: ContractSession, asked: dict[str, Any]) -> Any:
    """What the adapter makes of the answers to one question."""
    match asked.get("ask", "calls"):
        case "calls":
            question: Any = adapter.calls(account, session, asked.get("extension"))
        case "queues":
            question = adapter.queues(account, session, asked.get("queue"))
        case "people":
            question = adapter.people(account, session)
        case "extensions":
            question = adapter.extensions(account, session)
        case other:
            pytest.fail(f"unknown question {other}")
    return asyncio.run(question)


def answering(
    kind: str, account: Any, body: bytes, status: int = 200, asked: dict[str, Any] | None = None
) -> ScriptedSession:
    """A session that answers with `body`, after what `asked` says comes before."""
    told = asked or {}
    now = datetime.fromisoformat(told["now"]) if "now" in told else NOW
    before = [samples.reply(PBX, kind, one) for one in told.get("before", ())]
    replies = [*before, Reply(status, told.get("headers") or {}, body, 1.0)]
    session = ScriptedSession(find(kind), account, replies, now)
    session.raw = body if told.get("raw") else None
    return session


def come_of(sample: Sample) -> Any:
    """What comes of a sample: the nouns, or the error that was raised."""
    expected = sample.expected
    account = samples.account(PBX, sample.kind, **expected.get("account", {}))
    try:
        session = answering(sample.kind, account, sample.body, expected.get("status", 200), expected)
        return ask(find(sample.kind), account, session, expected)
    except PbxError as error:
        return error


def assert_named(found: Any, expected: Any, where: str) -> None:
    """Whatever `expected` names is so in `found`; lists have to be whole."""
    if isinstance(expected, dict) and isinstance(found, dict) and not where.endswith(".customdata"):
        for name, value in expected.items():
            assert name in found, f"{where}.{name}"
            assert_named(found[name], value, f"{where}.{name}")
    elif isinstance(expected, list):
        assert isinstance(found, list), where
        assert len(found) == len(expected), where
        for number, pair in enumerate(zip(found, expected, strict=True)):
            assert_named(*pair, f"{where}[{number}]")
    else:
        assert found == expected, where


@each_body
def test_a_sample_comes_out_as_expected(sample: Sample) -> None:
    found, expected = come_of(sample), sample.expected
    if "error" in expected:
        assert type(found).__name__ == expected["error"]
        assert [text for text in expected["says"] if text not in str(found)] == []
    elif expected.get("ask") == "extensions":
        assert sorted(found) == expected["names"]
    elif "extensions" in expected:
        assert isinstance(found, Listing), found
        assert sorted(found.extensions) == sorted(expected["extensions"])
        assert_named(as_json(found.extensions), expected["extensions"], "extensions")
        assert sorted(found.unreadable) == expected.get("unreadable", [])
    else:
        what = expected.get("ask", "calls")
        assert_named(as_json(found), expected[what], what)


@each_body
def test_a_samples_calls_bear_the_names_they_were_found_under(sample: Sample) -> None:
    found = come_of(sample)
    for extension, calls in found.extensions.items() if isinstance(found, Listing) else ():
        assert {(call.pbx, call.extension) for call in calls} <= {("main", extension)}
        assert all(type(text) is str for call in calls for text in (call.ivrid, call.did, call.caller.number))
        assert all(type(text) is str for call in calls for pair in call.customdata.items() for text in pair)
        assert all(
            moment is None or moment.tzinfo is UTC for call in calls for moment in (call.started_at, call.answered_at)
        )


@each_body
def test_no_secret_in_what_comes_of_a_sample(sample: Sample) -> None:
    account = samples.account(PBX, sample.kind, **sample.expected.get("account", {}))
    found = come_of(sample)
    told = f"{found!r} {found} {account!r} {account}"
    assert [secret for secret in samples.secrets_of(account) if secret in told] == []


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_a_question_is_asked_as_expected(question: Sample) -> None:
    expected = question.expected
    account = samples.account(PBX, question.kind, **expected.get("account", {}))
    sent = requests_of(question.kind, account, expected)
    assert [_written(request, wanted) for request, wanted in zip(sent, expected["requests"], strict=True)] == expected[
        "requests"
    ]
    for request in sent:
        parts = {"url": request.url, "headers": str(request.headers), "body": request.body.decode()}
        held = {part for part, text in parts.items() if any(s in text for s in samples.secrets_of(account))}
        assert held <= {expected["secrets_in"]}
        assert not [secret for secret in samples.secrets_of(account) if secret in repr(request)]


def requests_of(kind: str, account: PbxAccount, asked: dict[str, Any]) -> list[Request]:
    session = answering(kind, account, b"", asked=asked)
    with suppress(PbxError):
        ask(find(kind), account, session, asked)
    return session.requests


def _written(request: Request, like: dict[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {"method": request.method, "url": request.url, "headers": dict(request.headers)}
    if "json" in like:
        written["json"] = json.loads(request.body)
    if "text" in like:
        written["text"] = request.body.decode()
    return written


@each_kind
def test_the_folder_is_whole(kind: str) -> None:
    adapter, folder = find(kind), samples.folder(PBX, kind)
    assert adapter.kind == kind
    assert adapter.title
    assert issubclass(adapter.account, PbxAccount)
    assert [
        name
        for name in ("__init__.py", "wire.py", "simulator.py", "README.md", "samples")
        if not (folder / name).exists()
    ] == []
    assert samples.strays(PBX, kind) == []
    came_from = {sample.expected["from"] for sample in BODIES if sample.kind == kind}
    assert came_from & {"recorded", "documented"}, "what of it is the vendor's own?"
    assert came_from <= {"recorded", "documented", "invented"}
    asked = {question.expected.get("ask", "calls") for question in QUESTIONS if question.kind == kind}
    assert asked >= set(asked_of(kind)) - {"extensions"}


@each_kind
def test_an_extension_that_has_no_call_can_be_told_from_one_that_does_not_exist(kind: str) -> None:
    adapter = find(kind)
    assert adapter.lists_idle or isinstance(adapter, ListsExtensions), "it lists no idle extension: who else can tell?"


@each_kind
def test_the_readme_names_every_key_of_the_settings_and_how_it_was_proven(kind: str) -> None:
    readme = (samples.folder(PBX, kind) / "README.md").read_text(encoding="utf-8")
    own = set(find(kind).account.model_fields) - set(PbxAccount.model_fields)
    assert own - set(re.findall(r"`(\w+)`", readme)) == set()
    assert "popbridge lookup" in readme
    assert "## How far this was proven" in readme


@each_kind
def test_the_samples_reach_every_kind_of_answer(kind: str) -> None:
    found = [come_of(sample) for sample in BODIES if sample.kind == kind]
    listings = [listing for listing in found if isinstance(listing, Listing)]
    states = {call.state for listing in listings for calls in listing.extensions.values() for call in calls}
    assert states >= {CallState.RINGING, CallState.TALKING}
    assert {PbxRefused, PbxUnintelligible} <= {type(one) for one in found}


EVIDENCE: dict[Knows, Callable[[Call], bool]] = {
    Knows.DIALING: lambda call: call.state is CallState.DIALING,
    Knows.HOLD: lambda call: call.state is CallState.HOLD,
    Knows.DID: lambda call: call.did != "",
    Knows.CALLER_NAME: lambda call: call.caller.name != "",
    Knows.CUSTOM_DATA: lambda call: bool(call.customdata),
    Knows.RECORDING: lambda call: call.recording is not None,
    Knows.QUEUE: lambda call: call.queue != "",
    Knows.CONFERENCE: lambda call: call.conference is YesNo.YES,
    Knows.PARKED: lambda call: call.parked is YesNo.YES,
    Knows.HELD_BY_OTHER: lambda call: call.held_by_other is YesNo.YES,
}
"""What shows that a call tells it. A transferred call may be told by keeping its id."""
NOT_IN_SAMPLES = {
    ("asterisk", Knows.RECORDING): "no call was recorded when the samples were: tests/makes/test_asterisk.py",
    ("freeswitch", Knows.CUSTOM_DATA): "takes a second question: tests/makes/test_freeswitch.py",
}


@each_kind
def test_a_sample_shows_each_thing_that_it_declares_to_know(kind: str) -> None:
    """The README's table is made of these declarations."""
    found = [come_of(sample) for sample in BODIES if sample.kind == kind]
    listings = [listing for listing in found if isinstance(listing, Listing)]
    calls = [call for listing in listings for each in listing.extensions.values() for call in each]
    wanted = {what for what in find(kind).knows if what in EVIDENCE and (kind, what) not in NOT_IN_SAMPLES}
    assert {what for what in wanted if not any(map(EVIDENCE[what], calls))} == set()


@pytest.mark.parametrize("kind", [kind for kind, adapter in kinds().items() if not adapter.whole_account])
@pytest.mark.parametrize("extension", ["10", "SIPDana1", 'quote"&<\\', "דנה"])
def test_one_question_names_one_extension(kind: str, extension: str) -> None:
    sent = requests_of(kind, samples.account(PBX, kind), {"extension": extension})
    other = requests_of(kind, samples.account(PBX, kind), {"extension": extension + "1"})
    assert len(sent) == len(other) == 1
    assert sent != other


@each_kind
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, PbxRefused), (401, PbxRefused), (403, PbxRefused), (404, PbxRefused), (407, PbxRefused),
        (429, PbxUnreachable), (500, PbxUnreachable), (502, PbxUnreachable), (503, PbxUnreachable),
    ],
)  # fmt: skip
def test_what_an_http_status_means(kind: str, status: int, error: type[PbxError]) -> None:
    account = samples.account(PBX, kind)
    session = answering(kind, account, b"<h1>Error</h1>", status)
    with pytest.raises(error, match=str(status)):
        ask(find(kind), account, session, {"extension": "10"})


GARBAGE = [
    b"", b" ", b"null", b"[]", b"{}", b'""', b"0", b"true", b"OK", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"<", b"<x/>",
    b"<html><body><h1>It works!</h1></body></html>", b"[" * 100_000, b'{"a":' * 100_000, b"<a>" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"<a>" * 5_000 + b"</a>" * 5_000, b"9" * 100_000, b"-", b"1e999",
    b"\x1f\x8b\x08\x00", "שגיאה".encode("windows-1255"), "שגיאה".encode("utf-16"),
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;</x>',
]  # fmt: skip


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:12]))
@pytest.mark.parametrize(("kind", "what"), [(kind, what) for kind in kinds() for what in asked_of(kind)])
def test_garbage_is_unintelligible(kind: str, body: bytes, what: str) -> None:
    account, started = samples.account(PBX, kind), time.perf_counter()
    session = answering(kind, account, body)
    with pytest.raises(PbxUnintelligible):
        ask(find(kind), account, session, {"ask": what, "extension": "10"})
    assert time.perf_counter() - started < SECONDS_AT_MOST


CUT_OFF = (PbxUnintelligible, PbxUnreachable)
"""On a connection of its own it is seen that it ended."""


@pytest.mark.parametrize("sample", [sample for sample in BODIES if "error" not in sample.expected], ids=str)
def test_an_answer_that_was_cut_off_is_unintelligible(sample: Sample) -> None:
    """A connection that breaks half-way must never pass for an idle extension."""
    body = sample.body.rstrip()
    for end in range(0, len(body), max(1, len(body) // 40)):
        cut = Sample(sample.kind, sample.name, body[:end], sample.expected)
        assert isinstance(come_of(cut), CUT_OFF if sample.expected.get("raw") else PbxUnintelligible), end


pieces = st.sampled_from(
    b'null|{}|[]|""|0|-1|1e999|99999999999999999999|253402300799|true|\xff|<|"\\ud83d"|"|}|]|,|</Call>|&|\x00|[[[['
    b'|{"a":{"a":1}}|NaN|\xd7'.split(b"|")
)


@settings(max_examples=400, deadline=None)
@given(
    sample=st.sampled_from(BODIES),
    splices=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), pieces), min_size=1, max_size=4),
)
@example(sample=BODIES[0], splices=[(0.0, 0, b"\xff")])
def test_a_mangled_answer_is_a_listing_or_an_error_and_nothing_else(
    sample: Sample, splices: list[tuple[float, int, bytes]]
) -> None:
    body = sample.body
    for place, cut, piece in splices:
        at = int(place * len(body))
        body = body[:at] + piece + body[at + cut :]
    started = time.perf_counter()
    found = come_of(Sample(sample.kind, sample.name, body, sample.expected))
    assert isinstance(found, Listing | tuple | frozenset | None | PbxRefused | PbxUnreachable | PbxUnintelligible)
    json.dumps(as_json(found.extensions if isinstance(found, Listing) else str(found))).encode()
    assert time.perf_counter() - started < SECONDS_AT_MOST


@settings(max_examples=300, deadline=None)
@given(sample=st.sampled_from([s for s in BODIES if s.is_json]), data=st.data())
def test_a_value_of_another_type_is_read_or_refused(sample: Sample, data: st.DataObject) -> None:
    found = come_of(samples.with_another_value(sample, data))
    assert isinstance(found, Listing | tuple | frozenset | None | PbxError)
