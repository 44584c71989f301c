"""A CRM with memory: each call has one record in it, and its caller, whatever happens in between."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.faults.memory import Between, open_office

pytestmark = pytest.mark.anyio
CALLS = 3


HAPPENS: dict[str, Sequence[Between]] = {
    "espocrm": (Between.KILLED_BEFORE, Between.ANSWER_LOST),
    "zoho": (Between.KILLED_AFTER, Between.TOO_MANY),
    "bitrix24": (Between.ERROR_IN_200, Between.TOKEN_EXPIRED),
}
"""Once each; `./dev faults` does all of it with every make that keeps calls."""


async def test_a_call_is_written_once_whatever_happens_in_between() -> None:
    """With all of them at the same time: most of it is waiting for leases and next attempts."""
    async with asyncio.TaskGroup() as offices:
        for kind, happens in HAPPENS.items():
            offices.create_task(in_an_office(kind, happens), name=kind)


async def in_an_office(kind: str, happens: Sequence[Between]) -> None:
    async with open_office(kind) as office:
        for between in happens:
            assert office.has(between)
            row = await office.run(between, CALLS)
            assert not row.why, f"{kind}, {between}: {row}\n{office.world.tails()}"
