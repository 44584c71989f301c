"""The life of a call that pops up by itself: what was played, and what the bridge's API says it delivered meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from bridge.core.delivery import DESKTOP
from bridge.core.errors import RequestFailed

Ask = Callable[[str], Awaitable[Mapping[str, Any]]]
"""The bridge's API, as a supervisor asks it."""
LOOK_SECONDS, AFTER_SECONDS = 0.4, 8.0
"""How often the API is asked, and for how long when the call is over."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: `what` is a code, `who` the agents, `at_ms` counts from the beginning."""

    what: str
    who: tuple[str, ...]
    at_ms: float


@dataclass(slots=True)
class Life:
    """The newest call that was played for two desks."""

    ask: Ask
    began_at: float = 0.0
    over_at: float | None = None
    played: list[Step] = field(default_factory=list)
    told: dict[str, Step] = field(default_factory=dict)
    """What was delivered, by delivery."""
    _agents: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """A new call: nothing has happened yet."""
        self.began_at, self.over_at = time.time(), None
        self.played, self.told, self._agents = [], {}, {}

    def happened(self, what: str, *who: str) -> None:
        """Something on the phones."""
        self.played.append(Step(what, who, self._since(time.time())))
        if what == "ended":
            self.over_at = time.time()

    def shown(self) -> list[dict[str, Any]]:
        """All steps in order, for the page."""
        steps = [*self.played, *self.told.values()]
        return [asdict(step) for step in sorted(steps, key=lambda step: step.at_ms)]

    async def follow(self) -> None:
        """Ask what was delivered, until the call has been over for a while."""
        while self.over_at is None or time.time() < self.over_at + AFTER_SECONDS:
            try:
                await self._look()
            except RequestFailed:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        listed = await self.ask("/api/deliveries?state=delivered&limit=30")
        for one in listed.get("items", []):
            ended = datetime.fromisoformat(one["ended_at"]).timestamp()
            created = datetime.fromisoformat(one["created_at"]).timestamp()
            if created < self.began_at or one["delivery_id"] in self.told:
                continue
            what = "card" if one["target"] == DESKTOP else f"crm.{one['event']}"
            who = await self._agent_of(one["popup_id"])
            self.told[one["delivery_id"]] = Step(what, (who,), self._since(ended))

    async def _agent_of(self, popup_id: str) -> str:
        if popup_id not in self._agents:
            popup = await self.ask(f"/api/popups/{popup_id}")
            self._agents[popup_id] = str(popup.get("agent", {}).get("name", ""))
        return self._agents[popup_id]

    def _since(self, at: float) -> float:
        return max(0.0, round((at - self.began_at) * 1000, 1))
