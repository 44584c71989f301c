"""Numbers as people type them, for CRMs that compare texts."""

import re

import pytest

from bridge.contacts.variants import search_number
from bridge.core.phone_numbers import same_number
from bridge.crm.contract import SearchNumber
from bridge.crm.spellings import endings, usual


def wanted(number: str, *formats: str) -> SearchNumber:
    found = search_number(number, "IL", formats)
    assert found is not None
    return found


TYPED = [
    ("0522340002", ["052-2340002", "052-234-0002", "052 234 0002", "+972-52-2340002", "(052) 2340002"]),
    ("037654321", ["03-7654321", "03-765-4321", "+972-3-7654321", "+97237654321", "97237654321"]),
    ("+12125550123", ["(212) 555-0123", "212-555-0123", "+1 212 555 0123", "2125550123"]),
]  # fmt: skip


@pytest.mark.parametrize(("number", "typed"), TYPED)
def test_what_people_type_is_among_the_usual_spellings(number: str, typed: list[str]) -> None:
    assert [one for one in typed if one not in usual(wanted(number))] == []
    assert [one for one in typed if not one.endswith(tuple(endings(wanted(number))))] == []


@pytest.mark.parametrize("number", ["0522340002", "037654321", "+12125550123", "+3612345678", "+4930123456", "*6759"])
def test_every_spelling_is_of_the_number_itself(number: str) -> None:
    found = search_number(number, "IL")
    if found is None:
        return
    digits = {re.sub(r"\D", "", one) for one in endings(found)}
    assert len(digits) == 1
    assert found.e164.endswith(digits.pop())
    assert any(same_number(one, found.e164, "IL") for one in usual(found))
    assert len(usual(found)) <= 32


def test_the_spellings_of_the_settings_come_first() -> None:
    assert usual(wanted("0522340002", "national-digits"))[:2] == ["0522340002", "+972522340002"]
    assert endings(wanted("0522340002"))[0] == "522340002"
