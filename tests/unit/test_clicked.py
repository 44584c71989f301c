"""A click that names its record names the caller; unless the caller has another number."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.contacts.clicked import contact_of
from bridge.core.contact import ContactSource, ContactStatus
from bridge.core.model import CallerKind
from tests.unit.nouns import call

RIVKA = {"type": "contact", "id": 42, "url": "https://crm.acme.example/42", "name": "Rivka Shalom", "company": "Shalom"}
CALL = call(number="0522340002")
CALL = replace(CALL, caller=replace(CALL.caller, e164="+972522340002", kind=CallerKind.NUMBER))
WITHHELD = replace(CALL, caller=replace(CALL.caller, number="", e164=None, kind=CallerKind.WITHHELD))


def named(**more: Any) -> Any:
    contact = contact_of({**RIVKA, **more}, "acme", CALL, "IL", True)
    return contact and contact.records[0]


def test_the_record_is_the_contact() -> None:
    contact = contact_of({**RIVKA, "owner": "Omer", "details": {"open deals": 2}}, "acme", CALL, "IL", True)
    assert contact is not None
    assert (contact.status, contact.from_, contact.crm) == (ContactStatus.ONE, ContactSource.CLICK, "acme")
    (one,) = contact.records
    assert (one.type, one.id, one.name, one.company, one.owner) == ("contact", "42", "Rivka Shalom", "Shalom", "Omer")
    assert (one.url, one.details) == ("https://crm.acme.example/42", {"open deals": "2"})


@pytest.mark.parametrize("record", [None, {}, {"id": "42"}, {"name": ""}, {"name": ["x"]}, {"name": {"a": 1}}])
def test_a_record_that_does_not_name_itself_is_none(record: Any) -> None:
    assert contact_of(record, "acme", CALL, "IL", True) is None


def test_a_title_is_a_name() -> None:
    assert named(name=None, title="Printer on fire").name == "Printer on fire"


@pytest.mark.parametrize("phones", ["052-234-0002", ["03-1234567", "+972 52 234 0002"], 972522340002, [], None, ""])
def test_with_the_callers_number_or_none_it_counts(phones: Any) -> None:
    assert named(phones=phones) is not None
    assert named(phone=phones) is not None


@pytest.mark.parametrize("phones", ["+33522340002", ["03-1234567", "050-234-0002"]])
def test_with_other_numbers_than_the_callers_it_is_somebody_else(phones: Any) -> None:
    assert named(phones=phones) is None
    assert contact_of({**RIVKA, "phones": phones}, "acme", WITHHELD, "IL", True) is not None, "nobody can tell"


def test_what_was_sent_is_bounded_text_and_links_lead_into_the_web() -> None:
    one = named(
        name="R\u202e\nS" * 500, company={"a": 1}, url="javascript:alert(1)", owner=True,
        details={f"f{number}": "x" * 5000 for number in range(50)} | {"deep": {"a": 1}, "": "x"},
    )  # fmt: skip
    assert len(one.name) <= 200
    assert one.name.isprintable()
    assert (one.company, one.url, one.owner) == ("", None, "")
    assert len(one.details) == 10
    assert max(map(len, one.details.values())) == 200


@pytest.mark.parametrize(("phones", "counts"), [(None, False), (["052-234-0002"], True), (["03-1234567"], False)])
def test_where_the_crm_can_be_searched_only_the_callers_number_counts(phones: Any, counts: bool) -> None:
    """The page that the agent has open may be anybody's."""
    assert bool(contact_of({**RIVKA, "phones": phones}, "acme", CALL, "IL", False)) is counts
    assert contact_of({**RIVKA, "phones": phones}, "acme", WITHHELD, "IL", False) is None
