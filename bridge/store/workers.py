"""What each worker process says of itself, for those who ask elsewhere: `/metrics` and the doctor."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.shapes import json_text
from bridge.store import keys
from bridge.store.connection import TextRedis

SILENT_SECONDS, FORGOTTEN_SECONDS = 10.0, 600.0
"""A worker that has said nothing for so long is not counted, and for so long forgotten."""


@dataclass(frozen=True, slots=True)
class Said:
    """How many jobs a worker runs, and the circuit of each target as it sees it."""

    at: float
    in_flight: int
    circuits: Mapping[str, str]


async def say(redis: TextRedis, name: str, said: Said) -> None:
    """Tell how this worker is."""
    await redis.hset(keys.WORKERS, mapping={name: json_text(said)})


async def alive(redis: TextRedis, now: datetime) -> list[Said]:
    """What the workers that live said last. The words of those long dead are thrown away."""
    said = {name: Said(**json.loads(one)) for name, one in (await redis.hgetall(keys.WORKERS)).items()}
    silent = {name: now.timestamp() - one.at for name, one in said.items()}
    if gone := [name for name, seconds in silent.items() if seconds > FORGOTTEN_SECONDS]:
        await redis.hdel(keys.WORKERS, *gone)
    return [one for name, one in said.items() if silent[name] < SILENT_SECONDS]
