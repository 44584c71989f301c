"""What happens on the phones: each scene is a little story on the switchboard that ends with Dana on a call."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import ClassVar

from bridge.core.model import Caller
from bridge.demo.cast import CUSTOMERS, DANA, NOA, OMER, PLAYERS, SALES, SUPPORT, WITHHELD, Customer, Player
from bridge.pbx.switchboard import NotPossible, Switchboard

RING_SECONDS, TALK_SECONDS = 1.2, 1.0
SEEN_SECONDS, LEFT_SECONDS = 4.0, 6.5
"""How long a popup is there before something else happens, so that people see it; and until a card that was answered
elsewhere has left."""


def _now() -> datetime:
    return datetime.now(UTC)


def _nobody(what: str, *names: str) -> None:
    """Nobody hears."""


def new_switchboard(extension: Callable[[Player], str]) -> Switchboard:
    """The agents' phones, all quiet, called as `extension` has it."""
    return Switchboard(player.desk(extension(player)) for player in PLAYERS)


@dataclass(slots=True)
class Director:
    """Plays one scene at a time; a new one ends the one before and every call of it."""

    board: Switchboard
    extension: Callable[[Player], str]
    now: Callable[[], datetime] = _now
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    seen_seconds: float = SEEN_SECONDS
    told: Callable[..., None] = _nobody
    """Hears what happens in the scene `team`: a code, then the names of the agents."""
    _customers: Iterator[Customer] = field(default_factory=lambda: cycle(CUSTOMERS))
    _playing: asyncio.Task[None] | None = None

    async def play(self, name: str) -> None:
        """The scene called `name`, to its end or to the beginning of the next one. Raises `KeyError`."""
        scene = self.SCENES[name]
        self.stop()
        for player in PLAYERS:
            self.board.clear(self.extension(player))
        playing = self._playing = asyncio.create_task(self._guarded(scene))
        await asyncio.wait([playing])
        if not playing.cancelled():
            playing.result()

    def stop(self) -> None:
        """Whatever is being played ends where it is."""
        if self._playing is not None:
            self._playing.cancel()

    async def _guarded(self, scene: "Scene") -> None:
        try:
            await scene(self)
        except NotPossible:
            return  # somebody hung up in the middle of it

    async def customer(self) -> None:
        """A customer calls the sales line: three phones ring, Dana takes it."""
        await self._rings(next(self._customers).caller(), SALES, (DANA, OMER, NOA))

    async def withheld(self) -> None:
        """Somebody who hides their number calls Dana."""
        await self._rings(WITHHELD, SUPPORT, (DANA,))

    async def outgoing(self) -> None:
        """Dana calls a customer."""
        ivrid = self.board.outgoing(self.extension(DANA), next(self._customers).caller(), self.now())
        await self.pause(RING_SECONDS)
        self.board.callee_answers(ivrid, self.now())

    async def transfer(self) -> None:
        """Omer talks to a customer and sends them on to Dana."""
        caller, omer, dana = next(self._customers).caller(), self.extension(OMER), self.extension(DANA)
        first = self.board.incoming([omer], caller, self.now(), SUPPORT, {"Topic": "delivery"})
        self.board.answer(first, omer, self.now())
        await self.pause(TALK_SECONDS)
        second = self.board.transfer(first, omer, dana, self.now())
        await self.pause(RING_SECONDS)
        self.board.answer(second, dana, self.now())

    async def team(self) -> None:
        """A customer's call rings on two desks; Omer answers, passes it on to Dana, and it ends."""
        caller, omer, dana = next(self._customers).caller(), self.extension(OMER), self.extension(DANA)
        first = self.board.incoming([dana, omer], caller, self.now(), SUPPORT)
        self.told("rings", DANA.name, OMER.name)
        await self.pause(self.seen_seconds)
        self.board.answer(first, omer, self.now())
        self.told("answers", OMER.name)
        await self.pause(max(LEFT_SECONDS, self.seen_seconds))
        second = self.board.transfer(first, omer, dana, self.now())
        self.told("transfers", OMER.name, DANA.name)
        await self.pause(self.seen_seconds)
        self.board.answer(second, dana, self.now())
        self.told("answers", DANA.name)
        await self.pause(self.seen_seconds)
        self.board.hang_up(second)
        self.told("ended", DANA.name)

    async def two(self) -> None:
        """Dana lets one customer wait to talk to another."""
        first = await self._rings(next(self._customers).caller(), SALES, (DANA,))
        await self.pause(TALK_SECONDS)
        self.board.hold(first, self.extension(DANA))
        await self._rings(next(self._customers).caller(), SUPPORT, (DANA,))

    async def hang_up(self) -> None:
        """Everybody hangs up: nobody is on the phone."""

    async def _rings(self, caller: Caller, did: str, players: tuple[Player, ...]) -> str:
        """A call comes in and Dana takes it; its id."""
        ivrid = self.board.incoming(map(self.extension, players), caller, self.now(), did)
        await self.pause(RING_SECONDS)
        self.board.answer(ivrid, self.extension(DANA), self.now())
        return ivrid

    SCENES: ClassVar[dict[str, "Scene"]] = {
        "team": team,
        "customer": customer,
        "transfer": transfer,
        "two": two,
        "withheld": withheld,
        "outgoing": outgoing,
        "hang-up": hang_up,
    }


Scene = Callable[[Director], Awaitable[None]]
