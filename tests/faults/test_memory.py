"""A CRM with memory: each call has one record in it, and its caller, whatever happens in between."""

from collections.abc import Sequence

import pytest

from tests.faults.memory import Between, open_office

pytestmark = pytest.mark.anyio
CALLS = 3


@pytest.mark.parametrize(
    ("kind", "happens"),
    [
        ("espocrm", (Between.KILLED_BEFORE, Between.ANSWER_LOST)),
        ("zoho", (Between.KILLED_AFTER, Between.TOO_MANY)),
        ("bitrix24", (Between.ERROR_IN_200, Between.TOKEN_EXPIRED)),
    ],
)
async def test_a_call_is_written_once_whatever_happens_in_between(kind: str, happens: Sequence[Between]) -> None:
    """Once each; `./dev faults` does all of it with every make that keeps calls."""
    async with open_office(kind) as office:
        for between in happens:
            assert office.has(between)
            row = await office.run(between, CALLS)
            assert not row.why, f"{between}: {row}\n{office.world.tails()}"
