"""The names of keys and channels in Redis: each begins with the installation's prefix, put on as a command leaves.

`keys` and RQ name keys as the installation of the default prefix has them, `popbridge:…` and `rq:…`. Under another
prefix P these are `P:…` and `P:rq:…`. So no code can forget it, and RQ needs no environment variable. A command whose
keys are not known here is refused, and so is a key outside both families: nothing gets past the prefix.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

DEFAULT = "popbridge"
OURS, RQ = f"{DEFAULT}:", "rq:"

FIRST = """
    DECR DECRBY DUMP EXPIRE EXPIREAT EXPIRETIME GET GETDEL GETEX GETRANGE GETSET HDEL HEXISTS HEXPIRE HGET
    HGETALL HGETDEL HGETEX HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HSCAN HSET HSETEX HSETNX HSTRLEN HVALS
    INCR INCRBY INCRBYFLOAT LINDEX LINSERT LLEN LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM PERSIST PEXPIRE
    PEXPIREAT PEXPIRETIME PSETEX PTTL PUBLISH RESTORE RPOP RPUSH RPUSHX SADD SCARD SET SETEX SETNX SETRANGE
    SISMEMBER SMEMBERS SMISMEMBER SPOP SRANDMEMBER SREM SSCAN STRLEN TTL TYPE XACK XADD XAUTOCLAIM XCLAIM XDEL
    XLEN XPENDING XRANGE XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZINCRBY ZLEXCOUNT ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER
    ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE
    ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE"""
"""Commands whose first argument is their only key, or channel."""
EVERY = "DEL EXISTS UNLINK TOUCH WATCH MGET SUNION SINTER SDIFF"
BOTH = "BLMOVE LMOVE SMOVE RENAME RENAMENX COPY"
NONE = "PING INFO CONFIG TIME ROLE WAIT CLIENT SCRIPT SHUTDOWN BGREWRITEAOF BGSAVE MULTI EXEC UNWATCH DISCARD"
SCRIPTS = ("EVAL", "EVALSHA")

Mapped = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Names:
    """How one installation's keys are called."""

    prefix: str = DEFAULT

    def of(self, key: Any) -> Any:
        """What `popbridge:…` or `rq:…` is called in Redis: text or bytes, as given."""
        if self.prefix == DEFAULT:
            return key
        if isinstance(key, bytes):
            return self._named(key.decode()).encode()
        return self._named(str(key))

    def _named(self, key: str) -> str:
        if key.startswith(OURS):
            return f"{self.prefix}:{key.removeprefix(OURS)}"
        if key.startswith(RQ):
            return f"{self.prefix}:{key}"
        raise ValueError(f"a key outside the installation: {key.partition(':')[0]}")

    @property
    def rq(self) -> str:
        """How RQ's own commands are called for this installation."""
        return "rq" if self.prefix == DEFAULT else f"RQ_KEY_PREFIX={self.prefix}:rq rq"

    def back(self, name: str) -> str:
        """What code calls a key of this installation that Redis lists."""
        if self.prefix == DEFAULT:
            return name
        rest = name.removeprefix(f"{self.prefix}:")
        return rest if rest.startswith(RQ) else OURS + rest

    def words(self, words: Sequence[Any]) -> Sequence[Any]:
        """A command, with its keys as they are called in Redis. Raises `ValueError` for one that is not known."""
        return words if self.prefix == DEFAULT else _mapped(words, self.of)


@cache
def places() -> Mapping[str, slice]:
    """Where the keys of each command are among its words."""
    tables = ((FIRST, slice(1, 2)), (EVERY, slice(1, None)), (BOTH, slice(1, 3)), (NONE, slice(0, 0)))
    return {name: place for table, place in tables for name in table.split()}


def _mapped(words: Sequence[Any], name: Mapped) -> list[Any]:
    """`words` with each key, and nothing else, through `name`."""
    command = str(words[0]).upper().partition(" ")[0]
    if command == "SCAN":
        return _scan(words, name)
    place = slice(3, 3 + int(words[2])) if command in SCRIPTS else places().get(command)
    if place is None:
        raise ValueError(f"the keys of {command} are not known: add it to bridge.store.names")
    named = list(words)
    named[place] = map(name, words[place])
    return named


def _scan(words: Sequence[Any], name: Mapped) -> list[Any]:
    """Only with a pattern: everything is more than this installation's."""
    at = [word if isinstance(word, str) else bytes(word).decode() for word in words[2::2]].index("MATCH") * 2 + 3
    return [name(word) if number == at else word for number, word in enumerate(words)]
