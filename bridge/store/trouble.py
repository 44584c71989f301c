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

from bridge.observability.service_manager import starting

REFUSES_WRITES = "takes no writes"
_RIGHTS = "set the user and password in [redis] url to a Redis user with all rights; then restart popbridge"


@dataclass(frozen=True, slots=True)
class Trouble:
    """`what` goes on a sentence that begins with Redis or the store."""

    what: str
    fix: str


BY_WORD = {
    "MISCONF": Trouble(
        f"{REFUSES_WRITES}: it cannot write its files",
        "df -h: is its disk full? redis-cli INFO persistence shows what could not be written",
    ),
    "NOREPLICAS": Trouble(
        f"{REFUSES_WRITES}: fewer replicas are connected than min-replicas-to-write",
        "start the replicas; redis-cli INFO replication shows those that are connected",
    ),
    "MASTERDOWN": Trouble(
        "is a replica without its primary", "point [redis] url at the primary, or redis+sentinel://…"
    ),
    "BUSY": Trouble("is busy with somebody's script", "redis-cli SCRIPT KILL; find out whose script it is"),
    "max number of clients": Trouble(
        "takes no more connections", "raise maxclients: redis-cli CONFIG SET maxclients 10000; redis-cli CLIENT LIST"
    ),
    "OOM": Trouble(
        f"{REFUSES_WRITES}: its memory is full",
        "redis-cli CONFIG SET maxmemory 0 && redis-cli CONFIG REWRITE, or raise maxmemory",
    ),
}
"""By a word in what Redis says; redis-py has a class for some of these, in some situations."""
BY_KIND: dict[type[Exception], Trouble] = {
    OutOfMemoryError: BY_WORD["OOM"],
    ReadOnlyError: Trouble(
        f"{REFUSES_WRITES}: it is a replica",
        "point [redis] url at the primary, not at a replica; or use redis+sentinel://…",
    ),
    AuthenticationError: Trouble("refuses the user or password", _RIGHTS),
    NoPermissionError: Trouble("does not allow this user what popbridge needs", _RIGHTS),
    BusyLoadingError: Trouble("is loading its data", "wait; redis-cli INFO persistence tells how long"),
    MasterNotFoundError: Trouble("has no primary that a sentinel knows", "redis-cli -p 26379 SENTINEL MASTERS"),
    MaxConnectionsError: Trouble("has no connection left for this process", "start another popbridge serve"),
    TimeoutError: Trouble("does not answer in time", "redis-cli --latency; redis-cli SLOWLOG GET"),
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
        return Trouble("refuses what popbridge asks", "redis-cli INFO; see the log of Redis")
    start = starting("redis-server", "start it: redis-server")
    return Trouble("cannot be reached", f"{start}; if it is running, check its address in [redis] url")


def place_in(error: BaseException) -> str:
    """Host and port, or the socket, that could not be reached; "" where the error does not say. No secret is in it."""
    found = re.search(r"connecting to (\S+?)\.?(?=\s|$)", str(error))
    return found[1] if found else ""
