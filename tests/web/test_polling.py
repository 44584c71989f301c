"""Pages that ask for their events, where a network lets no stream through: the same events, rights and replay."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from bridge.store import tokens
from bridge.store.desktop import stream
from bridge.store.tokens import Role
from bridge.web.desktop import open_pages
from tests.stage import DANA, OMER, Stage, until
from tests.web.desk import Page, acknowledge, ask, bearer, clicked, page

pytestmark = pytest.mark.anyio


class Polling(Page):
    """A page that asks. It reads an answer as it would read the stream."""

    def __init__(self, stage: Stage, token: dict[str, str], name: str = "a") -> None:
        super().__init__()
        self._stage, self._token, self._name = stage, token, name

    async def ask(self) -> str:
        """Once; the answer's text."""
        headers = {"Last-Event-ID": self.ids[-1]} if self.ids else {}
        answer = await ask(self._stage, "GET", f"poll?page={self._name}", self._token, **headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert int(answer.headers["content-length"]) == len(answer.content), "complete at once: no proxy waits"
        await self.read(answer)
        self.over = False
        return answer.text

    async def ask_until(self, name: str, wanted: int = 1) -> list[Any]:
        async def there() -> list[Any]:
            await self.ask()
            return self.of(name) if len(self.of(name)) >= wanted else []

        return list(await until(there))


async def is_waiting(stage: Stage) -> bool:
    """Whether a question waits for its answer."""
    return any(box._came._waiters for box in stage.app.state.mailboxes._boxes.values())


@pytest.fixture
async def dana(stage: Stage) -> dict[str, str]:
    stage.talk()
    return await stage.token(Role.AGENT, DANA)


async def test_the_first_answer_says_hello_and_what_was_missed(stage: Stage, dana: dict[str, str]) -> None:
    popups = [await clicked(stage) for _ in range(2)]
    asking = Polling(stage, dana)
    await asking.ask()
    assert asking.of("hello")[0]["agent"]["crm_user"] == DANA
    assert asking.popups == popups


async def test_what_comes_meanwhile_is_answered_at_once_and_once(stage: Stage, dana: dict[str, str]) -> None:
    asking = Polling(stage, dana)
    await asking.ask()
    waiting = asyncio.create_task(asking.ask())
    popup = await clicked(stage)
    async with asyncio.timeout(1.5):
        await waiting
    assert asking.popups == [popup]
    also = await clicked(stage)
    assert await asking.ask_until("popup", 2) == [popup, also]


async def test_nothing_new_is_an_empty_answer_after_two_seconds(
    stage: Stage, dana: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Polling(stage, dana)
    await asking.ask()
    before = asyncio.get_running_loop().time()
    assert await asking.ask() == ""
    assert 1.5 < asyncio.get_running_loop().time() - before < 4


async def test_an_answer_that_got_lost_is_sent_again_to_who_asks_anew(stage: Stage, dana: dict[str, str]) -> None:
    asking = Polling(stage, dana)
    await asking.ask()
    popup = await clicked(stage)
    await ask(stage, "GET", "poll?page=a", dana)  # nobody has read it
    again = Polling(stage, dana, "b")
    await again.ask()
    assert again.popups == [popup]


async def test_another_process_answers_from_where_the_page_is(stage: Stage, dana: dict[str, str]) -> None:
    popups = [await clicked(stage) for _ in range(2)]
    asking = Polling(stage, dana)
    await asking.ask()
    stage.app.state.mailboxes._boxes.clear()
    popups.append(await clicked(stage))
    assert await asking.ask_until("popup", 3) == popups


async def test_two_pages_of_one_token_get_everything_each(stage: Stage, dana: dict[str, str]) -> None:
    one, other = Polling(stage, dana, "a"), Polling(stage, dana, "b")
    await asyncio.gather(one.ask(), other.ask())
    popup = await clicked(stage)
    assert await one.ask_until("popup") == await other.ask_until("popup") == [popup]


async def test_the_same_question_twice_at_the_same_time_loses_nothing(stage: Stage, dana: dict[str, str]) -> None:
    asking = Polling(stage, dana)
    await asyncio.gather(asking.ask(), asking.ask())
    popup = await clicked(stage)
    assert popup in await asking.ask_until("popup")


async def test_how_the_call_stands_is_told_too(stage: Stage, dana: dict[str, str]) -> None:
    asking = Polling(stage, dana)
    await asking.ask()
    popup = await clicked(stage)
    await asking.ask_until("popup")
    stage.phone.hang_up(popup["call"]["ivrid"])
    assert (await asking.ask_until("call"))[-1]["state"] == "ended"


async def test_dismissed_and_preferences_reach_a_page_that_asks(stage: Stage, dana: dict[str, str]) -> None:
    asking = Polling(stage, dana)
    await asking.ask()
    popup = await clicked(stage)
    assert await acknowledge(stage, dana, popup["popup_id"], "dismissed") == 204
    await ask(stage, "PUT", "preferences", dana, {"theme": "dark"})
    assert await asking.ask_until("dismissed") == [{"popup_id": popup["popup_id"]}]
    assert (await asking.ask_until("preferences"))[0]["theme"] == "dark"


async def test_it_shows_nobody_elses_and_needs_an_agents_token(stage: Stage, dana: dict[str, str]) -> None:
    asking = Polling(stage, dana)
    await asking.ask()
    stage.talk("SIPOmer1")
    await clicked(stage, OMER)
    await asking.ask()
    assert asking.popups == []
    for token in ({}, bearer("sk_no"), await stage.token(Role.SUPERVISOR), await stage.token(Role.ADMIN)):
        refused = await ask(stage, "GET", "poll?page=a", token)
        assert (refused.status_code, refused.json()["reason"]) == (401, "bad-token")


async def test_a_revoked_token_is_told_so(stage: Stage, dana: dict[str, str]) -> None:
    asking = Polling(stage, dana)
    await asking.ask()
    waiting = asyncio.create_task(asking.ask())
    token_id = dana["Authorization"].split("_")[1]
    await until(lambda: is_waiting(stage))
    await tokens.revoke(stage.redis, token_id)
    await waiting
    assert asking.of("signed-out") == [{"reason": "revoked"}]
    assert (await ask(stage, "GET", "poll?page=a", dana)).status_code == 401


async def test_a_page_that_asks_no_more_is_forgotten(
    stage: Stage, dana: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.web.desktop.hub.BEAT_SECONDS", 0.01)
    await Polling(stage, dana).ask()

    async def forgotten() -> bool:
        return not stage.app.state.hub.open_pages and not stage.app.state.mailboxes._boxes

    await until(forgotten)


async def test_a_page_that_is_too_far_behind_catches_up(stage: Stage, dana: dict[str, str]) -> None:
    asking = Polling(stage, dana)
    await asking.ask()
    popup = await clicked(stage)
    (desk,) = stage.app.state.hub.desks
    for _ in range(open_pages.QUEUE + 1):
        desk.tell(open_pages.event("large", "x"))
    assert not stage.app.state.hub.open_pages
    assert await asking.ask_until("popup") == [popup]


async def test_a_stopping_server_says_goodbye_to_who_is_asking(stage: Stage, dana: dict[str, str]) -> None:
    asking = Polling(stage, dana)
    await asking.ask()
    waiting = asyncio.create_task(asking.ask())
    await until(lambda: is_waiting(stage))
    stage.app.state.leaving.set()
    await waiting
    assert asking.of("bye") == [{}]


@pytest.mark.parametrize("odd", ["x" * 65, "%00" * 65, "א" * 65])
async def test_an_endless_name_is_refused(stage: Stage, dana: dict[str, str], odd: str) -> None:
    assert (await ask(stage, "GET", f"poll?page={odd}", dana)).status_code == 400


@pytest.mark.parametrize("name", ["", "a/b", "%0a", "%F0%9F%98%80", "a&page=b"])
async def test_any_short_name_will_do(stage: Stage, dana: dict[str, str], name: str) -> None:
    asking = Polling(stage, dana, name)
    await asking.ask()
    popup = await clicked(stage)
    assert await asking.ask_until("popup") == [popup]


async def test_redis_away_is_a_503_and_leaves_no_place_taken(
    stage: Stage, dana: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise RedisConnectionError

    monkeypatch.setattr(stream, "replay", away)
    refused = await ask(stage, "GET", "poll?page=a", dana)
    assert (refused.status_code, refused.json()["reason"]) == (503, "unavailable")
    assert stage.app.state.seats._agents == {}
    assert not stage.app.state.hub.open_pages
    async with page(stage, await stage.token(Role.AGENT, OMER)):
        pass
