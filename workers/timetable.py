"""When upkeep jobs are queued: seldom when there is nothing to do, never twice at a time however many workers run."""

import logging
import threading
import time
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from bridge.store import keys
from bridge.store.connection import Batch
from bridge.store.jobs import ARCHIVE, SWEEP, Jobs

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
SWEEP_TURN_MS, ARCHIVE_TURN_MS = 400, 1000


class Timetable(threading.Thread):
    """Looks a few times a second whether upkeep is due, beside the jobs that the worker runs."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(name="timetable", daemon=True)
        self._redis, self._jobs = redis, Jobs(redis)
        self._over = threading.Event()

    def run(self) -> None:
        """Look until stopped; a Redis that is away is looked for again."""
        while not self._over.wait(LOOK_SECONDS):
            try:
                self._look()
            except (RedisError, OSError) as error:
                log.warning("the timetable waits for redis: %s", type(error).__name__)

    def stop(self) -> None:
        """End after the look that is on its way."""
        self._over.set()
        self.join()

    def _look(self) -> None:
        if self._redis.zcount(keys.DUE, "-inf", int(time.time() * 1000)):
            self._queue(SWEEP, SWEEP_TURN_MS)
        if self._redis.xlen(keys.AUDIT):
            self._queue(ARCHIVE, ARCHIVE_TURN_MS)

    def _queue(self, job: str, turn_ms: int) -> None:
        if self._redis.set(keys.turn(job), "1", nx=True, px=turn_ms):
            with self._redis.pipeline() as pipe:
                self._jobs.add(cast(Batch, cast(Any, pipe)), job)
                pipe.execute()
