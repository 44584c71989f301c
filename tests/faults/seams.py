"""The seams of a delivery's way, told by what passes on the line to Redis, and a gate that holds what reaches one."""

import asyncio
from contextlib import suppress
from enum import StrEnum

from bridge.store.deliveries.claims import CLAIM
from bridge.store.deliveries.results import RECORD
from bridge.store.scripts import name_of
from tests.faults.proxy import Passing
from workers.rq_registry import TAKE

NAMED = {TAKE: "take", CLAIM: "claim", RECORD: "record"}
SCRIPTS = {word.encode(): name for script, name in NAMED.items() for word in (script, name_of(script))}
REACH_SECONDS = 10.0
GATHER_SECONDS = 0.1


class Seam(StrEnum):
    """Where on its way a delivery is. Each seam is met once in each try."""

    AFTER_POP = "after the pop"
    BEFORE_CLAIM = "before the claim"
    AFTER_CLAIM = "after the claim"
    DURING_POST = "during the POST"
    BEFORE_RECORD = "after the POST, before recording"
    DURING_RECORD = "during recording"


CLAIMED = (Seam.AFTER_CLAIM, Seam.DURING_POST, Seam.BEFORE_RECORD, Seam.DURING_RECORD)
"""The seams at which a worker's claim keeps every other worker away."""


def script_of(passing: Passing) -> str | None:
    """Which of the scripts this is about, whether it is sent by its text or by its name."""
    return SCRIPTS.get(passing.script or b"")


def is_pop(passing: Passing) -> bool:
    """Whether this takes jobs from the queue."""
    return script_of(passing) == "take"


def is_write(passing: Passing) -> bool:
    """Whether this is a transaction or a script, other than one that takes jobs."""
    return (passing.name == b"EXEC" or passing.script is not None) and not is_pop(passing)


def seam_of(passing: Passing) -> Seam | None:
    """The seam at which the delivery behind this message is. "During the POST" is told by the CRM instead."""
    script = script_of(passing)
    if passing.is_unknown_script:
        return None  # asked again at once by its text
    if script == "take":
        return Seam.AFTER_POP if passing.found_something else None
    if script == "claim":
        if passing.reply is None:
            return Seam.BEFORE_CLAIM
        return Seam.AFTER_CLAIM if passing.found_something else None
    if script == "record":
        return Seam.BEFORE_RECORD if passing.reply is None else Seam.DURING_RECORD
    return None


class Gate:
    """Holds everything at one seam of the one worker that reaches it first, until it is opened."""

    def __init__(self, seam: Seam | None = None, skipped: int = 0) -> None:
        self.seam, self._skipped = seam, skipped
        self._opened, self._news = asyncio.Event(), asyncio.Event()
        self._passes = True
        self.worker: int | None = None
        self.held = 0

    async def reach(self, worker: int, seam: Seam | None) -> bool:
        """Called for everything that passes: whether it may go on, told once it may."""
        if seam is None or seam is not self.seam or self._opened.is_set() or self.worker not in (None, worker):
            return True
        if self._skipped > 0:
            self._skipped -= 1
            return True
        self.worker = worker
        self.held += 1
        self._news.set()
        await self._opened.wait()
        return self._passes

    async def gathered(self, wanted: int) -> int:
        """Wait until something is held, and a moment for more, up to `wanted`. The worker that is held."""
        async with asyncio.timeout(REACH_SECONDS):
            await self._more_than(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                await self._more_than(wanted - 1)
        assert self.worker is not None
        return self.worker

    async def _more_than(self, held: int) -> None:
        while self.held <= held:
            self._news.clear()
            await self._news.wait()

    def open(self, passes: bool = True) -> None:
        """Let what is held go on, or break its connections. Only the first time counts."""
        if not self._opened.is_set():
            self._passes = passes
            self._opened.set()
