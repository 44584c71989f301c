"""A call rings on several phones and one agent answers: the others' cards say who did."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Caller, ExtensionId
from bridge.store.tokens import Role
from tests.stage import CALLER, DANA, OMER, Stage, open_stage, until
from tests.web.desk import Page, clicked, page

pytestmark = pytest.mark.anyio

LIOR = "lior@acme.example"
ROWS = (
    f"acme,{LIOR},main,SIPLior1,Lior Levi",
    "acme,reception-1@acme.example,main,SIPDesk,Noa",
    "acme,reception-2@acme.example,main,SIPDesk,Gil",
    "acme,nameless@acme.example,main,SIPNameless,",
)
AT_DANAS = "SIPDana1"


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr("bridge.web.desktop.watch.PAUSE_SECONDS", 0.02)
    extra = {"POPBRIDGE_DESKTOP__REFRESH_SECONDS": "0.1"}
    async with open_stage(tmp_path, redis_url, extra=extra, agents=ROWS, crms={"rival": "webhook"}) as ready:
        ready.systems["main"].seat("SIPLior1", "SIPDesk", "SIPNameless", "SIPNobody", "SIPRival")
        yield ready


def ring(stage: Stage, *extensions: str) -> str:
    """A customer's call rings on all of these."""
    return stage.phone.incoming([AT_DANAS, *extensions], Caller(CALLER, name="Ruth"), datetime.now(UTC), "")


async def ended(opened: Page) -> Any:
    """The event that ends the card."""

    async def there() -> Any:
        return next((each for each in opened.of("call") if each["state"] == "ended"), None)

    return await until(there)


async def after_answer(stage: Stage, extension: str) -> Any:
    """What Dana's card is told when her ringing call is answered there."""
    ivrid = ring(stage, extension)
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        await clicked(stage)
        await opened.until("popup")
        stage.phone.answer(ivrid, extension, datetime.now(UTC))
        return await ended(opened)


async def test_of_three_who_are_called_two_learn_who_answered(stage: Stage) -> None:
    ivrid = ring(stage, "SIPOmer1", "SIPLior1")
    async with AsyncExitStack() as stack:
        dana, omer, lior = [
            await stack.enter_async_context(page(stage, await stage.token(Role.AGENT, agent)))
            for agent in (DANA, OMER, LIOR)
        ]
        for agent in (DANA, OMER, LIOR):
            await clicked(stage, agent)
        stage.phone.answer(ivrid, "SIPLior1", datetime.now(UTC))
        for opened in (dana, omer):
            over = await ended(opened)
            assert (over["answered_by"], over["why"]) == ("Lior Levi", "answered by Lior Levi")
        (now,) = await lior.until("call")
        assert (now["state"], now["answered_by"]) == ("talking", None)


async def test_a_page_that_is_opened_later_is_told_too(stage: Stage) -> None:
    await after_answer(stage, "SIPLior1")

    async def is_kept() -> Any:
        return [key async for key in stage.redis.scan_iter("popbridge:card:*", 10)]

    await until(is_kept)
    async with page(stage, await stage.token(Role.AGENT, DANA)) as again:
        assert (await ended(again))["answered_by"] == "Lior Levi"


@pytest.mark.parametrize(
    ("extension", "by"),
    [
        ("SIPLior1", "Lior Levi"),
        ("SIPOmer1", "עומר לוי"),
        ("SIPNameless", "nameless@acme.example"),
        ("SIPDesk", "SIPDesk"),  # two share it
        ("SIPNobody", "SIPNobody"),  # no row
    ],
)
async def test_who_answered_is_named_as_well_as_may_be(stage: Stage, extension: str, by: str) -> None:
    assert (await after_answer(stage, extension))["answered_by"] == by


async def test_another_crms_agent_is_not_named(stage: Stage) -> None:
    row = "rival,spy@rival.example,main,SIPRival,Secret Name\n"
    with (stage.folder / "agents.csv").open("a", encoding="utf-8") as file:
        file.write(row)

    async def is_read() -> bool:
        return stage.services.agents.directory().is_claimed_elsewhere("acme", ExtensionId("main", "SIPRival"))

    await until(is_read)
    over = await after_answer(stage, "SIPRival")
    assert (over["answered_by"], over["why"]) == ("", "answered elsewhere")


async def test_nobody_answers_and_the_call_just_ends(stage: Stage) -> None:
    ivrid = ring(stage, "SIPLior1")
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        await clicked(stage)
        await opened.until("popup")
        stage.phone.hang_up(ivrid)
        assert (await ended(opened))["answered_by"] is None


async def test_what_the_agent_hands_on_is_not_answered_elsewhere(stage: Stage) -> None:
    """Dana talked herself, then gave the call to Lior."""
    ivrid = ring(stage)
    stage.phone.answer(ivrid, AT_DANAS, datetime.now(UTC))
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        await clicked(stage)
        await opened.until("popup")
        stage.phone.transfer(ivrid, AT_DANAS, "SIPLior1", datetime.now(UTC))
        assert (await ended(opened))["answered_by"] is None


async def test_another_call_of_the_same_customer_is_not_this_one(stage: Stage) -> None:
    ivrid = ring(stage, "SIPLior1")
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        await clicked(stage)
        await opened.until("popup")
        stage.talk("SIPOmer1")
        stage.phone.hang_up(ivrid)
        assert (await ended(opened))["answered_by"] is None


async def test_it_still_rings_elsewhere_and_nobody_has_answered(stage: Stage) -> None:
    ivrid = ring(stage, "SIPLior1")
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        await clicked(stage)
        await opened.until("popup")
        stage.phone._remove(stage.phone.call(ivrid, AT_DANAS))
        assert (await ended(opened))["answered_by"] is None


async def test_who_answers_on_her_own_second_phone_goes_on(tmp_path: Path, redis_url: Secret) -> None:
    rows = (f"acme,{DANA},main,SIPDanaHome,Dana Cohen",)
    extra = {"POPBRIDGE_DESKTOP__REFRESH_SECONDS": "0.1"}
    async with open_stage(tmp_path, redis_url, extra=extra, agents=rows) as stage:
        stage.systems["main"].seat("SIPDanaHome")
        ivrid = ring(stage, "SIPDanaHome")
        async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
            await clicked(stage)
            await opened.until("popup")
            stage.phone.answer(ivrid, "SIPDanaHome", datetime.now(UTC) + timedelta(seconds=1))

            async def talks() -> Any:
                return next((each for each in opened.of("call") if each["state"] == "talking"), None)

            assert (await until(talks))["answered_by"] is None
