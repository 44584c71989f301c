"""What each worker process says of itself, for those who ask elsewhere: `/metrics` and the doctor."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.core.json_codec import json_text
from bridge.store import keys
from bridge.store.client import TextRedis

SILENT_SECONDS, FORGOTTEN_SECONDS = 10.0, 600.0
"""A worker that has said nothing for so long is not counted, and for so long forgotten."""


@dataclass(frozen=True, slots=True)
class Said:
    """How many jobs a worker runs, the circuit of each target as it sees it, its machine, and by how many seconds that
    machine's clock is ahead of Redis'."""

    at: float
    in_flight: int
    circuits: Mapping[str, str]
    machine: str = ""
    ahead: float = 0.0


async def say(redis: TextRedis, name: str, said: Said) -> None:
    """Tell how this worker is."""
    await redis.hset(keys.WORKERS, mapping={name: json_text(said)})


async def goodbye(redis: TextRedis, name: str) -> None:
    """This worker ends in order: nobody shall take its silence for its death."""
    await redis.hdel(keys.WORKERS, name)


async def heard(redis: TextRedis, now: datetime) -> tuple[list[Said], list[Said]]:
    """What the workers that live said last, and those that fell silent. The words of those long dead are thrown away.

    Silent are those that were killed, hang or cannot reach Redis: a worker that ends in order says goodbye.
    """
    said = {name: Said(**json.loads(one)) for name, one in (await redis.hgetall(keys.WORKERS)).items()}
    silent = {name: now.timestamp() - one.at for name, one in said.items()}
    if gone := [name for name, seconds in silent.items() if seconds > FORGOTTEN_SECONDS]:
        await redis.hdel(keys.WORKERS, *gone)
    alive = [one for name, one in said.items() if silent[name] < SILENT_SECONDS]
    return alive, [one for name, one in said.items() if SILENT_SECONDS <= silent[name] <= FORGOTTEN_SECONDS]
