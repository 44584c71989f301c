"""Why a signed click proves nothing: what the operator is told, for each way in which senders err."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import BadSignature
from bridge.core.http_types import Incoming, Secret
from bridge.core.reasons import Reason, say
from bridge.crm.registry import find
from bridge.crm.webhook import signature
from tests.contract import samples
from tests.contract.samples import CRM

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
AT = int(NOW.timestamp())
BODY = b'{"agent": "dana@acme.example"}'
ACCOUNT: Any = samples.account(CRM, "webhook")
SECRET, TOKEN = ACCOUNT.click_secrets[0], ACCOUNT.click_token
KEY, TEXT = signature.key_bytes(SECRET), SECRET.reveal()
FOREIGN = Secret("whsec_" + base64.b64encode(b"another key of 32 bytes, foreign").decode())


def came(headers: Mapping[str, str], query: Mapping[str, str] | None = None, body: bytes = BODY) -> Incoming:
    return Incoming(
        "POST", "https://b/clicks/acme", {"content-type": "application/json", **headers}, query or {}, body, NOW
    )


def causes(incoming: Incoming, **changed: Any) -> list[str]:
    return [one.code for one in every(cause_of(incoming, **changed))]


def cause_of(incoming: Incoming, **changed: Any) -> Reason:
    with pytest.raises(BadSignature) as refused:
        find("webhook").read_click(ACCOUNT.model_copy(update=changed), incoming)  # type: ignore[attr-defined]
    assert str(refused.value) == str(BadSignature()), "the sender is told the same in every case"
    assert refused.value.cause is not None
    return refused.value.cause


def every(cause: Reason) -> list[Reason]:
    return [cause, *cause.also]


def mac(content: bytes, key: bytes = KEY, how: Any = hashlib.sha256) -> bytes:
    return hmac.digest(key, content, how)


def b64(digest: bytes) -> str:
    return "v1," + base64.b64encode(digest).decode()


def signed(message_id: str = "msg_1", at: str = str(AT), offered: str | None = None) -> Mapping[str, str]:
    content = f"{message_id}.{at}.".encode() + BODY
    return {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": offered or b64(mac(content))}


CONTENT = f"msg_1.{AT}.".encode() + BODY
WRONG = "proof-wrong-secret"
SIGNED: list[tuple[str, Mapping[str, str], list[str]]] = [
    ("a clock 6 min slow", signed(at=str(AT - 360)), ["proof-clock-behind"]),
    ("a clock 6 min fast", signed(at=str(AT + 360)), ["proof-clock-ahead"]),
    ("milliseconds", signed(at=f"{AT}123"), ["proof-timestamp-milliseconds"]),
    ("milliseconds, and late", signed(at=f"{AT - 4000}000"), ["proof-timestamp-milliseconds", "proof-clock-behind"]),
    ("a written time", signed(at="2026-11-22T12:00:30Z"), ["proof-timestamp-unreadable"]),
    ("seconds with a fraction", signed(at=f"{AT}.5"), ["proof-timestamp-unreadable"]),
    ("hex", signed(offered="v1," + mac(CONTENT).hex()), ["proof-signature-hex"]),
    ("hex in capitals", signed(offered="v1," + mac(CONTENT).hex().upper()), ["proof-signature-hex"]),
    ("hex with sha256=", signed(offered="sha256=" + mac(CONTENT).hex()),
     ["proof-signature-version", "proof-signature-hex"]),
    ("hex of another secret", signed(offered="v1," + mac(CONTENT, b"x").hex()), ["proof-signature-hex", WRONG]),
    ("no v1", signed(offered=b64(mac(CONTENT))[3:]), ["proof-signature-version"]),
    ("key not decoded", signed(offered=b64(mac(CONTENT, TEXT.encode()))), ["proof-key-not-decoded"]),
    ("key not decoded, no whsec_", signed(offered=b64(mac(CONTENT, TEXT[6:].encode()))), ["proof-key-not-decoded"]),
    ("another secret", signed(offered=signature.sign(FOREIGN, "msg_1", AT, BODY)), [WRONG]),
    ("a body of another click", signed(offered=b64(mac(CONTENT + b" "))), [WRONG]),
    ("the body alone", signed(offered=b64(mac(BODY))), ["proof-signed-body-alone"]),
    ("time and body", signed(offered=b64(mac(CONTENT.partition(b".")[2]))), ["proof-signed-without-id"]),
    ("the body alone, the key not decoded, in hex", signed(offered=mac(BODY, TEXT.encode()).hex()),
     ["proof-signature-version", "proof-signature-hex", "proof-key-not-decoded", "proof-signed-body-alone"]),
    ("SHA-1", signed(offered=b64(mac(CONTENT, how=hashlib.sha1))), ["proof-signature-length"]),
    ("SHA-512", signed(offered=b64(mac(CONTENT, how=hashlib.sha512))), ["proof-signature-length"]),
    ("nonsense", signed(offered="v1,*** not a signature ***"), ["proof-signature-unreadable"]),
    ("asymmetric v1a", signed(offered="v1a,AAAA"), ["proof-signature-version", "proof-signature-length"]),
    ("joined headers", signed(offered=f"{b64(mac(CONTENT))}, {b64(mac(CONTENT))}"), ["proof-header-twice"]),
    ("an id with a dot", signed("msg.1"), ["proof-id-with-dot"]),
    ("an id with a space", signed("msg 1"), ["proof-id-malformed"]),
    ("a dot and a slow clock", signed("msg.1", str(AT - 301)), ["proof-clock-behind", "proof-id-with-dot"]),
    ("no time", {name: text for name, text in signed().items() if name != "webhook-timestamp"},
     ["proof-headers-missing"]),
    ("an id alone", {"webhook-id": "msg_1"}, ["proof-headers-missing"]),
    ("svix's names", {name.replace("webhook", "svix"): text for name, text in signed(at=str(AT - 360)).items()},
     ["proof-clock-behind"]),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "codes"), [row[1:] for row in SIGNED], ids=[row[0] for row in SIGNED])
def test_what_is_wrong_with_a_signature(headers: Mapping[str, str], codes: list[str]) -> None:
    cause = cause_of(came(headers))
    assert [one.code for one in every(cause)] == codes
    said = "".join(say(one, language) for one in every(cause) for language in ("en", "he"))
    assert "{" not in said
    secrets = (TEXT[6:], TEXT, *(part for text in headers.values() for part in text.split(",") if len(part) > 20))
    assert [secret for secret in secrets if secret in said] == []


def test_the_seconds_by_which_a_clock_is_off() -> None:
    assert say(cause_of(came(signed(at=str(AT - 360))))).startswith("the signature's time is 360 s behind")
    assert cause_of(came(signed(at=str(AT + 7200)))).params["seconds"] == 7200


def test_a_signature_that_is_right_but_for_one_thing_is_right_without_it() -> None:
    """The good one that the others are made from."""
    assert find("webhook").read_click(ACCOUNT, came(signed())).agent == "dana@acme.example"  # type: ignore[attr-defined]


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


OURS = TOKEN.reveal()
OFFERED: list[tuple[str, Mapping[str, str], Mapping[str, str], str]] = [
    ("nothing", {}, {}, "proof-missing"),
    ("wrong bearer", {"authorization": "Bearer wrong-token"}, {}, "proof-wrong-token"),
    ("quoted bearer", {"authorization": f'Bearer "{OURS}"'}, {}, "proof-token-dressed"),
    ("twice the word", {"authorization": f"Bearer Bearer {OURS}"}, {}, "proof-token-dressed"),
    ("sent twice", {"authorization": f"Bearer {OURS}, Bearer {OURS}"}, {}, "proof-token-dressed"),
    ("%-codes", {}, {"token": f"%22{OURS}%22"}, "proof-token-dressed"),
    ("no word", {"authorization": OURS}, {}, "proof-token-without-bearer"),
    ("another word", {"authorization": f"Token {OURS}"}, {}, "proof-token-without-bearer"),
    ("digest", {"authorization": "Digest username=x"}, {}, "proof-other-scheme"),
    ("wrong Basic", {"authorization": basic("dana:wrong")}, {}, "proof-wrong-token"),
    ("Basic, token as name", {"authorization": basic(f"{OURS}:")}, {}, "proof-token-as-name"),
    ("Basic, not base64", {"authorization": f"Basic dana:{OURS}"}, {}, "proof-basic-unreadable"),
    ("Basic, letters that base64 has not", {"authorization": "Basic d\xe9"}, {}, "proof-basic-unreadable"),
    ("Basic without a colon", {"authorization": basic("dana")}, {}, "proof-basic-unreadable"),
    ("wrong key", {"x-api-key": "wrong"}, {}, "proof-wrong-token"),
    ("wrong in the address", {}, {"token": "wrong"}, "proof-wrong-token"),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "query", "code"), [row[1:] for row in OFFERED], ids=[row[0] for row in OFFERED])
def test_what_is_wrong_with_a_token(headers: Mapping[str, str], query: Mapping[str, str], code: str) -> None:
    cause = cause_of(came(headers, query))
    assert [one.code for one in every(cause)] == [code]
    assert OURS not in say(cause)


def test_a_proof_that_the_settings_do_not_take() -> None:
    assert causes(came({"authorization": "Bearer x"}), click_token=None) == ["proof-no-secret-set"]
    assert causes(came(signed()), click_secrets=()) == ["proof-no-secret-set"]
    assert causes(came({}, body=b'{"token": "wrong"}')) == ["proof-wrong-token"]


def test_a_token_with_what_nobody_sees_at_its_ends_is_right() -> None:
    for said in (f"Bearer {OURS}\u00a0", f"Bearer \u200b{OURS}", basic(f"dana: {OURS}\u200f")):
        assert find("webhook").read_click(ACCOUNT, came({"authorization": said})).agent  # type: ignore[attr-defined]


@given(st.text(max_size=80), st.text(max_size=30), st.text(max_size=200), st.binary(max_size=50))
def test_any_headers_have_a_cause(message_id: str, at: str, offered: str, body: bytes) -> None:
    names = {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": offered}
    assert say(cause_of(came(names, body=body)))


@given(st.text(max_size=80))
def test_any_authorization_has_a_cause(said: str) -> None:
    assert say(cause_of(came({"authorization": said})))


def test_the_same_work_is_done_whatever_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the refusal takes says nothing of whether the signature was right."""
    counted: list[int] = []
    digest = hmac.digest

    def counting(*arguments: Any) -> bytes:
        counted.append(1)
        return digest(*arguments)

    monkeypatch.setattr(hmac, "digest", counting)
    works = set()
    for headers in (signed(at=str(AT - 360)), signed(offered=signature.sign(FOREIGN, "msg_1", AT, BODY))):
        counted.clear()
        with pytest.raises(BadSignature):
            find("webhook").read_click(ACCOUNT, came(headers))  # type: ignore[attr-defined]
        works.add(len(counted))
    assert len(works) == 1


def test_an_old_moment_in_the_same_clock() -> None:
    late = NOW - timedelta(days=2)
    assert cause_of(came(signed(at=str(int(late.timestamp()))))).params["seconds"] == 2 * 86400
