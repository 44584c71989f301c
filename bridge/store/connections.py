"""Connections to Redis: one server, or the master that sentinels report; never with redis-py's own retries."""

import asyncio
import re
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import unquote

from redis import Redis, Sentinel
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import Sentinel as AsyncSentinel
from redis.asyncio import SentinelConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

from bridge.core.http_types import Secret

CONNECT_SECONDS = 1.0

SENTINEL = re.compile(
    r"redis\+sentinel://(?:(?P<user>[^:@/]*):(?P<password>[^@/]*)@)?(?P<hosts>[^/]+)/(?P<name>[^/?]+)(?:/(?P<db>\d+))?"
)
"""`redis+sentinel://[user:password@]host:port,host:port/NAME/DB`; user and password are those of Redis."""


def _options(reply_seconds: float) -> dict[str, Any]:
    """`driver_info`: to report its name, redis-py would read its package's files at each new connection."""
    return {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": reply_seconds, "driver_info": None}


def _sentinel(url: str) -> tuple[list[tuple[str, int]], str, dict[str, Any]] | None:
    """The sentinels' addresses, the master's name, the options to connect to it; None for another kind of address."""
    found = SENTINEL.fullmatch(url)
    if found is None:
        return None
    pairs = [host.rpartition(":") for host in found["hosts"].split(",")]
    hosts = [(name or port, int(port) if name else 26379) for name, _, port in pairs]
    account = {"username": found["user"] or None, "password": unquote(found["password"] or "") or None}
    return (
        hosts,
        found["name"],
        {"db": int(found["db"] or 0), **{key: value for key, value in account.items() if value}},
    )


class _Prompt(AbstractConnection):
    """Sends under `asyncio.timeout`. redis-py uses `asyncio.wait_for`, which creates a task for each command and, in
    Python 3.11, swallows a cancellation that arrives when that task is done: the caller would run on for ever."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """As redis-py does, with the same errors."""
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()  # type: ignore[no-untyped-call]
        text = command.encode() if isinstance(command, str) else command
        try:
            async with asyncio.timeout(self.socket_timeout):
                writer = cast(asyncio.StreamWriter, self._writer)
                writer.writelines([text] if isinstance(text, bytes) else text)
                await writer.drain()
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise RedisTimeout("Timeout writing to socket") from None
        except OSError as error:
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"writing to socket failed: {type(error).__name__}") from error
        except BaseException:
            await self.disconnect(nowait=True)
            raise


def _prompted(client: AsyncRedis) -> AsyncRedis:
    """The client, with connections of any kind that send as `_Prompt` does."""
    kind: type[AbstractConnection] = client.connection_pool.connection_class
    client.connection_pool.connection_class = type(f"Prompt{kind.__name__}", (_Prompt, kind), {})
    return client


class _MasterClient(AsyncRedis):
    """A client for the master that the sentinels report. Closing it also closes the sentinels' connections, which
    redis-py leaves open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close every connection."""
        await super().aclose(close_connection_pool)
        pool = cast(SentinelConnectionPool, self.connection_pool)
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def open_asyncio(url: Secret, reply_seconds: float, **more: Any) -> AsyncRedis:
    """A client for asyncio, to one Redis or to the master that sentinels report. `more` are redis-py's options."""
    options = {**_options(reply_seconds), "retry": AsyncRetry(NoBackoff(), 0), **more}
    sentinels = _sentinel(url.reveal())
    if sentinels is None:
        plain: AsyncRedis = AsyncRedis.from_url(url.reveal(), **options)
        return _prompted(plain)
    hosts, name, account = sentinels
    sentinel = AsyncSentinel(hosts, sentinel_kwargs=_options(CONNECT_SECONDS))  # type: ignore[no-untyped-call]
    master: AsyncRedis = sentinel.master_for(name, _MasterClient, **options, **account)
    return _prompted(master)


def open_sync(url: Secret, reply_seconds: float) -> Redis:
    """The same as a blocking client."""
    options = {**_options(reply_seconds), "retry": Retry(NoBackoff(), 0)}
    sentinels = _sentinel(url.reveal())
    if sentinels is None:
        plain: Redis = Redis.from_url(url.reveal(), **options)
        return plain
    hosts, name, account = sentinels
    sentinel = Sentinel(hosts, sentinel_kwargs=_options(CONNECT_SECONDS))  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(name, **options, **account)  # type: ignore[no-untyped-call]
    return master
