"""RQ workers on the queue that are not popbridge's: they take jobs that they cannot run, which are then late."""

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.store import keys
from bridge.store.client import TextRedis
from bridge.store.jobs import QUEUE_WORKERS, worker_key

OURS = "popbridge-"
"""What our workers' names begin with."""
LONGEST = 64


@dataclass(frozen=True, slots=True)
class Foreigner:
    """A worker as it tells RQ of itself, which may be anything."""

    machine: str
    pid: str

    def __str__(self) -> str:
        return f"{self.machine} (pid {self.pid})"


async def workers(redis: TextRedis) -> list[Foreigner]:
    """Those that live, in a stable order."""
    names = {name for name in await redis.smembers(QUEUE_WORKERS) if OURS not in name}
    ours = await redis.hgetall(keys.WORKERS) if names else {}  # of versions whose names did not begin so
    found = [await redis.hmget(key, ["hostname", "pid"]) for key in sorted(names) if _name_in(key) not in ours]
    living = [(_plain(machine), _plain(pid)) for machine, pid in found if machine or pid]
    return [Foreigner(*one) for one in sorted(living)]


def _name_in(key: str) -> str:
    return key.removeprefix(worker_key(""))


def _plain(text: str | None) -> str:
    return "".join(one for one in text or "?" if one.isprintable())[:LONGEST]


def named(found: Iterable[Foreigner]) -> str:
    """A few of them, for a message."""
    every = list(map(str, found))
    return ", ".join(every[:3]) + (", …" if len(every) > 3 else "")
