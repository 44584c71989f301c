"""What stands in a caller's number field, by the contract's examples and by what phone systems were seen to send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import CallerKind
from bridge.core.phone_numbers import (
    digits_of,
    e164,
    key_of,
    kind_of,
    masked,
    plain,
    public_number,
    same_number,
    significant,
    spellings,
)

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
        ("sip:100@pbx.example", CallerKind.INTERNAL),
        ("sip:*6759@pbx.example", CallerKind.SERVICE),
        ("\u200e*6759\u200f", CallerKind.SERVICE),
        ("sip:dana@pbx.example", CallerKind.TEXT),
        ("sip:192.168.10.20", CallerKind.TEXT),
        ("1-800-FLOWERS", CallerKind.TEXT),
        ("0722776772 or 0501234567", CallerKind.TEXT),
        ("Room 5", CallerKind.TEXT),
        ("x" * 161, CallerKind.TEXT),
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


WRAPPED = [
    "\u202a+972722776772\u202c",
    "0722776772\u200f",
    "\u200e0722776772",
    "\u20660722776772\u2069",
    "\ufeff0722776772",
    "072\u200b277\u200d6772",
    "072\u00ad277\u2060 6772",
    "072\u2011277\u20116772",
    "072\u2013277\u20146772",
    "072\u2212277\u22126772",
    "072\u00a0277\u00a06772",
    "072\u2009277\u202f6772",
    "072\u3000277\u20076772",
    "072\u00b7277\u00b76772",
    "072.277.6772",
    "\uff0b972722776772",
    "\uff0b\uff19\uff17\uff12\uff17\uff12\uff12\uff17\uff17\uff16\uff17\uff17\uff12",
    "\ufe62972722776772",
    "\uff08072\uff09277\uff0d6772",
    "\u0660\u0667\u0662\u0662\u0667\u0667\u0666\u0667\u0667\u0662",
    "\u06f0\u06f7\u06f2\u06f2\u06f7\u06f7\u06f6\u06f7\u06f7\u06f2",
    "0\ufe0f\u20e37\ufe0f\u20e32\ufe0f\u20e32776772",
    "tel:+972722776772",
    "TEL:+972-72-277-6772",
    "tel://0722776772",
    "tel: 072-277-6772",
    "tel:%2B972722776772",
    "tel:0722776772;ext=12",
    "tel:722776772;phone-context=+972",
    "tel:0722776772;phone-context=+972",
    "tel:2776772;phone-context=+97272",
    "tel:0722776772;isub=1;phone-context=pbx.example",
    "callto:0722776772",
    "callto://+972722776772",
    "sms:+972722776772",
    "whatsapp:+972722776772",
    "sip:0722776772@10.0.0.5",
    "sip:+972722776772@trunk.example:5061;transport=tls",
    "sips:0722776772;phone-context=+972@10.0.0.5;user=phone",
    "sip:0722776772:secret@10.0.0.5",
    "sip:%2b972722776772@10.0.0.5?subject=x",
    "0722776772@10.0.0.5",
    "0722776772@pbx.example",
    '"Dana" <0722776772>',
    '"Dana" <sip:0722776772@10.0.0.5;user=phone>;tag=abc',
    "Dana Cohen <tel:+972722776772>",
    "<sip:0722776772@10.0.0.5>",
    "<0722776772>",
    "דנה כהן <0722776772>",
    '"Desk 4" <0722776772>',
    "Dana Cohen (0722776772)",
    "Sales: 0722776772",
    "0722776772;ext=12",
    "0722776772 x123",
    "0722776772x5",
    "0722776772 ext. 12",
    "0722776772 Ext 12",
    "0722776772 extension 12",
    "0722776772 (ext. 12)",
    "0722776772, ext. 12",
    "0722776772#12",
    "0722776772 שלוחה 12",
    "0722776772,,12#",
    "0722776772p12",
    "0722776772;12",
    "(+972)722776772",
    "(+972) 72-277-6772",
    "[+972] 722776772",
    "+(972) 72 277 6772",
    "+972 (0)72-277-6772",
    "++972722776772",
    "+ 972 72 277 6772",
    "+00972722776772",
    "+0722776772",
    "0722776772,",
    "0722776772;",
    "0722776772 ,\u200f",
    "+972-72-277-6772.",
    "'0722776772",
    '"0722776772"',
    '="0722776772"',
    "\u201c0722776772\u201d",
    "972722776772.0",
    "+972722776772.0",
    "0722776772 (Sales)",
    "0722776772 (line 2)",
    "0722776772 [Sales]",
    "0722776772 - Sales",
    "0722776772 Sales line",
    "0722776772 | מכירות",
    "\t0722776772\r\n",
    "Sales 0722776772",
    "Tel. 0722776772",
    "מכירות 0722776772",
]


@pytest.mark.parametrize("number", WRAPPED, ids=ascii)
def test_a_number_is_the_same_number_in_whatever_it_is_wrapped(number: str) -> None:
    assert (kind_of(number), public_number(number, "IL")) == (CallerKind.NUMBER, (PUBLIC, False))
    assert same_number(number, PUBLIC, "IL")
    assert key_of(number, "IL") == PUBLIC


@pytest.mark.parametrize("number", WRAPPED, ids=ascii)
def test_an_audit_search_finds_a_number_in_whatever_it_is_wrapped(number: str) -> None:
    """An entry is found by its E.164 number, or by its digits where it was written without one."""
    assert PUBLIC in spellings(number, ["IL"])
    assert digits_of(number, ["IL"]) == {"722776772"}
    assert plain(number) in spellings(PUBLIC, ["IL"]) or "phone-context" in number or "(0)" in number


@pytest.mark.parametrize("number", WRAPPED, ids=ascii)
def test_a_log_shows_no_number_in_whatever_it_is_wrapped(number: str) -> None:
    shown = masked(number)
    assert sum(map(str.isdigit, shown)) <= 7
    assert not {"Dana", "Sales", "דנה"} & set(shown.split())


@pytest.mark.parametrize(
    "text",
    [
        "anonymous@anonymous.invalid",
        "sip:anonymous@anonymous.invalid",
        '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
        "sip:c8oqz84zk7z@anonymous.invalid",
        "Anonymous Caller",
        '"Anonymous" <>',
        "<anonymous>",
        "Private",
        "Private Number",
        "PRIVATE NUMBER\u200f",
        "private_number",
        "Restricted",
        "Number restricted",
        "Unavailable",
        "Not available",
        "Unknown Number",
        "unknown@10.0.0.5",
        "Withheld",
        "No Caller ID",
        "Blocked",
        "Hidden",
        "Out of Area",
        "N/A",
        "null",
        "-",
        "?",
        "חסוי",
        "מספר חסוי",
        "לא ידוע",
        "unterdrückt",
        "Privé",
        "Неизвестный",
        "Ismeretlen",
        "Rejtett szám",
        "CLIR",
        "Número privado",
        "Numer zastrzeżony",
        "Anonymous (0)",
        "asserted-id-unavailable",
        "+266696687",
        "+7378742883",
        "\u200e",
        "\u00a0",
    ],
    ids=ascii,
)
def test_a_caller_who_withholds_the_number_is_withheld_in_any_words(text: str) -> None:
    assert (kind_of(text), e164(text, "IL")) == (CallerKind.WITHHELD, None)
    assert masked(text) == "withheld"


@pytest.mark.parametrize(
    ("number", "region", "public"),
    [
        ("447911123456", "IL", "+447911123456"),
        ("14155552671", "IL", "+14155552671"),
        ("14155552671", "HU", "+14155552671"),
        ("3612345678", "IL", "+3612345678"),
        ("4930123456", "IL", "+4930123456"),
        ("33612345678", "IL", "+33612345678"),
        ("61412345678", "IL", "+61412345678"),
        ("380501234567", "IL", "+380501234567"),
        ("972722776772", "HU", "+972722776772"),
        ("sip:447911123456@10.0.0.5", "IL", "+447911123456"),
        ("44 7911 123456", "IL", "+447911123456"),
        ("447911123456\u200f", "IL", "+447911123456"),
    ],
)
def test_a_number_from_abroad_without_its_plus_sign_is_read_as_a_guess(number: str, region: str, public: str) -> None:
    assert public_number(number, region) == (public, True)
    assert (public in spellings(number, [region]), number in {number, *spellings(public, [region])}) == (True, True)
    assert same_number(public, public, region)


@pytest.mark.parametrize("number", ["0722776772", "972722776772", "+447911123456", "0044 7911 123456", "722776772"])
def test_what_is_a_number_at_home_is_no_guess(number: str) -> None:
    found = public_number(number, "IL")
    assert found is not None
    assert not found.guessed


@pytest.mark.parametrize("number", ["99999999999", "123456789", "0447911123456", "20261122120000001", "00000000000"])
def test_what_is_a_number_nowhere_is_not_guessed_to_be_one(number: str) -> None:
    assert public_number(number, "IL") is None


@pytest.mark.parametrize(
    "field",
    [
        "053-1234567 / 072-2776772",
        "072-2776772; 053-1234567",
        "home 072-2776772, mobile: 053-1234567",
        "053-1234567\n072-2776772",
        "053-1234567 or +972 72 277 6772",
        "053-1234567 או 072-2776772",
        "072-2776772 | 053-1234567",
    ],
)
def test_a_contacts_field_with_two_numbers_has_each_of_them(field: str) -> None:
    assert same_number(field, PUBLIC, "IL")
    assert same_number(field, "+972531234567", "IL")
    assert not same_number(field, "+972531234568", "IL")


@pytest.mark.parametrize("field", ["0722776773", "072277677", "10722776772", "Dana", "", "722776772x", "103", "*6759"])
def test_another_number_is_not_the_same(field: str) -> None:
    assert not same_number(field, PUBLIC, "IL")


@given(st.text(st.characters(codec=None) | st.sampled_from("0123456789+()-;,<>@x#*:. "), max_size=200))
def test_any_field_is_read_in_every_way_without_an_error(field: str) -> None:
    assert kind_of(field) in CallerKind
    assert masked(field) != field or not field.isdigit()
    assert isinstance(plain(field) + key_of(field, "IL"), str)
    assert spellings(field, ["IL", "HU"])
    digits_of(field, ["IL"])
    same_number(field, PUBLIC, "IL")


@pytest.mark.parametrize(
    ("public", "expected"),
    [("+972522340002", "522340002"), ("+390236618300", "0236618300"), ("+3612345678", "12345678"), ("nonsense", "")],
)
def test_the_national_significant_number_is_what_every_spelling_ends_with(public: str, expected: str) -> None:
    assert significant(public) == expected
    assert public.endswith(expected)


@pytest.mark.parametrize("number", ["+972541112233", "+972501234569"])
def test_a_range_that_nobody_was_given_is_no_public_number(number: str) -> None:
    """Israel has assigned neither 050-1 nor 054-1. Once it does, an update of phonenumbers makes them valid."""
    assert e164(number, "IL") is None


@pytest.mark.parametrize("vanity", ["1-800-555-FLOW", "1 800 555 FLOW", "+1-800-555-flow", "0800-123-HELP"])
def test_letters_that_are_keys_leave_no_other_number(vanity: str) -> None:
    assert spellings(vanity, ["IL"]) == [vanity]
    assert digits_of(vanity, ["IL"]) == set()


def test_a_word_after_a_whole_number_is_no_part_of_it() -> None:
    assert e164("0522340002-Dana", "IL") == e164("0522340002 SALES", "IL") == "+972522340002"
