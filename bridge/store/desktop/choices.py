"""Which of several calls an agent chose on the desktop page."""

from bridge.store import keys
from bridge.store.client import TextRedis


async def save(redis: TextRedis, agent: keys.Person, ivrid: str) -> None:
    """Remember the chosen call for as long as a call may last."""
    await redis.set(keys.choice(agent), ivrid, ex=keys.CALL_SECONDS)


async def load(redis: TextRedis, agent: keys.Person) -> str | None:
    """The ivrid of the call that the agent chose last."""
    return await redis.get(keys.choice(agent))
