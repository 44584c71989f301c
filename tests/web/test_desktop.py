"""The event stream of an agent's desktop page."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from bridge.push import push
from bridge.store.tokens import Role
from tests.stage import DANA, OMER, Stage, until

pytestmark = pytest.mark.anyio


class Page:
    """A page with an open stream: the events that came so far."""

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []

    @property
    def popups(self) -> list[Any]:
        return [json.loads(event["data"]) for event in self.events if event.get("event") == "popup"]

    async def read(self, response: httpx.Response) -> None:
        event: dict[str, str] = {}
        async for line in response.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            else:
                self.events.append(event)
                event = {}


@asynccontextmanager
async def page(stage: Stage, token: dict[str, str], after: str | None = None) -> AsyncIterator[Page]:
    headers = {**token, **({"Last-Event-ID": after} if after else {})}
    opened = Page()
    async with stage.http.stream("GET", f"{stage.bridge_url}/desktop/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        reading = asyncio.create_task(opened.read(response))
        try:
            yield opened
        finally:
            reading.cancel()


async def press(stage: Stage, agent: str = DANA) -> Any:
    """A click whose deliveries are tried at once, as a worker would."""
    answer = (await stage.click({"agent": agent})).json()
    shown = await stage.get(f"/api/popups/{answer['popup']['popup_id']}", await stage.token(Role.SUPERVISOR))
    for delivery in shown.json()["deliveries"]:
        await push(delivery["delivery_id"], stage.kit)
    return answer["popup"]


async def test_a_popup_reaches_the_agents_page_and_nobody_elses(stage: Stage) -> None:
    stage.talk()
    dana, omer = await stage.token(Role.AGENT, DANA), await stage.token(Role.AGENT, OMER)
    async with page(stage, dana) as hers, page(stage, omer) as his:
        popup = await press(stage)
        await until(lambda: _count(hers, 1))
        assert hers.popups == [popup]
        stage.talk("SIPOmer1")
        other = await press(stage, OMER)
        await until(lambda: _count(his, 1))
        assert his.popups == [other]
        assert hers.popups == [popup]
        told = {"popup_id": popup["popup_id"], "event": "delivered"}
        assert (await stage.http.post(f"{stage.bridge_url}/desktop/ack", json=told, headers=dana)).status_code == 204

    async def ended() -> bool:
        shown = await stage.get(f"/api/popups/{popup['popup_id']}", dana)
        return {each["target"]: each["state"] for each in shown.json()["deliveries"]}["desktop"] == "delivered"

    await until(ended)


async def _count(opened: Page, wanted: int) -> bool:
    return len(opened.popups) >= wanted


async def test_a_page_catches_up_after_the_last_event_it_saw(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    popups = [await press(stage) for _ in range(3)]
    async with page(stage, dana) as first:
        await until(lambda: _count(first, 3))
        assert first.popups == popups
        seen = [event["id"] for event in first.events if event.get("event") == "popup"]
    async with page(stage, dana, after=seen[0]) as second:
        await until(lambda: _count(second, 2))
        assert second.popups == popups[1:]


async def test_a_stopping_server_says_goodbye(stage: Stage) -> None:
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:

        async def began() -> bool:
            return bool(opened.events)

        await until(began)
        stage.app.state.leaving.set()

        async def bye() -> bool:
            return any(event.get("event") == "bye" for event in opened.events)

        await until(bye)


async def test_an_odd_last_event_id_is_no_error(stage: Stage) -> None:
    for odd in ("-5", "5", "x", "9" * 40 + "-1"):
        async with page(stage, await stage.token(Role.AGENT, DANA), after=odd) as opened:

            async def began(seen: Page = opened) -> bool:
                return bool(seen.events)

            await until(began)
