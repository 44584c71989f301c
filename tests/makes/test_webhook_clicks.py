"""Clicks by webhook: who may click, what a click asks; and how events are written."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.config.models import CrmAccount
from bridge.core.delivery import DeliveryEvent, Event, Note
from bridge.core.errors import BadSignature, Malformed, UnsupportedMediaType
from bridge.core.http_types import Incoming, Request, Secret
from bridge.core.json_codec import as_json
from bridge.core.model import Popup
from bridge.crm.contract import ClickRequest
from bridge.crm.registry import find
from bridge.crm.webhook import signature, wire
from tests.contract import samples
from tests.contract.samples import CRM
from tests.unit.nouns import NOTE, POPUP

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
BODY = b'{"agent": "dana@acme.example"}'
ADDRESS = "https://popbridge.example.com/clicks/acme"
each_kind = pytest.mark.parametrize("kind", ["webhook"])
REFUSED = BadSignature | Malformed | UnsupportedMediaType


def _standard_webhooks(account: Any, secret: int, body: bytes, at: datetime) -> dict[str, str]:
    return signature.headers([account.click_secrets[secret]], "msg_1", int(at.timestamp()), body)


PROOFS: Mapping[str, Callable[[Any, int, bytes, datetime], dict[str, str]]] = {"webhook": _standard_webhooks}
"""How each make proves who sends a click: the headers made with the account's secret of that number at that moment."""


def click(
    kind: str, body: bytes = BODY, content_type: str = JSON, secret: int = 0, at: datetime = NOW, **changed: str
) -> Incoming:
    """A click as it comes in, signed at `at`, with some headers changed (their names with `_` for `-`)."""
    headers = {"content-type": content_type, **PROOFS[kind](samples.account(CRM, kind), secret, body, at)}
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return Incoming("POST", ADDRESS, headers, {}, body, NOW)


def read(kind: str, incoming: Incoming, account: CrmAccount | None = None) -> ClickRequest:
    asked: ClickRequest = find(kind).read_click(account or samples.account(CRM, kind), incoming)
    return asked


def refused(kind: str, incoming: Incoming, account: CrmAccount | None = None) -> Exception:
    with pytest.raises((BadSignature, Malformed, UnsupportedMediaType)) as error:
        read(kind, incoming, account)
    return error.value


def without(incoming: Incoming, *names: str) -> Incoming:
    return replace(incoming, headers={name: value for name, value in incoming.headers.items() if name not in names})


def event(data: Popup | Note) -> DeliveryEvent:
    """What is delivered, under the id dlv_1."""
    if isinstance(data, Note):
        return DeliveryEvent(Event.NOTE, "dlv_1", data.noted_at, data)
    return DeliveryEvent(Event.POPUP, "dlv_1", data.created_at, data)


def written(data: Popup | Note, now: datetime = NOW, **changed: Any) -> Request:
    account = samples.account(CRM, "webhook", **changed)
    return wire.write_event(account.popup_url, account.popup_secrets, event(data), now)


def test_a_popup_is_written_anew_at_each_attempt_under_the_same_id() -> None:
    first, second = written(POPUP), written(POPUP, NOW + timedelta(seconds=30))
    assert (first.body, first.url) == (second.body, second.url)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "dlv_1"
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_a_note_comes_as_a_popup_does() -> None:
    """To the same address, signed alike, in the same envelope."""
    request, popup, account = written(NOTE), written(POPUP), samples.account(CRM, "webhook")
    assert (request.method, request.url, set(request.headers)) == (popup.method, popup.url, set(popup.headers))
    assert signature.verify(account.popup_secrets, request.headers, request.body, NOW.timestamp())[0] == "dlv_1"
    told = json.loads(request.body)
    assert (told["type"], told["data"]) == ("call.note", as_json(NOTE))


@each_kind
def test_a_good_signature(kind: str) -> None:
    assert read(kind, click(kind)).agent == "dana@acme.example"


@each_kind
def test_a_rotated_signature(kind: str) -> None:
    """While secrets change, the old and the new one both open the door; afterwards the old one does not."""
    assert read(kind, click(kind, secret=1)).agent == "dana@acme.example"
    account = samples.account(CRM, kind)
    after = account.model_copy(update={"click_secrets": account.click_secrets[1:]})
    assert isinstance(refused(kind, click(kind, secret=0), after), BadSignature)
    assert read(kind, click(kind, secret=1), after).agent == "dana@acme.example"


@each_kind
def test_everything_that_proves_nothing_has_one_answer(kind: str) -> None:
    proof = sorted(PROOFS[kind](samples.account(CRM, kind), 0, BODY, NOW))
    good = click(kind)
    bad = [
        without(good, *proof),
        *(without(good, name) for name in proof),
        *(replace(good, headers={**good.headers, name: "forged"}) for name in proof),
        replace(good, body=BODY + b" "),
        click(kind, at=NOW - timedelta(seconds=301)),
        click(kind, at=NOW + timedelta(seconds=301)),
        click(kind, b"\xff not JSON", webhook_signature="v1,AAAA"),
    ]
    texts = {(type(error), str(error)) for error in (refused(kind, incoming) for incoming in bad)}
    assert texts == {(BadSignature, str(BadSignature()))}


@each_kind
def test_the_sender_is_proven_before_anything_is_read(kind: str) -> None:
    for body, content_type in ((b"not JSON", JSON), (b"[]", JSON), (BODY, "text/xml"), (b"", "")):
        forged = click(kind, body, content_type, webhook_signature="v1,AAAA")
        assert isinstance(refused(kind, forged), BadSignature)


@each_kind
def test_the_same_click_again_has_the_same_key(kind: str) -> None:
    later = click(kind, at=NOW - timedelta(seconds=60))
    assert read(kind, click(kind)).key == read(kind, later).key
    assert read(kind, click(kind)).key is not None


@each_kind
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_is_proof_too(kind: str, scheme: str) -> None:
    token = samples.account(CRM, kind).click_token.reveal()
    headers = {"content-type": JSON, "authorization": f"{scheme} {token}"}
    asked = read(kind, Incoming("POST", ADDRESS, headers, {}, BODY, NOW))
    assert (asked.agent, asked.key) == ("dana@acme.example", None)
    again = read(kind, Incoming("POST", ADDRESS, {**headers, "idempotency-key": "k1"}, {}, BODY, NOW))
    assert again.key == "idempotency-key:k1"


@each_kind
@pytest.mark.parametrize("cut", ["{}x", "x{}", "", "{}\n{}", "{}é"])
def test_a_wrong_token(kind: str, cut: str) -> None:
    token = samples.account(CRM, kind).click_token.reveal()
    for authorization in (f"Bearer {cut.format(token, token)}", f"Basic {token}", token, "Bearer", ""):
        incoming = Incoming("POST", ADDRESS, {"content-type": JSON, "authorization": authorization}, {}, BODY, NOW)
        assert isinstance(refused(kind, incoming), BadSignature)


@each_kind
def test_a_token_does_not_mend_a_bad_signature(kind: str) -> None:
    token = samples.account(CRM, kind).click_token.reveal()
    forged = click(kind, webhook_signature="v1,AAAA", authorization=f"Bearer {token}")
    assert isinstance(refused(kind, forged), BadSignature)


@each_kind
def test_an_account_without_a_token_takes_none(kind: str) -> None:
    account = samples.account(CRM, kind).model_copy(update={"click_token": None})
    for authorization in ("Bearer ", "Bearer None", "Bearer ***"):
        headers = {"content-type": JSON, "authorization": authorization}
        assert isinstance(refused(kind, Incoming("POST", ADDRESS, headers, {}, BODY, NOW), account), BadSignature)
    for query in ({"agent": "dana"}, {"agent": "dana", "token": ""}, {"agent": "dana", "token": "***"}):
        assert isinstance(refused(kind, Incoming("GET", ADDRESS, {}, query, b"", NOW), account), BadSignature)


@each_kind
def test_a_link_asks_the_same_as_a_body(kind: str) -> None:
    token = samples.account(CRM, kind).click_token.reveal()
    query = {"agent": "דנה", "extension": "10", "ivrid": "abc", "token": token, "record": "{}", "other": "x"}
    assert read(kind, Incoming("GET", ADDRESS, {}, query, b"", NOW)) == ClickRequest(
        "דנה", "10", "abc", None, None, samples.account(CRM, kind).click_token.fingerprint
    )
    wrong = {**query, "token": token + "x"}
    assert isinstance(refused(kind, Incoming("GET", ADDRESS, {}, wrong, b"", NOW)), BadSignature)
    assert isinstance(refused(kind, Incoming("GET", ADDRESS, {}, {"token": token}, b"", NOW)), Malformed)


@each_kind
def test_a_link_is_not_opened_by_a_signature(kind: str) -> None:
    signed = click(kind, b"")
    assert isinstance(refused(kind, replace(signed, method="GET", query={"agent": "dana"})), BadSignature)


@each_kind
@pytest.mark.parametrize("content_type", ["text/xml", "json", "image/png", "application/soap+xml"])
def test_another_media_type(kind: str, content_type: str) -> None:
    assert isinstance(refused(kind, click(kind, BODY, content_type)), UnsupportedMediaType)


@each_kind
@pytest.mark.parametrize(
    "content_type", [JSON, "Application/JSON; charset=UTF-8", "text/json", "application/x.crm+json"]
)
def test_every_spelling_of_json(kind: str, content_type: str) -> None:
    assert read(kind, click(kind, BODY, content_type)).agent == "dana@acme.example"


@pytest.mark.parametrize("body", [b'{"agent": ["dana@acme.example"]}', b'{"agent": "x", "extension": [101]}'])
def test_a_list_of_one_is_its_item(body: bytes) -> None:
    asked = read("webhook", click("webhook", body, JSON))
    assert (asked.agent, asked.extension) in (("dana@acme.example", None), ("x", "101"))


DEEP = 5_000
MALFORMED: list[tuple[bytes, str]] = [
    (b"", JSON),
    (b"not JSON", JSON),
    (b"{", JSON),
    (b"\xff\xfe", JSON),
    (b"{'agent': 'dana'}", JSON),
    (b"null", JSON),
    (b"[]", JSON),
    (b'"dana"', JSON),
    (b"{}", JSON),
    (b'{"agent": null}', JSON),
    (b'{"agent": "", "extension": "  "}', JSON),
    (b'{"Agent": "dana"}', JSON),
    (b'{"agent": true}', JSON),
    (b'{"agent": ["dana", "omer"]}', JSON),
    (b'{"agent": [["dana"]]}', JSON),
    (b'{"agent": []}', JSON),
    (b'{"agent": {"id": "dana"}}', JSON),
    (b'{"agent": "dana", "record": "42"}', JSON),
    (b'{"agent": "dana", "record": [1]}', JSON),
    (b'[{"agent": "dana"}, {"agent": "dana"}]', JSON),
    (b'{"agent": true}', JSON),
    (b'{"agent": "dana", "record": 1}', JSON),
    (b'{"agent": "dana", "record": {"amount": NaN}}', JSON),
    (b'{"agent": "dana", "record": {"amount": 1e999}}', JSON),
    (b'{"agent": "dana", "record": {"amount": ' + b"9" * 5000 + b"}}", JSON),
    (b'{"agent": "da\\u0000na"}', JSON),
    (b'{"agent": "da\\nna"}', JSON),
    (b'{"agent": "' + b"x" * 321 + b'"}', JSON),
    (b'{"agent": "dana", "record": ' + b'{"a":' * 17 + b"1" + b"}" * 17 + b"}", JSON),
    (b'{"agent": "dana", "record": {"a":' + b"[" * 500 + b"]" * 500 + b"}}", JSON),
    (b'{"agent": "dana", "record": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}", JSON),
    (b'{"a":' * DEEP, JSON),
    (b"[" * DEEP, JSON),
    (b"", FORM),
    (b"agent=", FORM),
    (b"agent=dana&record=42", FORM),
    (b"agent=dana&record=%7B", FORM),
    (b"&".join(b"a=1" for _ in range(101)) + b"&agent=dana", FORM),
]


@each_kind
@pytest.mark.parametrize(("body", "content_type"), MALFORMED, ids=lambda value: str(value)[:50])
def test_a_malformed_body(kind: str, body: bytes, content_type: str) -> None:
    error = refused(kind, click(kind, body, content_type))
    assert type(error) is Malformed
    assert len(str(error)) < 200


@each_kind
def test_an_idempotency_key_beyond_measure(kind: str) -> None:
    token = samples.account(CRM, kind).click_token.reveal()
    headers = {"content-type": JSON, "authorization": f"Bearer {token}", "idempotency-key": "k" * 257}
    assert isinstance(refused(kind, Incoming("POST", ADDRESS, headers, {}, BODY, NOW)), Malformed)


@each_kind
def test_no_secret_in_what_is_printed_or_told(kind: str) -> None:
    account = samples.account(CRM, kind)
    token = account.click_token.reveal()
    link = Incoming("GET", ADDRESS, {}, {"token": token}, b"", NOW)
    told = [repr(account), str(account), str(refused(kind, link)), repr(link)]
    body = json.dumps({"agent": True, "note": token}).encode()
    told += [str(refused(kind, click(kind, body))), repr(click(kind, body))]
    assert [secret for secret in samples.secrets_of(account) if secret in "\n".join(told)] == []


@each_kind
def test_secrets_have_no_other_way_in(kind: str) -> None:
    """A CRM that can be clicked without any proof must not get past the settings."""
    account = samples.account(CRM, kind)
    bare = account.model_copy(update={"click_secrets": (), "click_token": None})
    assert [key for key, _ in bare.problems()] == ["click_secrets"]
    assert isinstance(refused(kind, click(kind), bare), BadSignature)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["agent", "extension", "ivrid", "record", "other"])


@settings(deadline=None)
@given(st.just("webhook"), st.dictionaries(names, values, max_size=5))
@example("webhook", {"agent": "dana", "record": {"x": float("inf")}})
def test_any_json_is_a_click_that_can_be_stored_or_is_refused(kind: str, fields: dict[str, Any]) -> None:
    try:
        asked = read(kind, click(kind, json.dumps(fields).encode()))
    except (Malformed, UnsupportedMediaType):
        return
    assert asked.agent or asked.extension
    json.loads(json.dumps(as_json(asked), ensure_ascii=False).encode(), parse_constant=pytest.fail)


@settings(deadline=None)
@given(st.just("webhook"), st.binary(max_size=200), st.sampled_from([JSON, FORM, "", "text/plain"]))
def test_any_bytes_are_a_click_or_refused(kind: str, body: bytes, content_type: str) -> None:
    try:
        asked = read(kind, click(kind, body, content_type))
    except (Malformed, UnsupportedMediaType):
        return
    assert asked.agent or asked.extension


def test_a_secret_compares_whole() -> None:
    assert Secret("abc") == Secret("abc") != Secret("abcd")
    assert Secret("abc").matches("abc")
    assert [text for text in ("ab", "abcd", "", "ABC", "\ud800") if Secret("abc").matches(text)] == []


@each_kind
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (rb'{"id": "\ud83d"}', {"id": "\ufffd"}),
        (rb'{"\ud83d": 1}', {"\ufffd": 1}),
        (rb'{"id": ["a\ude00b", {"x": "\udfff"}]}', {"id": ["a\ufffdb", {"x": "\ufffd"}]}),
        (rb'{"id": "a\u0000b"}', {"id": "ab"}),
        (rb'{"id": "\ud83d\ude00"}', {"id": "😀"}),
        (rb'{"id": " a\n "}', {"id": " a\n "}),
    ],
)
def test_a_record_with_half_a_character_is_handed_through_with_a_whole_one(
    kind: str, sent: bytes, kept: dict[str, Any]
) -> None:
    assert read(kind, click(kind, b'{"agent": "dana", "record": ' + sent + b"}")).record == kept


@pytest.mark.parametrize("name", ["agent", "extension", "ivrid"])
def test_half_a_character_in_a_name_is_replaced_as_everywhere_else(name: str) -> None:
    body = json.dumps({"agent": "dana", name: "a\ud83db"}).encode()
    assert getattr(read("webhook", click("webhook", body)), name) == "a\ufffdb"
