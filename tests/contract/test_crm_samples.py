"""Every sample in every CRM's folder comes out as expected: clicks as they arrive, answers as the CRM gives them, and
the requests that are sent for them."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.contacts.variants import search_number
from bridge.core.delivery import AnsweredElsewhere, CallEnd, CallOutcome, DeliveryEvent, Event, Note
from bridge.core.errors import ClickRefused, PopbridgeError
from bridge.core.http_types import Incoming, Reply, Request
from bridge.core.json_codec import as_json, from_json
from bridge.core.model import Direction, Popup
from bridge.core.reasons import languages
from bridge.crm.contract import (
    ClickRequest,
    CreatesContacts,
    Delivered,
    Delivers,
    Duplicate,
    FindsAgents,
    FindsContacts,
    Found,
    FoundRecord,
    LogsCalls,
    ReadsClicks,
    Recipient,
    RecipientUnknown,
    Rejected,
    Retry,
    SearchNumber,
)
from bridge.crm.registry import find, packages
from tests.contract import samples
from tests.contract.samples import CRM, Sample
from tests.contract.session import ScriptedSession
from tests.unit.nouns import NOON, NOTE, POPUP

NOW = NOON + timedelta(seconds=30)
BODIES, QUESTIONS = samples.bodies(CRM), samples.questions(CRM)
CLICKS = [sample for sample in BODIES if "content_type" in sample.expected]
ANSWERS = [sample for sample in BODIES if sample not in CLICKS]
RESULTS = Delivered | Duplicate | Retry | Rejected | RecipientUnknown
ASKS = {
    "deliver": Delivers,
    "find_contacts": FindsContacts,
    "log_call": LogsCalls,
    "find_agent": FindsAgents,
    "create_contact": CreatesContacts,
}
ORIGINS = {"recorded", "documented", "invented"}
ENDED = CallEnd(
    pbx="main", ivrid=POPUP.call.ivrid, original_ivrid=None, agent=POPUP.agent, caller=POPUP.call.caller,
    did=POPUP.call.did, direction=Direction.INCOMING, started_at=NOON, answered_at=NOON + timedelta(seconds=5),
    ended_at=NOON + timedelta(seconds=65), talk_seconds=60, recording=None, outcome=CallOutcome.ANSWERED,
)  # fmt: skip
ELSEWHERE = AnsweredElsewhere(POPUP.popup_id, POPUP.call.ivrid, POPUP.agent, "Omer Katz", NOON + timedelta(seconds=9))
SUBJECTS = {
    Event.POPUP: POPUP,
    Event.NOTE: NOTE,
    Event.ENDED: ENDED,
    Event.ANSWERED_ELSEWHERE: ELSEWHERE,
    Event.TEST: None,
}
BROKEN = (
    b"", b"\xff\xfe", b"<!DOCTYPE html><html>", b"[", b"null", b"[]", b"0", b"false", b'"x"', b"{}", b'{"list": [1]}',
    b'{"list": [{"id": 1}], "total": "x"}', b'{"result": {"a": 1}}', b'{"result": [{"id": "x"}]}', b'{"error": 1}',
    b'{"error": {"data": []}}', b"[" * 5000,
)  # fmt: skip
each_kind = pytest.mark.parametrize("kind", packages())


def changed(noun: Any, changes: Mapping[str, Any]) -> Any:
    """A noun with the parts replaced that `changes` names, in the names of its JSON."""
    return from_json(type(noun), json.dumps(_merged(as_json(noun), changes)))


def _merged(whole: Any, changes: Any) -> Any:
    if not isinstance(whole, dict) or not isinstance(changes, Mapping):
        return changes
    return {**whole, **{name: _merged(whole.get(name), value) for name, value in changes.items()}}


def event_of(asked: Mapping[str, Any]) -> DeliveryEvent:
    kind = Event(asked.get("event", "call.popup"))
    subject = SUBJECTS[kind]
    data = subject if subject is None else changed(subject, asked.get("data", {}))
    assert data is None or isinstance(data, Popup | Note | AnsweredElsewhere | CallEnd)
    return DeliveryEvent(kind, "dlv_1", NOON, data)


async def ask(kind: str, account: Any, session: ScriptedSession, asked: Mapping[str, Any]) -> Any:
    """What the make makes of it."""
    adapter: Any = find(kind)
    written = asked.get("number", "+972722776772")
    number = search_number(written, "IL", account.search_formats) or SearchNumber(written, f"0{written[4:]}", "IL", ())
    agent = Recipient("dana@acme.example", "Dana Cohen", asked.get("agent_id"))
    for key, value in asked.get("remembered", {}).items():
        await session.remember(key, value, timedelta(days=1))
    match asked.get("ask", "deliver"):
        case "deliver":
            return await adapter.deliver(account, session, event_of(asked), agent)
        case "find_contacts":
            return await adapter.find_contacts(account, session, number)
        case "create_contact":
            return await adapter.create_contact(account, session, number, asked.get("name", "Rivka Shalom"))
        case "find_agent":
            return await adapter.find_agent(account, session, asked.get("crm_user", "dana@acme.example"))
        case "log_call":
            call = changed(ENDED, asked.get("data", {}))
            return await adapter.log_call(account, session, call, agent, asked.get("ref"))
        case "probe":
            return await adapter.probe(account, session)
        case other:
            pytest.fail(f"unknown question {other}")


def session_of(kind: str, account: Any, body: bytes, asked: Mapping[str, Any]) -> ScriptedSession:
    """A session that answers with `body`, after what `asked` says comes before."""
    now = datetime.fromisoformat(asked["now"]) if "now" in asked else NOW
    before = [samples.reply(CRM, kind, one) for one in asked.get("before", ())]
    headers = {name.lower(): value for name, value in asked.get("headers", {}).items()}
    last = Reply(asked.get("status", 200), headers, body, 1.0)
    return ScriptedSession(find(kind), account, [*before, last], now.astimezone(UTC))


def come_of(sample: Sample) -> tuple[Any, ScriptedSession]:
    account = samples.account(CRM, sample.kind, **sample.expected.get("account", {}))
    session = session_of(sample.kind, account, sample.body, sample.expected)
    try:
        return asyncio.run(ask(sample.kind, account, session, sample.expected)), session
    except PopbridgeError as error:
        return error, session


def assert_named(found: Any, expected: Any, where: str) -> None:
    """Whatever `expected` names is so in `found`; lists have to be whole."""
    if isinstance(expected, dict) and isinstance(found, dict) and not where.endswith("details"):
        for name, value in expected.items():
            assert name in found, f"{where}.{name}"
            assert_named(found[name], value, f"{where}.{name}")
    elif isinstance(expected, list):
        assert isinstance(found, list), where
        assert len(found) == len(expected), f"{where}: {found}"
        for number, pair in enumerate(zip(found, expected, strict=True)):
            assert_named(*pair, f"{where}[{number}]")
    else:
        assert found == expected, where


@pytest.mark.parametrize("sample", ANSWERS, ids=str)
def test_an_answer_is_read_as_expected(sample: Sample) -> None:
    found, _ = come_of(sample)
    expected = sample.expected
    told = str(getattr(found, "reason", found))
    if "error" in expected:
        assert type(found).__name__ == expected["error"], found
    elif "result" in expected:
        assert type(found).__name__ == expected["result"], found
        assert_named(getattr(found, "ref", None), expected.get("ref", getattr(found, "ref", None)), "ref")
        reason = getattr(found, "reason", None)
        assert expected.get("reason") in (None, reason.code if reason else None)
    elif "records" in expected:
        assert isinstance(found, Found | FoundRecord), found
        records = found.records if isinstance(found, Found) else (found,)
        assert_named(as_json(records), expected["records"], "records")
        assert not isinstance(found, Found) or found.more is expected.get("more", False)
    else:
        assert found == expected.get("ref", expected.get("agent_id", "")), found
    assert [text for text in expected.get("says", ()) if text not in told] == [], told


@pytest.mark.parametrize("sample", ANSWERS, ids=str)
def test_what_comes_of_an_answer_holds_no_secret_and_has_words(sample: Sample) -> None:
    account = samples.account(CRM, sample.kind, **sample.expected.get("account", {}))
    found, session = come_of(sample)
    told = f"{found!r} {found} {session.memory.remembered}"
    assert [secret for secret in samples.secrets_of(account) if secret in told] == []
    code = getattr(getattr(found, "reason", None), "code", None)
    for words in languages().values():
        assert code is None or code.startswith("http-") or any(name.startswith(f"reason.{code}") for name in words)


@pytest.mark.parametrize("sample", ANSWERS, ids=str)
def test_an_answer_that_breaks_off_is_a_failure_of_the_house(sample: Sample) -> None:
    """Whatever bytes come: a result, or an error of the one tree."""
    for body in (*BROKEN, sample.body[: len(sample.body) // 2]):
        found, _ = come_of(replace(sample, body=body, expected={**sample.expected, "status": 200}))
        assert isinstance(found, RESULTS | PopbridgeError | Found | FoundRecord | str | None)


@settings(max_examples=300, deadline=None)
@given(sample=st.sampled_from([sample for sample in ANSWERS if sample.is_json]), data=st.data())
def test_a_value_of_another_type_is_read_or_refused(sample: Sample, data: st.DataObject) -> None:
    found, _ = come_of(samples.with_another_value(sample, data))
    assert isinstance(found, RESULTS | PopbridgeError | Found | FoundRecord | str | None)


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_a_question_is_asked_as_expected(question: Sample) -> None:
    expected = question.expected
    account = samples.account(CRM, question.kind, **expected.get("account", {}))
    session = session_of(question.kind, account, b"", expected)
    with suppress(PopbridgeError):
        asyncio.run(ask(question.kind, account, session, expected))
    wanted = expected["requests"]
    assert [written(*pair) for pair in zip(session.requests, wanted, strict=True)] == wanted
    for request in session.requests:
        parts = {"url": request.url, "headers": str(request.headers), "body": request.body.decode()}
        held = {part for part, text in parts.items() if any(s in text for s in samples.secrets_of(account))}
        assert held <= {expected.get("secrets_in")}
        assert not [secret for secret in samples.secrets_of(account) if secret in repr(request)]


def written(request: Request, like: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"method": request.method, "url": request.url, "headers": dict(request.headers)}
    if "json" in like:
        told["json"] = json.loads(request.body)
        assert list(told["json"]) == list(like["json"])
    return told


# Clicks


def click_of(sample: Sample, account: Any) -> Incoming:
    """A click as it came in: by its own headers and query, or proven by the account's token."""
    expected = sample.expected
    token = account.click_token.reveal()
    own = "headers" in expected or "query" in expected
    headers = {name.lower(): value for name, value in expected.get("headers", {}).items()}
    proof = {} if own else {"authorization": f"Bearer {token}"}
    now = datetime.fromisoformat(expected["now"]) if "now" in expected else NOW
    return Incoming(
        expected.get("method", "POST"),
        f"https://popbridge.example.com/clicks/{sample.kind}",
        {"content-type": expected["content_type"], **proof, **headers},
        expected.get("query", {}),
        sample.body,
        now,
    )


def read(kind: str, account: Any, incoming: Incoming) -> ClickRequest | ClickRefused:
    adapter = find(kind)
    assert isinstance(adapter, ReadsClicks)
    try:
        return adapter.read_click(account, incoming)
    except ClickRefused as refused:
        return refused


def fingerprint_of(account: Any, key: str) -> str | None:
    secret = getattr(account, key, None)
    return secret.fingerprint if secret else None


@pytest.mark.parametrize("sample", CLICKS, ids=str)
def test_a_click_is_read_as_expected(sample: Sample) -> None:
    expected = sample.expected
    account = samples.account(CRM, sample.kind, **expected.get("account", {}))
    found = read(sample.kind, account, click_of(sample, account))
    if "error" in expected:
        assert type(found).__name__ == expected["error"], found
        assert [text for text in expected.get("says", ()) if text not in str(found)] == []
        return
    assert isinstance(found, ClickRequest), found
    nothing = {"agent": None, "extension": None, "ivrid": None, "record": None}
    told = as_json(replace(found, key=None, proof="", names_clicker=False))
    assert told == {**nothing, **expected["asked"], "key": None, "proof": "", "names_clicker": False}
    assert not found.names_clicker or found.proof != fingerprint_of(account, "click_token"), "every agent has that"
    assert found.proof in dict(account.proofs())
    assert bool(found.key) is expected.get("keyed", False)


@pytest.mark.parametrize("sample", CLICKS, ids=str)
def test_a_click_without_its_proof_is_refused(sample: Sample) -> None:
    account = samples.account(CRM, sample.kind, **sample.expected.get("account", {}))
    incoming = click_of(sample, account)
    bare = replace(incoming, headers={"content-type": sample.expected["content_type"]}, query={})
    found = read(sample.kind, account, bare)
    assert type(found).__name__ == "BadSignature"


@each_kind
def test_the_samples_are_whole(kind: str) -> None:
    assert samples.strays(CRM, kind) == []
    adapter = find(kind)
    of_it = [sample for sample in ANSWERS if sample.kind == kind]
    assert {sample.expected.get("from") for sample in of_it} <= ORIGINS
    assert not isinstance(adapter, ReadsClicks) or [sample for sample in CLICKS if sample.kind == kind]
    able = {what for what, capability in ASKS.items() if isinstance(adapter, capability)}
    assert able <= {question.expected.get("ask", "deliver") for question in QUESTIONS if question.kind == kind}
