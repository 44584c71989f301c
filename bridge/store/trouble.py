"""What is wrong with Redis, in words, and the fix: each of its refusals has its own cause."""

import re
from dataclasses import dataclass

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    MaxConnectionsError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
)
from redis.sentinel import MasterNotFoundError

from bridge.core.reasons import Reason, reason, say
from bridge.observability.service_manager import starting

_RIGHTS = Reason("fix-redis-rights")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, and how it is fixed."""

    reason: Reason
    advice: Reason

    @property
    def what(self) -> str:
        """In English: goes on a sentence that begins with Redis or the store."""
        return say(self.reason)

    @property
    def fix(self) -> str:
        """In English."""
        return say(self.advice)


BY_WORD = {
    "MISCONF": Trouble(Reason("found-redis-cannot-save"), Reason("fix-redis-cannot-save")),
    "NOREPLICAS": Trouble(Reason("found-redis-no-replicas"), Reason("fix-redis-no-replicas")),
    "MASTERDOWN": Trouble(Reason("found-redis-no-primary"), Reason("fix-redis-no-primary")),
    "BUSY": Trouble(Reason("found-redis-busy"), Reason("fix-redis-busy")),
    "max number of clients": Trouble(Reason("found-redis-many-clients"), Reason("fix-redis-many-clients")),
    "OOM": Trouble(Reason("found-redis-memory"), Reason("fix-redis-memory")),
}
"""By a word in what Redis says; redis-py has a class for some of these, in some situations."""
BY_KIND: dict[type[Exception], Trouble] = {
    OutOfMemoryError: BY_WORD["OOM"],
    ReadOnlyError: Trouble(Reason("found-redis-replica"), Reason("fix-redis-replica")),
    AuthenticationError: Trouble(Reason("found-redis-login"), _RIGHTS),
    NoPermissionError: Trouble(Reason("found-redis-forbids"), _RIGHTS),
    BusyLoadingError: Trouble(Reason("found-redis-loading"), Reason("fix-redis-loading")),
    MasterNotFoundError: Trouble(Reason("found-redis-sentinel"), Reason("fix-redis-sentinel")),
    MaxConnectionsError: Trouble(Reason("found-redis-connections"), Reason("fix-redis-connections")),
    TimeoutError: Trouble(Reason("found-redis-slow"), Reason("fix-redis-slow")),
}


def of(error: BaseException) -> Trouble:
    """What this error of redis-py, or of the connection, means."""
    text = str(error)
    if isinstance(error, RedisError):
        for word, trouble in BY_WORD.items():
            if re.search(rf"(?<!\w){word}\b", text):  # in a transaction it stands behind the command
                return trouble
    for kind, trouble in BY_KIND.items():
        if isinstance(error, kind):
            return trouble
    if type(error).__name__ == "ResponseError":
        return Trouble(Reason("found-redis-refuses"), Reason("fix-redis-refuses"))
    start = starting("redis-server", Reason("fix-redis-start"))
    return Trouble(Reason("found-redis-away"), reason("fix-redis-away", start=start))


def place_in(error: BaseException) -> str:
    """Host and port, or the socket, that could not be reached; "" where the error does not say. No secret is in it."""
    found = re.search(r"connecting to (\S+?)\.?(?=\s|$)", str(error))
    return found[1] if found else ""
