"""While a card is open its call's state follows the phone system."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Caller, ExtensionId
from bridge.store.desktop.stream import News
from bridge.store.tokens import Role
from tests.stage import CALLER, DANA, OMER, Stage, open_stage, until
from tests.web.desk import Page, acknowledge, clicked, page

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Cards are looked at ten times a second."""
    monkeypatch.setattr("bridge.web.desktop.watch.PAUSE_SECONDS", 0.02)
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_DESKTOP__REFRESH_SECONDS": "0.1"}) as ready:
        yield ready


async def told(opened: Page, **wanted: Any) -> Any:
    """The first `call` event like this."""

    async def there() -> Any:
        return next((each for each in opened.of("call") if wanted.items() <= each.items()), None)

    return await until(there)


async def rounds(stage: Stage, count: int = 3) -> None:
    """The phone system has been asked so many times more."""
    before = stage.systems["main"].asked

    async def asked() -> bool:
        return stage.systems["main"].asked >= before + count

    await until(asked)


async def resting(stage: Stage) -> None:
    """No card is followed any more."""

    async def rests() -> bool:
        return not stage.app.state.hub.carded.is_set()

    await until(rests)


async def test_the_card_follows_its_call_to_the_end(stage: Stage) -> None:
    ivrid = stage.talk()
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        popup = await clicked(stage)
        await opened.until("popup")
        await rounds(stage)
        assert opened.of("call") == [], "only changes are told"
        stage.phone.hold(ivrid, stage.make.dana)
        held = await told(opened, state="hold")
        assert (held["popup_id"], held["ivrid"], held["stale"]) == (popup["popup_id"], ivrid, False)
        assert held["call"] == {**popup["call"], "state": "hold"}
        assert held["why"] == "on hold now"
        assert held["asked_at"].endswith("Z")
        stage.phone.hang_up(ivrid)
        over = await told(opened, state="ended")
        assert (over["call"], over["other_calls"], over["stale"]) == (None, [], False)
        await resting(stage)
        assert [each["state"] for each in opened.of("call")] == ["hold", "ended"]


async def test_a_second_call_appears_beside_the_first(stage: Stage) -> None:
    stage.talk()
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        await clicked(stage)
        await opened.until("popup")
        now = datetime.now(UTC)
        other = stage.phone.incoming([stage.make.dana], Caller(CALLER, name="Second"), now, "")
        change = (await opened.until("call"))[0]
        assert (change["state"], [each["ivrid"] for each in change["other_calls"]]) == ("talking", [other])
        assert change["other_calls"][0]["caller"]["e164"] == "+972722776772", "labelled as in a popup"


async def test_a_phone_system_that_is_away_makes_the_card_stale_and_not_ended(stage: Stage) -> None:
    ivrid = stage.talk()
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        await clicked(stage)
        await opened.until("popup")
        stage.pbx.faults.down = "closed"
        stale = await told(opened, stale=True)
        assert (stale["state"], stale["call"]["ivrid"]) == ("talking", ivrid)
        assert "main" in stale["why"] or "phone system" in stale["why"]
        stage.pbx.faults.down = ""
        fresh = await told(opened, stale=False)
        assert fresh["state"] == "talking"
        assert len(opened.of("call")) == 2


async def test_nobody_is_asked_without_an_open_card(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    popup = await clicked(stage)
    async with page(stage, dana) as opened:
        await opened.until("popup")
        await rounds(stage, 2)
        assert await acknowledge(stage, dana, popup["popup_id"], "dismissed") == 204
        await opened.until("dismissed")
        await resting(stage)
        asked = stage.systems["main"].asked
        async with page(stage, dana), page(stage, await stage.token(Role.AGENT, OMER)):
            assert stage.systems["main"].asked == asked


async def test_many_extensions_are_asked_about_together(stage: Stage) -> None:
    """A few questions a round, whatever the number of open cards."""
    codes = [f"SIPDesk{number}" for number in range(12)]
    stage.systems["main"].seat(*codes)
    for code in codes:
        stage.talk(code)
    extensions, asked = [ExtensionId("main", code) for code in codes], stage.systems["main"].asked
    results = await stage.services.lookup.each([*extensions, ExtensionId("gone", "1")])
    assert {one: len(each.calls) for one, each in results.items()} == dict.fromkeys(extensions, 1)
    assert stage.systems["main"].asked - asked <= 4


async def test_a_page_that_comes_back_learns_how_its_call_is(stage: Stage) -> None:
    ivrid = stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    async with page(stage, dana) as opened:
        popup = await clicked(stage)
        await opened.until("popup")
        seen = opened.ids[-1]
        assert await acknowledge(stage, dana, popup["popup_id"], "shown") == 204
    stage.phone.hold(ivrid, stage.make.dana)
    async with page(stage, dana, after=seen) as opened:
        assert (await told(opened, state="hold"))["popup_id"] == popup["popup_id"]
        async with page(stage, dana, after=seen) as another:
            assert (await told(another, state="hold"))["popup_id"] == popup["popup_id"]
    stage.phone.hang_up(ivrid)
    async with page(stage, dana, after=seen) as opened:
        assert (await told(opened, state="ended"))["popup_id"] == popup["popup_id"]
    asked = stage.systems["main"].asked
    async with page(stage, dana, after=seen) as opened:
        assert (await told(opened, state="ended"))["popup_id"] == popup["popup_id"]
        assert opened.popups == []
    assert stage.systems["main"].asked == asked, "its end is remembered"


async def test_a_popup_that_cannot_be_read_keeps_no_other_card_from_being_followed(stage: Stage) -> None:
    dana, omer = await stage.token(Role.AGENT, DANA), await stage.token(Role.AGENT, OMER)
    hub = stage.app.state.hub
    async with page(stage, omer), page(stage, dana) as hers:
        hub.take(News("popup", '{"popup_id":"pop_1"}', f"popbridge:desktop:acme:{OMER}", popup_id="pop_1"))
        stage.talk()
        await clicked(stage)
        await hers.until("popup")
        stage.phone.clear(stage.make.dana)
        assert (await hers.until("call"))[-1]["state"] == "ended"


async def test_it_can_be_switched_off(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_DESKTOP__REFRESH_SECONDS": "0"}) as stage:
        ivrid = stage.talk()
        dana = await stage.token(Role.AGENT, DANA)
        async with page(stage, dana) as opened:
            await clicked(stage)
            await opened.until("popup")
            stage.phone.hang_up(ivrid)
            stage.talk()
            again = await clicked(stage)
            assert (await opened.until("popup", 2))[1] == again
            assert opened.of("call") == []
