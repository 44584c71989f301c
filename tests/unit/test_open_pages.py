"""What one open page is told: at once where its reader keeps up, by a task where not, and in its order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bridge.store.grants import Grant, Role
from bridge.web.desktop.open_pages import Page

GRANT = Grant("tok_1", Role.AGENT, "acme", "dana", "2026-11-22T10:00:00Z", "2030-01-01T00:00:00Z")


class Wire:
    """A connection whose reader can be held up, or be gone."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.behind, self.is_gone = False, False
        self.caught_up = asyncio.Event()

    async def send(self, message: Any) -> None:
        if self.is_gone:
            raise RuntimeError("nobody reads")
        if self.behind:
            await self.caught_up.wait()
        self.read.append(message["body"])

    def is_behind(self) -> bool:
        return self.behind


Told = Callable[[Page, Wire], Awaitable[None]]


@pytest.fixture
def told() -> Callable[[Told], None]:
    def run(scene: Told) -> None:
        async def main() -> None:
            wire = Wire()
            page = Page(GRANT, wire.send, (0, 0), wire.is_behind)
            page.go_live((1, 0))
            await scene(page, wire)

        asyncio.run(main())

    return run


def test_a_reader_who_keeps_up_is_told_at_once(told: Callable[[Told], None]) -> None:
    async def scene(page: Page, wire: Wire) -> None:
        page.tell(b"one", (2, 0))
        page.tell(b"beat")
        assert wire.read == [b"one", b"beat"]
        assert page.seen == (2, 0)

    told(scene)


def test_what_was_sent_before_is_not_sent_again(told: Callable[[Told], None]) -> None:
    async def scene(page: Page, wire: Wire) -> None:
        for entry in ((1, 0), (2, 0), (2, 0)):
            page.tell(str(entry[0]).encode(), entry)
        assert wire.read == [b"2"]

    told(scene)


def test_a_reader_who_is_behind_gets_all_of_it_in_order(told: Callable[[Told], None]) -> None:
    async def scene(page: Page, wire: Wire) -> None:
        wire.behind = True
        page.tell(b"one", (2, 0))
        await asyncio.sleep(0)
        page.tell(b"two", (3, 0))
        wire.behind = False  # the first is still on its way: the third must not overtake it
        page.tell(b"three", (4, 0))
        assert wire.read == []
        wire.caught_up.set()
        async with asyncio.timeout(5):
            while len(b"".join(wire.read)) < len(b"onetwothree"):
                await asyncio.sleep(0)
        assert b"".join(wire.read) == b"onetwothree"

    told(scene)


def test_a_server_that_waits_all_the_same_loses_nothing(told: Callable[[Told], None]) -> None:
    async def scene(page: Page, wire: Wire) -> None:
        page._is_behind = lambda: False
        wire.behind = True
        page.tell(b"one", (2, 0))
        wire.behind = False
        wire.caught_up.set()
        async with asyncio.timeout(5):
            while not wire.read:
                await asyncio.sleep(0)
        assert wire.read == [b"one"]

    told(scene)


def test_a_connection_that_fails_hurts_nobody_else(told: Callable[[Told], None]) -> None:
    async def scene(page: Page, wire: Wire) -> None:
        wire.is_gone = True
        page.tell(b"one", (2, 0))
        assert page._sending is not None
        with pytest.raises(RuntimeError):
            await page._sending

    told(scene)
