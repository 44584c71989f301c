"""The status of each worker process, for `/metrics` and the doctor."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.core.json_codec import json_text
from bridge.store import keys
from bridge.store.client import TextRedis

SILENT_SECONDS, FORGOTTEN_SECONDS = 10.0, 600.0
"""A worker silent for the first is not counted as alive; one silent for the second is removed."""


@dataclass(frozen=True, slots=True)
class Status:
    """How many jobs a worker runs, the circuit of each target as it sees it, its machine, and by how many seconds that
    machine's clock is ahead of Redis'."""

    at: float
    in_flight: int
    circuits: Mapping[str, str]
    machine: str = ""
    ahead: float = 0.0


async def report(redis: TextRedis, name: str, status: Status) -> None:
    """Store this worker's status."""
    await redis.hset(keys.WORKERS, mapping={name: json_text(status)})


async def remove(redis: TextRedis, name: str) -> None:
    """Remove a worker that ends normally: its silence must not be taken for a crash."""
    await redis.hdel(keys.WORKERS, name)


async def statuses(redis: TextRedis, now: datetime) -> tuple[list[Status], list[Status]]:
    """The last status of the living workers, and of the silent ones. Those silent for long are removed.

    Silent workers were killed, hang or cannot connect to Redis: a worker that ends normally removes its status.
    """
    known = {name: Status(**json.loads(one)) for name, one in (await redis.hgetall(keys.WORKERS)).items()}
    silent = {name: now.timestamp() - one.at for name, one in known.items()}
    if gone := [name for name, seconds in silent.items() if seconds > FORGOTTEN_SECONDS]:
        await redis.hdel(keys.WORKERS, *gone)
    alive = [one for name, one in known.items() if silent[name] < SILENT_SECONDS]
    return alive, [one for name, one in known.items() if SILENT_SECONDS <= silent[name] <= FORGOTTEN_SECONDS]
