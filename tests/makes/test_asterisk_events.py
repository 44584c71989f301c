"""Asterisk's events on AMI's own port: pictures as soon as something happens, the same as polling gives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.core.errors import PbxRefused, PbxUnreachable
from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.pbx.asterisk.simulated_port import ManagerPort
from bridge.pbx.contract import Picture
from tests.stage import CALLER, DANA, DID, Stage, open_stage, simulated, until, working

pytestmark = pytest.mark.anyio
ASTERISK = simulated("asterisk", Secret("made-up-secret-of-asterisk"))


@asynccontextmanager
async def connected(folder: Path, redis_url: Secret, **changed: Any) -> AsyncIterator[tuple[Stage, ManagerPort]]:
    """A stage whose Asterisk is listened to on its own port."""
    async with open_stage(folder, redis_url, ASTERISK) as first:
        port = ManagerPort(first.pbx)
    async with port.open() as number:
        keys = {"events": "connect", "events_port": number}
        async with open_stage(folder, redis_url, ASTERISK, main_keys=keys, **changed) as stage:
            port.asterisk = stage.pbx
            yield stage, port


async def popups(stage: Stage) -> list[Any]:
    return [one.event["data"] for one in stage.crm.accepted() if one.event and one.event["type"] == "call.popup"]


async def test_a_call_pops_when_it_rings_long_before_the_next_poll(tmp_path: Path, redis_url: Secret) -> None:
    async with connected(tmp_path, redis_url, pops={DANA: "ringing"}) as (stage, _), working(stage):
        now = datetime.now(UTC)
        ivrid = stage.phone.incoming([stage.make.dana], Caller(CALLER), now, DID)
        (popup,) = await until(lambda: popups(stage))
        assert (popup["trigger"], popup["call"]["state"]) == ("ringing", "ringing")
        stage.phone.answer(ivrid, stage.make.dana, datetime.now(UTC))
        assert len(await popups(stage)) == 1


async def test_a_connection_that_breaks_is_made_again(tmp_path: Path, redis_url: Secret) -> None:
    async with connected(tmp_path, redis_url, pops={DANA: "ringing"}) as (stage, port), working(stage):

        async def is_in() -> Any:
            return port.writers

        await until(is_in)
        port.drop()
        await until(is_in)
        assert port.logins == 2
        now = datetime.now(UTC)
        stage.phone.incoming([stage.make.dana], Caller(CALLER), now, DID)
        await until(lambda: popups(stage))


async def test_who_is_refused_is_told_so(tmp_path: Path, redis_url: Secret) -> None:
    async with connected(tmp_path, redis_url) as (stage, _):
        stage.pbx.faults.refused = "login"
        system = stage.services.lookup.systems["main"]
        with pytest.raises(PbxRefused):
            async for _told in system.connection():
                pass


async def test_a_connection_tells_pictures_and_ends_with_a_failure(tmp_path: Path, redis_url: Secret) -> None:
    async with connected(tmp_path, redis_url) as (stage, port):
        told = stage.services.lookup.systems["main"].connection()
        first = await anext(told)
        assert isinstance(first, Picture)
        assert not any(first.listing.extensions.values())
        stage.talk()
        second = await anext(told)
        assert isinstance(second, Picture)
        polled = await stage.services.lookup.systems["main"].snapshot(None)
        assert second.listing.extensions == polled.extensions
        port.drop()
        with pytest.raises(PbxUnreachable):
            await anext(told)


async def test_pictures_put_together_from_changes_are_what_polling_gives(tmp_path: Path, redis_url: Secret) -> None:
    async with connected(tmp_path, redis_url) as (stage, _):
        system = stage.services.lookup.systems["main"]
        told = system.connection()
        await anext(told)
        first = stage.talk()

        async def same() -> bool:
            seen, polled = await anext(told), await system.snapshot(None)
            assert isinstance(seen, Picture)
            return seen.listing.extensions == polled.extensions

        assert await same()
        second = stage.talk(stage.make.omer, number="0522340002")
        assert await same()
        stage.phone.hang_up(first)
        assert await same()
        stage.phone.hang_up(second)
        assert await same()
        await told.aclose()  # type: ignore[attr-defined]
