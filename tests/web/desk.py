"""An agent's desktop as tests see it: a page with an open stream, and what it asks of the server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bridge.delivery.deliver import deliver
from bridge.store.tokens import Role
from tests.stage import DANA, Stage, until


class Page:
    """A page with an open stream: the events that came so far."""

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []
        self.comments = 0
        self.over = False

    def of(self, name: str) -> list[Any]:
        """The data of every event of this name."""
        return [json.loads(event["data"]) for event in self.events if event.get("event") == name]

    @property
    def popups(self) -> list[Any]:
        return self.of("popup")

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events if "id" in event]

    async def read(self, response: httpx.Response) -> None:
        event: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if not line:
                self.events.append(event)
                event = {}
            elif name:
                event[name] = value
            else:
                self.comments += 1
        self.over = True

    async def until(self, name: str, wanted: int = 1) -> list[Any]:
        """The data of the events of this name, once there are so many."""

        async def there() -> list[Any]:
            return self.of(name) if len(self.of(name)) >= wanted else []

        return list(await until(there))

    async def until_over(self) -> None:
        """The server has ended the stream."""

        async def is_over() -> bool:
            return self.over

        await until(is_over)


@asynccontextmanager
async def page(stage: Stage, token: dict[str, str], after: str | None = None) -> AsyncIterator[Page]:
    """A page that has said hello."""
    headers = {**token, **({"Last-Event-ID": after} if after else {})}
    opened = Page()
    async with stage.http.stream("GET", f"{stage.bridge_url}/desktop/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        reading = asyncio.create_task(opened.read(response))
        try:
            await opened.until("hello")
            yield opened
        finally:
            reading.cancel()


async def clicked(stage: Stage, agent: str = DANA) -> Any:
    """A click whose deliveries are attempted at once, as a worker would; its popup."""
    popup = (await stage.click({"agent": agent})).json()["popup"]
    for delivery in await deliveries(stage, popup["popup_id"]):
        await deliver(delivery["delivery_id"], stage.services)
    return popup


async def deliveries(stage: Stage, popup_id: str) -> list[Any]:
    """The deliveries of a popup, those of notes to it too."""
    shown = await stage.get(f"/api/popups/{popup_id}", await stage.token(Role.SUPERVISOR))
    return list(shown.json()["deliveries"])


async def to_desktop(stage: Stage, popup_id: str) -> Any:
    """The delivery to the desktop."""
    return next(each for each in await deliveries(stage, popup_id) if each["target"] == "desktop")


async def ask(
    stage: Stage, method: str, path: str, token: dict[str, str], told: Any = None, **headers: str
) -> httpx.Response:
    """What a page asks."""
    url = f"{stage.bridge_url}/desktop/{path}"
    return await stage.http.request(method, url, json=told, headers={**token, **headers})


async def acknowledge(stage: Stage, token: dict[str, str], popup_id: str, event: str) -> int:
    """The status of the answer to `POST /desktop/ack`."""
    return (await ask(stage, "POST", "ack", token, {"popup_id": popup_id, "event": event})).status_code


def bearer(text: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {text}"}
