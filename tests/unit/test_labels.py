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
