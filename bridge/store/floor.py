"""What is kept of phone systems for the live page: what they answer while somebody looks, and whose pages are open.

A listener's picture is `listeners`'. Here is what one web process asks for all who look: pictures of phone systems that
nobody listens to, and queues, which none of them reports by itself.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bridge.store import keys, leases
from bridge.store.client import TextRedis

KEPT_SECONDS = 60
PRESENT_SECONDS = 15
ASKED, QUEUES = "asked", "queues"


@dataclass(frozen=True, slots=True)
class Kept:
    """The texts that are kept of one phone system; None: not known."""

    picture: str | None
    listening: str | None
    asked: str | None
    queues: str | None


async def may_ask(redis: TextRedis, pbx: str, who: str, seconds: float) -> bool:
    """Whether `who` is the one who asks this phone system for all who look, for `seconds` from now."""
    return await leases.hold(redis, keys.floor_asker(pbx), who, seconds)


async def save(redis: TextRedis, pbx: str, what: str, text: str) -> None:
    """Keep an answer, `ASKED` or `QUEUES`."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(keys.floor(pbx), mapping={what: text})
        pipe.expire(keys.floor(pbx), KEPT_SECONDS)
        pipe.incr(keys.floor_turn(pbx))
        pipe.expire(keys.floor_turn(pbx), keys.CALL_SECONDS)
        await pipe.execute()


async def turns(redis: TextRedis, names: Collection[str]) -> dict[str, str]:
    """For each phone system a text that changes with what is kept of it."""
    async with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.get(keys.floor_turn(name))
        found = await pipe.execute()
    return {name: turn or "" for name, turn in zip(names, found, strict=True)}


async def load(redis: TextRedis, names: Collection[str]) -> dict[str, Kept]:
    """All that is kept of these phone systems."""
    async with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.get(keys.picture(name))
            pipe.get(keys.listening(name))
            pipe.hmget(keys.floor(name), [ASKED, QUEUES])
        found = await pipe.execute()
    return {
        name: Kept(found[3 * place], found[3 * place + 1], *found[3 * place + 2]) for place, name in enumerate(names)
    }


async def look(redis: TextRedis) -> None:
    """Somebody looks: whose pages are open is wanted for a while."""
    await redis.set(keys.FLOOR_WATCHED, "1", ex=PRESENT_SECONDS)


async def is_watched(redis: TextRedis) -> bool:
    """Whether somebody looks, in whatever process."""
    return bool(await redis.get(keys.FLOOR_WATCHED))


async def be_present(redis: TextRedis, who: str, agents: Iterable[str], now: float) -> None:
    """Tell which agents have a page open in this process."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(keys.FLOOR_PAGES, mapping={who: json.dumps({"at": now, "agents": sorted(agents)})})
        pipe.expire(keys.FLOOR_PAGES, KEPT_SECONDS)
        await pipe.execute()


async def present(redis: TextRedis, now: float) -> frozenset[str]:
    """The agents who have a page open, by the names of their streams (`keys.desktop`)."""
    told = await redis.hgetall(keys.FLOOR_PAGES)
    found = {who: json.loads(text) for who, text in told.items()}
    if gone := [who for who, one in found.items() if one["at"] < now - PRESENT_SECONDS]:
        await redis.hdel(keys.FLOOR_PAGES, *gone)
    return frozenset(name for who, one in found.items() if who not in gone for name in one["agents"])
