"""At most one popup for each call and agent, whether a click or an event of the phone system comes first."""

import asyncio
from dataclasses import dataclass

from bridge.core.model import Popup
from bridge.store import keys, leases
from bridge.store.calls import popups
from bridge.store.client import Batch, TextRedis

RUNNING = "running:"
LOOK_SECONDS = 0.025

# KEYS: one. ARGV: what it holds, what it is to hold, for how many milliseconds
REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One call (by its `identity`) of one agent."""

    agent: keys.Person
    pbx: str
    call: str

    @property
    def key(self) -> str:
        """Where it is kept which click made the popup."""
        return keys.popped(self.agent, self.pbx, self.call)


async def claim(redis: TextRedis, place: Place, click_id: str, hold_seconds: float) -> str | None:
    """Begin to make the popup (None), or the id of the popup that there is. Waits for whoever is making it now; a
    process that dies over it holds it no longer than `hold_seconds`."""
    mine = RUNNING + click_id
    while True:
        if await leases.take(redis, place.key, mine, hold_seconds):
            return None
        held = await redis.get(place.key)
        if held == mine:
            return None
        if held and not held.startswith(RUNNING):
            return held
        await asyncio.sleep(LOOK_SECONDS)


async def release(redis: TextRedis, place: Place, click_id: str) -> None:
    """Let others make it: this click made none."""
    await leases.release(redis, place.key, RUNNING + click_id)


async def take_over(redis: TextRedis, place: Place, click_id: str, popup_id: str, hold_seconds: float) -> bool:
    """Begin to make another popup in place of one that is of no use any longer; False: somebody else does."""
    return bool(await redis.eval(REPLACE, 1, place.key, popup_id, RUNNING + click_id, int(hold_seconds * 1000)))


def buffer_popped(pipe: Batch, place: Place, popup_id: str) -> None:
    """Buffer that the popup is made: the call goes on for the agent."""
    pipe.delete(keys.ended(place.key))
    pipe.set(place.key, popup_id, ex=keys.CALL_SECONDS)


async def popup_of(redis: TextRedis, place: Place) -> Popup | None:
    """The popup that this agent was shown for the call, while it is kept."""
    held = await redis.get(place.key)
    if not held or held.startswith(RUNNING):
        return None
    found = await popups.popup(redis, held)
    return found[0] if found else None
