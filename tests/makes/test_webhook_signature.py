"""Standard Webhooks v1: the public vectors, every way a signature can fail, and the two public libraries as judges."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest
import standardwebhooks
import svix
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.core.delivery import DeliveryEvent, Event
from bridge.core.errors import BadSignature
from bridge.core.http_types import Secret
from bridge.crm.webhook import Account, signature, wire
from tests.unit.nouns import POPUP

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NEGATIVE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="
OTHER = Secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
OTHER_ID, OTHER_AT = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553
OTHER_BODY = b'{"email":"test@example.com","username":"test_user"}'
OTHER_GOOD = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")

ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="."), min_size=1, max_size=40)
moments = st.integers(1, 10**11)


def sent(**changed: str) -> dict[str, str]:
    """Vector A's headers, some of them changed (`id`, `timestamp`, `signature`)."""
    headers = {"webhook-id": ID, "webhook-timestamp": str(AT), "webhook-signature": GOOD}
    return headers | {f"webhook-{name}": value for name, value in changed.items()}


def refusal(
    headers: Mapping[str, str], body: bytes = BODY, now: float = AT, secrets: tuple[Secret, ...] = (SECRET,)
) -> str:
    """The text with which it is refused; fails when it is accepted or anything else is raised."""
    with pytest.raises(BadSignature) as refused:
        signature.verify(secrets, headers, body, now)
    return str(refused.value)


def accepts(
    headers: Mapping[str, str], body: bytes = BODY, now: float = AT, secrets: tuple[Secret, ...] = (SECRET,)
) -> bool:
    return signature.verify(secrets, headers, body, now)[0] == headers["webhook-id"]


def test_vector_a() -> None:
    assert signature.sign(SECRET, ID, AT, BODY) == GOOD
    assert accepts(sent())


def test_vector_a_with_its_last_character_changed() -> None:
    assert refusal(sent(signature=NEGATIVE))


def test_vector_b() -> None:
    assert signature.sign(OTHER, OTHER_ID, OTHER_AT, OTHER_BODY) == OTHER_GOOD
    headers = sent(id=OTHER_ID, timestamp=str(OTHER_AT), signature=OTHER_GOOD)
    assert accepts(headers, OTHER_BODY, OTHER_AT, (OTHER,))


@pytest.mark.parametrize("name", NAMES)
def test_each_header_is_needed(name: str) -> None:
    headers = sent()
    del headers[name]
    assert refusal(headers)
    assert refusal({**headers, name: ""})


@pytest.mark.parametrize(
    "timestamp",
    [
        "hello", "", "0", "-1", f"{AT}.9", f"{AT}.0", f" {AT} ", f" {AT}", f"{AT}\n", f"+{AT}", f"0{AT}", f"{AT:_}",
        f"{AT}e0", "1.614265330e9", "nan", "inf", "0x6037B8F2", "9" * 13, "9" * 5000, "١٦١٤٢٦٥٣٣٠",
    ],
)  # fmt: skip
def test_a_timestamp_has_one_spelling(timestamp: str) -> None:
    signed = "v1," + base64.b64encode(_hmac(f"{ID}.{timestamp}.".encode() + BODY)).decode()
    assert refusal(sent(timestamp=timestamp))
    assert refusal(sent(timestamp=timestamp, signature=f"{GOOD} {signed}"))


def _hmac(content: bytes) -> bytes:
    return standardwebhooks.webhooks.hmac_data(signature.key_bytes(SECRET), content)


@pytest.mark.parametrize("off", [-300, -299.9, 0, 300])
def test_five_minutes_either_way_are_tolerated(off: float) -> None:
    assert accepts(sent(), now=AT + off)


@pytest.mark.parametrize("off", [-301, -300.1, 300.1, 301, 86400, -86400])
def test_more_than_five_minutes_are_not(off: float) -> None:
    assert refusal(sent(), now=AT + off)


@pytest.mark.parametrize("entry", ["v1,", "v1,g0hM9", "v1", "", " ", ",", "v1," + GOOD, GOOD[:-1], GOOD.lower()])
def test_a_wrong_signature(entry: str) -> None:
    assert refusal(sent(signature=entry))


@pytest.mark.parametrize(
    "before",
    [
        "garbage", "v1,a,b", "v1", ",", ",,", " ", "v1,%%%", "v1,a", "v1,=", "v2,g0hM9", "v1a,hnO3f9T8", NEGATIVE,
        "v1,\u05d0", "v1,\x00", "v1,\ud800", "v1," + "A" * 1000,
    ],
)  # fmt: skip
def test_a_malformed_entry_does_not_hide_a_good_one(before: str) -> None:
    assert accepts(sent(signature=f"{before} {GOOD}"))
    assert accepts(sent(signature=f"{GOOD} {before}"))
    assert refusal(sent(signature=before))


def test_a_good_entry_may_stand_anywhere_in_the_list() -> None:
    assert accepts(sent(signature=f"{NEGATIVE} v2,{GOOD[3:]} {GOOD} {NEGATIVE}"))
    assert refusal(sent(signature=f"{NEGATIVE} v2,{GOOD[3:]} {NEGATIVE}"))


@pytest.mark.parametrize("prefix", ["v2,", "v1a,", "V1,", "", "v1;", "v1, "])
def test_only_v1_counts(prefix: str) -> None:
    assert refusal(sent(signature=prefix + GOOD[3:]))


def test_a_list_without_end_is_cut() -> None:
    assert refusal(sent(signature=f"{NEGATIVE} " * 100_000 + GOOD))


def test_a_body_that_is_not_utf8_is_verified_like_any_other() -> None:
    body = b"\xff\xfe\x00\xd7"
    headers = signature.headers([SECRET], ID, AT, body)
    assert accepts(headers, body)
    assert refusal(sent(), body)


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[]", b"null"])
def test_the_signature_says_nothing_about_json(body: bytes) -> None:
    assert accepts(signature.headers([SECRET], ID, AT, body), body)


def test_the_message_cannot_be_cut_anew() -> None:
    """`a` + T + `T.x` is signed with the same bytes as `a.T` + T + `x`."""
    headers = signature.headers([SECRET], "a", AT, f"{AT}.x".encode())
    assert accepts(headers, f"{AT}.x".encode())
    assert refusal({**headers, "webhook-id": f"a.{AT}"}, b"x")


@pytest.mark.parametrize("message_id", ["a.b", ".", "a b", "a\n", "", "\u05d0", "a" * 257, "a\x7f", "a\x00"])
def test_ids_that_allow_tricks(message_id: str) -> None:
    signed = "v1," + base64.b64encode(_hmac(f"{message_id}.{AT}.".encode() + BODY)).decode()
    assert refusal(sent(id=message_id, signature=signed))


def test_a_signature_of_another_secret() -> None:
    assert refusal(sent(), secrets=(OTHER,))


def test_no_secret_accepts_nothing() -> None:
    assert refusal(sent(), secrets=())


def test_any_of_several_secrets_in_any_order() -> None:
    assert accepts(sent(), secrets=(OTHER, SECRET))
    assert accepts(sent(), secrets=(SECRET, OTHER))
    assert accepts(sent(), secrets=tuple([OTHER] * 5 + [SECRET]))


def test_one_text_for_every_failure() -> None:
    texts = {
        refusal({}),
        refusal(sent(timestamp="hello")),
        refusal(sent(id="a.b")),
        refusal(sent(), now=AT + 301),
        refusal(sent(), now=AT - 301),
        refusal(sent(signature=NEGATIVE)),
        refusal(sent(signature="garbage")),
        refusal(sent(), body=b"{}"),
        refusal(sent(), secrets=(OTHER,)),
        refusal(sent(), secrets=()),
    }
    assert len(texts) == 1


def test_nothing_of_the_secret_is_told() -> None:
    told = refusal(sent(signature=NEGATIVE)) + repr(SECRET) + f"{SECRET}" + str([SECRET])
    assert SECRET.reveal().removeprefix("whsec_") not in told


@pytest.mark.parametrize(
    "text",
    [
        "", "whsec_", "A", "whsec_AAAA", "whsec_" + "A" * 31, "whsec_" + "A" * 88, "whsec_" + "%" * 32, "%",
        "whsec_" + "\u05d0" * 32, "whsec_" + "A" * 15 + " " + "A" * 16, "whsk_" + "A" * 32, "v1," + "A" * 32,
        base64.b64encode(b"x").decode(), base64.b64encode(b"x" * 23).decode(), base64.b64encode(b"x" * 65).decode(),
    ],
)  # fmt: skip
def test_secrets_that_are_no_secrets(text: str) -> None:
    with pytest.raises(ValueError, match="must be whsec_") as problem:
        signature.key_bytes(Secret(text))
    assert len(text) < 8 or text.removeprefix("whsec_") not in str(problem.value)


@pytest.mark.parametrize("size", [1, 23, 65])
def test_the_settings_refuse_what_the_standard_refuses(size: int) -> None:
    secret = "whsec_" + base64.b64encode(b"k" * size).decode()
    account = Account(kind="webhook", click_secrets=(Secret(secret),), popup_secrets=(Secret(secret),))
    assert [key for key, _ in account.problems()] == ["click_secrets", "popup_secrets"]


@pytest.mark.parametrize("size", [24, 25, 26, 32, 64])
def test_prefix_and_padding_are_optional(size: int) -> None:
    key = bytes(range(size))
    text = base64.b64encode(key).decode()
    spellings = {text, text.rstrip("="), f"whsec_{text}", f"whsec_{text.rstrip('=')}"}
    assert {signature.key_bytes(Secret(spelling)) for spelling in spellings} == {key}


EVENT = DeliveryEvent(Event.POPUP, ID, POPUP.created_at, POPUP)


def test_a_push_signed_in_any_zone_names_the_same_moment() -> None:
    now = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
    zones = [UTC, timezone(timedelta(hours=3)), timezone(timedelta(hours=-7, minutes=-30))]
    pushes = {
        tuple(wire.write_event("https://crm.example", [SECRET], EVENT, now.astimezone(zone)).headers.items())
        for zone in zones
    }
    assert len(pushes) == 1
    assert dict(next(iter(pushes)))["webhook-timestamp"] == str(int(now.timestamp()))


@given(ids, moments, st.binary(max_size=200), st.floats(-300, 300))
def test_what_is_signed_verifies(message_id: str, at: int, body: bytes, off: float) -> None:
    headers = signature.headers([OTHER, SECRET], message_id, at, body)
    assert accepts(headers, body, at + off)


@given(ids, ids, moments, moments, st.binary(max_size=50), st.binary(max_size=50))
def test_any_change_fails(one: str, other: str, at: int, later: int, body: bytes, changed: bytes) -> None:
    headers = signature.headers([SECRET], one, at, body)
    if other != one:
        assert refusal({**headers, "webhook-id": other}, body, at)
    if later != at:
        assert refusal({**headers, "webhook-timestamp": str(later)}, body, later)
    if changed != body:
        assert refusal(headers, changed, at)


@given(st.data())
def test_one_flipped_bit_fails(data: st.DataObject) -> None:
    body = bytearray(BODY)
    position = data.draw(st.integers(0, len(body) * 8 - 1))
    body[position // 8] ^= 1 << position % 8
    assert refusal(sent(), bytes(body))


@given(
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=60)),
    st.binary(max_size=60),
    st.floats(0, 1e12),
)
def test_nonsense_is_refused_and_nothing_else_happens(headers: dict[str, str], body: bytes, now: float) -> None:
    assume(headers.get("webhook-signature") != GOOD)
    assert refusal(headers, body, now)


@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.Webhook])
@pytest.mark.parametrize("secrets", [(SECRET,), (OTHER, SECRET), (SECRET, OTHER)])
def test_the_public_libraries_accept_what_we_sign(
    library: type[standardwebhooks.Webhook | svix.Webhook], secrets: tuple[Secret, ...]
) -> None:
    body = json.dumps({"type": "call.popup", "name": "רות לוי"}, ensure_ascii=False).encode()
    headers = signature.headers(secrets, ID, int(datetime.now(UTC).timestamp()), body)
    judge = library(SECRET.reveal())
    judge.verify(body, headers)
    with pytest.raises((standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError)):
        judge.verify(body + b" ", headers)


@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.Webhook])
def test_we_accept_what_the_public_libraries_sign(library: type[standardwebhooks.Webhook | svix.Webhook]) -> None:
    at = datetime.fromtimestamp(AT, UTC)
    signed = library(SECRET.reveal()).sign(ID, at, BODY.decode())
    assert signed == GOOD
    assert accepts(sent(signature=signed))
