"""What a test may show of an answer: no secret however it is spelled, no token that a vendor gave, nothing hidden."""

import base64
import json
from urllib.parse import quote

import pytest

from bridge.connect import shown

SECRET = 'pä&ss "word"/42'


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        quote(SECRET, safe=""),
        SECRET.replace("&", "&amp;").replace('"', "&quot;"),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_taken_out_in_every_spelling(spelled: str) -> None:
    for body in (f"you sent {spelled}.", f"<a>{spelled}</a>"):
        told = shown.answer(body.encode(), [SECRET])
        assert spelled not in told
        assert SECRET not in told


@pytest.mark.parametrize(
    "body",
    [
        '{"access_token": "eyJhbGciOi", "calls": []}',
        '{"data": [{"RefreshToken": "eyJhbGciOi"}]}',
        '{"broken": 1, "session_id": "eyJhbGciOi"',
        "<login><password>eyJhbGciOi</password></login>",
        "Set-Cookie: session=eyJhbGciOi; Path=/",
        "grant=1&api_key=eyJhbGciOi&x=2",
    ],
)
def test_what_a_vendor_gives_as_a_secret_is_masked_by_its_name(body: str) -> None:
    assert "eyJhbGciOi" not in shown.answer(body.encode(), [])


def test_an_answer_is_bounded_and_its_codes_stay() -> None:
    told = shown.answer(json.dumps({"code": "not_found", "calls": ["x" * 100_000]}).encode(), [])
    assert len(told) < 9_000
    assert "not_found" in shown.answer(b'{"code": "not_found"}', [])
    assert shown.answer(b"\xff\xfe\x00", []) != ""


def test_an_address_has_no_values_and_no_password() -> None:
    assert shown.place("https://user:pw@pbx.example/rawman?action=login&secret=x#y") == (
        "https://pbx.example/rawman?action=…&secret=…"
    )
