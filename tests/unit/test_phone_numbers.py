"""What stands in a caller's number field, by the contract's examples and by what phone systems were seen to send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import CallerKind
from bridge.core.phone_numbers import e164, kind_of

PUBLIC = "+972722776772"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("0722776772", CallerKind.NUMBER),
        ("972722776772", CallerKind.NUMBER),
        ("+972 72-277-6772", CallerKind.NUMBER),
        ("(072) 277-6772", CallerKind.NUMBER),
        ("0722776772\n", CallerKind.NUMBER),
        ("1234567", CallerKind.NUMBER),
        ("123456", CallerKind.INTERNAL),
        ("103", CallerKind.INTERNAL),
        ("7", CallerKind.INTERNAL),
        ("*6759", CallerKind.SERVICE),
        ("#31#0722776772", CallerKind.SERVICE),
        ("Anonymous", CallerKind.WITHHELD),
        ("anonymous", CallerKind.WITHHELD),
        ("<unknown>", CallerKind.WITHHELD),
        ("  ", CallerKind.WITHHELD),
        ("", CallerKind.WITHHELD),
        ("Dana Cohen", CallerKind.TEXT),
        ("דנה כהן", CallerKind.TEXT),
        ("sip:100@pbx.example", CallerKind.TEXT),
        ("0722776772x5", CallerKind.TEXT),
        ("٠٧٢٢٧٧٦٧٧٢", CallerKind.TEXT),
        ("*", CallerKind.TEXT),
        ("+", CallerKind.TEXT),
    ],
)
def test_kind(number: str, kind: CallerKind) -> None:
    assert kind_of(number) is kind


@pytest.mark.parametrize(
    "number",
    ["0722776772", "972722776772", "+972722776772", "00972722776772", " 072-277 6772 ", "(072) 277-6772"],
)
def test_every_spelling_of_a_number_is_one_number(number: str) -> None:
    assert e164(number, "IL") == PUBLIC


def test_a_number_is_read_in_the_country_of_the_phone_system() -> None:
    assert e164("06 1 234 5678", "HU") == "+3612345678"
    assert e164("06 1 234 5678", "IL") is None
    assert e164("+36 1 234 5678", "IL") == "+3612345678"


@pytest.mark.parametrize("number", ["103", "*6759", "", "Anonymous", "Dana Cohen", "0000000", "9" * 16, "9" * 5000])
def test_what_is_no_public_number_has_no_e164(number: str) -> None:
    assert e164(number, "IL") is None


@pytest.mark.parametrize("region", ["", "XX", "il"])
def test_without_a_known_country_only_international_numbers_are_public(region: str) -> None:
    assert e164("0722776772", region) is None
    assert e164(PUBLIC, region) == PUBLIC


@given(st.text(max_size=30), st.sampled_from(["IL", "HU", "US", ""]))
def test_any_text_has_a_kind_and_only_numbers_have_an_e164(number: str, region: str) -> None:
    public = e164(number, region)
    assert public is None or (kind_of(number) is CallerKind.NUMBER and public.startswith("+"))


@given(st.text("0123456789+ ()-./*#", max_size=20))
def test_an_e164_is_its_own_e164(number: str) -> None:
    public = e164(number, "IL")
    assert public is None or e164(public, "IL") == public
