"""Everything that Redis holds, as text: to look for what must not be in it."""

import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis import Redis

from bridge.core.http_types import Secret


def everything_in(url: Secret) -> str:
    """All keys and all they hold; what RQ has compressed, too."""
    parts: list[bytes] = []
    with Redis.from_url(url.reveal()) as direct:
        readers: dict[bytes, Callable[[bytes], Any]] = {
            b"string": direct.get,
            b"hash": direct.hgetall,
            b"list": lambda name: direct.lrange(name, 0, -1),
            b"set": direct.smembers,
            b"zset": lambda name: direct.zrange(name, 0, -1),
            b"stream": direct.xrange,
        }
        for key in direct.scan_iter("*"):
            _take([key, readers[direct.type(key)](key)], parts)
    return b"\n".join(parts).decode(errors="replace")


def _take(value: Any, parts: list[bytes]) -> None:
    if isinstance(value, bytes):
        parts.append(value)
        with suppress(zlib.error):
            parts.append(zlib.decompress(value))
    elif isinstance(value, dict):
        _take(list(value.items()), parts)
    elif isinstance(value, list | tuple | set):
        for one in value:
            _take(one, parts)
