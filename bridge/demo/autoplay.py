"""Calls that happen by themselves while somebody is looking: with a popup of their own, or a click on the button."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle

from bridge.core.model import Pop
from bridge.demo.desks import Desks
from bridge.demo.life import Life
from bridge.demo.press import Button
from bridge.demo.scenes import Director

TEAM = "team"
"""The scene whose popups come without a click."""
SCENES = (TEAM, "customer", "two", "transfer", "withheld", "outgoing")
EVERY_SECONDS = 10.0
AFTER_ANSWER_SECONDS = 0.5


@dataclass(slots=True)
class Autoplay:
    """On until switched off; it rests while no page is open."""

    director: Director
    button: Button
    desks: Desks
    life: Life
    is_on: bool = True
    _watchers: int = 0
    _go: asyncio.Event = field(default_factory=asyncio.Event)
    _come: asyncio.Event = field(default_factory=asyncio.Event)
    _follows: set[asyncio.Task[None]] = field(default_factory=set)

    def switch(self, on: bool) -> None:
        """On or off."""
        self.is_on = on
        self._update()

    def watched(self, change: int) -> None:
        """One page more (1) or less (-1)."""
        self._watchers += change
        if change > 0:
            self._come.set()
        self._update()

    def _update(self) -> None:
        if self.is_on and self._watchers:
            self._go.set()
        else:
            self._go.clear()

    async def run(self) -> None:
        """Until cancelled."""
        for scene in cycle(SCENES):
            await self._go.wait()
            self._come.clear()
            started = asyncio.get_running_loop().time()
            if scene == TEAM:
                await self.play_team()
            else:
                await self._play_and_click(scene)
            await self._rest(started + EVERY_SECONDS)

    async def play_team(self) -> None:
        """A call for two desks, whose popups come by themselves."""
        await self.desks.choose(Pop.RINGING)
        self.life.begin()
        self._beside(asyncio.create_task(self.life.follow()))
        await self.director.play(TEAM)

    async def _play_and_click(self, scene: str) -> None:
        await self.desks.choose(Pop.BUTTON)
        await self.director.play(scene)
        await asyncio.sleep(AFTER_ANSWER_SECONDS)
        if self._go.is_set():
            await self.press_and_follow(by_itself=True)

    async def _rest(self, until: float) -> None:
        """Until that time of the loop, or until somebody opens the page: they shall not wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._come.wait()

    async def press_and_follow(self, by_itself: bool) -> None:
        """Press; the following goes on beside."""
        press = await self.button.press(by_itself)
        self._beside(asyncio.create_task(self.button.follow(press)))

    def _beside(self, following: "asyncio.Task[None]") -> None:
        self._follows.add(following)
        following.add_done_callback(self._follows.discard)

    def stop(self) -> None:
        """Nothing is followed any more."""
        for following in self._follows:
            following.cancel()
