"""What a call is labelled with: the caller's kind and E.164 number, and the name of the number dialled."""

import pytest

from bridge.calls.labels import Labels, labelled
from bridge.core.model import CallerKind
from tests.unit.nouns import call

LABELS = Labels({"0776707528": "Sales line"}, {"main": "IL", "office": "HU"})


@pytest.mark.parametrize(
    ("number", "kind", "public"),
    [
        ("0722776772", CallerKind.NUMBER, "+972722776772"),
        ("103", CallerKind.INTERNAL, None),
        ("*6759", CallerKind.SERVICE, None),
        ("Anonymous", CallerKind.WITHHELD, None),
        ("", CallerKind.WITHHELD, None),
        ("Dana Cohen", CallerKind.TEXT, None),
    ],
)
def test_the_caller_by_the_contracts_examples(number: str, kind: CallerKind, public: str | None) -> None:
    caller = labelled(call(number=number), LABELS).caller
    assert (caller.number, caller.kind, caller.e164, caller.name) == (number, kind, public, "רות לוי")


def test_a_number_is_read_in_its_own_phone_systems_country() -> None:
    assert labelled(call(number="06 1 234 5678", pbx="office"), LABELS).caller.e164 == "+3612345678"
    assert labelled(call(number="06 1 234 5678"), LABELS).caller.e164 is None


@pytest.mark.parametrize("written", ["0776707528", "077-670-7528", "+972776707528", "972776707528"])
@pytest.mark.parametrize("dialled", ["0776707528", "972776707528", "+972776707528"])
def test_a_did_has_its_label_in_any_spelling(written: str, dialled: str) -> None:
    labels = Labels({"0722776772": "Support", written: "Sales line"}, {"main": "IL"})
    shown = labelled(call(did=dialled), labels)
    assert (shown.did, shown.did_label) == (dialled, "Sales line")


@pytest.mark.parametrize("did", ["", "0722776772", "670", "07767075280", "Anonymous"])
def test_a_did_without_a_label(did: str) -> None:
    assert labelled(call(did=did), LABELS).did_label is None


@pytest.mark.parametrize("did", ["*6759", "main-menu", "100"])
def test_a_did_that_is_no_public_number_has_its_label_by_its_exact_text(did: str) -> None:
    labels = Labels({"*6759": "Short", "main-menu": "Menu", "100": "Desk"}, {"main": "IL"})
    assert labelled(call(did=did), labels).did_label == labels.dids[did]


SPELLED = [
    "0776707528\u200e",
    "\u202a0776707528\u202c",
    "077\u00a0670\u00a07528",
    "077\u2011670\u20117528",
    "tel:+972776707528",
    "sip:0776707528@10.0.0.5",
    "sip:+972776707528@pbx.example;user=phone",
    "0776707528;phone-context=+972",
    "tel:776707528;phone-context=+972",
    "0776707528 (Sales)",
    "0776707528 - Sales",
    "Sales: 0776707528",
    '"Sales" <0776707528>',
    "(+972)776707528",
    "972776707528.0",
    "'0776707528",
    "\uff0b972776707528",
    "0776707528,",
]


@pytest.mark.parametrize("spelled", SPELLED, ids=ascii)
def test_a_dialled_number_has_its_label_in_whatever_it_is_wrapped(spelled: str) -> None:
    """Whether the phone system wraps it or the settings do."""
    assert labelled(call(did=spelled), LABELS).did_label == "Sales line"
    assert labelled(call(did="077-670-7528"), Labels({spelled: "Sales line"}, {"main": "IL"})).did_label == "Sales line"


@pytest.mark.parametrize(
    ("did", "key"),
    [
        ("sip:100@10.0.0.5", "100"),
        ("100\u200e", "100"),
        ("sip:main-menu@pbx.example", "main-menu"),
        ("*6759", "\u200f*6759"),
        ("\u00a0main-menu", "main-menu"),
        ("1-700-123-456", "1700123456"),
    ],
    ids=ascii,
)
def test_a_short_code_or_name_has_its_label_in_whatever_it_is_wrapped(did: str, key: str) -> None:
    assert labelled(call(did=did), Labels({key: "Menu"}, {"main": "IL"})).did_label == "Menu"


@pytest.mark.parametrize("did", ["10", "1000", "MAIN-MENU", "menu", "sip:101@10.0.0.5", "*675"])
def test_another_code_has_not_its_label(did: str) -> None:
    labels = Labels({"100": "Desk", "main-menu": "Menu", "*6759": "Short"}, {"main": "IL"})
    assert labelled(call(did=did), labels).did_label is None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("\u202a+972722776772\u202c", "+972722776772"),
        ("072\u200b2776772\u200f", "0722776772"),
        ("072\u2011277\u20116772", "072\u2011277\u20116772"),
        ('"Dana" <0722776772>', '"Dana" <0722776772>'),
        ("tel:0722776772;ext=12 ", "tel:0722776772;ext=12"),
        ("0722776772\x00\n", "0722776772"),
    ],
    ids=ascii,
)
def test_a_number_is_shown_as_it_was_sent_without_invisible_marks(sent: str, kept: str) -> None:
    caller = labelled(call(number=sent), LABELS).caller
    assert (caller.number, caller.kind, caller.e164) == (kept, CallerKind.NUMBER, "+972722776772")
    assert not caller.e164_guessed


def test_a_guess_is_marked_as_one() -> None:
    caller = labelled(call(number="447911123456"), LABELS).caller
    assert (caller.number, caller.e164, caller.e164_guessed) == ("447911123456", "+447911123456", True)
