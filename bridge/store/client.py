"""Clients for Redis. None of them repeats a command by itself.

redis-py's default repeats ten times: a transaction whose reply was lost would be written twice, a popped job lost.
Whoever writes here repeats on purpose, see `accept`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self, cast
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

CONNECT_SECONDS, ANSWER_SECONDS = 1.0, 2.0
MAX_CONNECTIONS = 256


Word = str | bytes | int | float
"""One word of a command."""


class Batch(Protocol):
    """Commands sent together: they are buffered until `execute`. RQ adds to those only that `multi` was told before."""

    command_stack: list[tuple[tuple[Word, ...], Mapping[str, object]]]

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def multi(self) -> None: ...
    def get(self, name: str) -> object: ...
    def set(self, name: str, value: str, ex: int | None = None) -> object: ...
    def delete(self, *names: str) -> object: ...
    def expire(self, name: str, seconds: int) -> object: ...
    def incr(self, name: str) -> object: ...
    def hset(self, name: str, *, mapping: Mapping[str, str]) -> object: ...
    def hgetall(self, name: str) -> object: ...
    def hmget(self, name: str, keys: list[str]) -> object: ...
    def hincrby(self, name: str, key: str, amount: int = 1) -> object: ...
    def lrange(self, name: str, start: int, end: int) -> object: ...
    def sadd(self, name: str, *values: str) -> object: ...
    def zadd(self, name: str, mapping: Mapping[str, float], xx: bool = False) -> object: ...
    def xadd(self, name: str, fields: Mapping[str, str], maxlen: int | None = None) -> object: ...
    def xrange(self, name: str, min: str = "-", max: str = "+", count: int | None = None) -> object: ...
    def eval(self, script: str, numkeys: int, *keys_and_args: Word) -> object: ...
    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Word) -> object: ...
    def hsetnx(self, name: str, key: str, value: str) -> object: ...
    def xrevrange(self, name: str, max: str = "+", min: str = "-", count: int | None = None) -> object: ...
    def exists(self, *names: str) -> object: ...
    def execute(self, raise_on_error: bool = True) -> Awaitable[list[Any]]: ...


class Subscription(Protocol):
    """A connection on which published messages arrive; after an error it is of no use any more."""

    async def subscribe(self, *channels: str) -> None: ...
    def get_message(self, *, timeout: float) -> Awaitable[dict[str, Any] | None]: ...
    async def ping(self) -> object: ...
    async def aclose(self) -> None: ...


class Evaluates(Protocol):
    """Whatever runs a script: a client for Redis, or `Scripts`."""

    async def eval(self, script: str, numkeys: int, *keys_and_args: Word) -> Any: ...


class Pipelines(Protocol):
    """Whatever sends commands together: a client for Redis."""

    def pipeline(self, transaction: bool = True) -> Batch: ...


StreamEntry = tuple[str, dict[str, str]]
"""One entry of a stream: its id and its fields."""


class TextRedis(Protocol):
    """The commands this program uses, with texts for answers (redis-py's own types leave open text or bytes)."""

    def pipeline(self, transaction: bool = True) -> Batch: ...
    def pubsub(self) -> Subscription: ...
    async def ping(self) -> bool: ...
    async def info(self, section: str) -> dict[str, object]: ...
    async def config_get(self, pattern: str) -> dict[str, str]: ...
    async def time(self) -> tuple[int, int]: ...
    async def get(self, name: str) -> str | None: ...
    async def set(
        self, name: str, value: str, ex: int | None = None, px: int | None = None, nx: bool = False
    ) -> bool | None: ...
    async def delete(self, *names: str) -> int: ...
    async def expire(self, name: str, seconds: int) -> bool: ...
    async def hset(self, name: str, *, mapping: Mapping[str, str]) -> int: ...
    async def hgetall(self, name: str) -> dict[str, str]: ...
    async def hincrby(self, name: str, key: str, amount: int = 1) -> int: ...
    async def llen(self, name: str) -> int: ...
    async def smembers(self, name: str) -> Iterable[str]: ...
    async def srem(self, name: str, *values: str) -> int: ...
    async def zcount(self, name: str, min: str | float, max: str | float) -> int: ...
    async def zrangebyscore(
        self, name: str, min: str | float, max: str | float, start: int | None = None, num: int | None = None
    ) -> list[str]: ...
    async def zrevrangebylex(
        self, name: str, max: str, min: str, start: int | None = None, num: int | None = None
    ) -> list[str]: ...
    async def zremrangebylex(self, name: str, min: str, max: str) -> int: ...
    async def zcard(self, name: str) -> int: ...
    async def zrange(self, name: str, start: int, end: int, withscores: bool = False) -> list[tuple[str, float]]: ...
    async def hdel(self, name: str, *keys: str) -> int: ...
    async def hmget(self, name: str, keys: list[str]) -> list[str | None]: ...
    def scan_iter(self, match: str, count: int) -> AsyncIterator[str]: ...
    async def bgrewriteaof(self) -> object: ...
    async def bgsave(self) -> object: ...
    async def xadd(self, name: str, fields: Mapping[str, str], maxlen: int | None = None) -> str: ...
    async def xlen(self, name: str) -> int: ...
    async def xrange(
        self, name: str, min: str = "-", max: str = "+", count: int | None = None
    ) -> list[StreamEntry]: ...
    async def publish(self, channel: str, message: str) -> int: ...
    async def xdel(self, name: str, *ids: str) -> int: ...
    async def xtrim(self, name: str, minid: str, approximate: bool = True) -> int: ...
    async def eval(self, script: str, numkeys: int, *keys_and_args: Word) -> Any: ...
    async def shutdown(self) -> None: ...
    async def aclose(self) -> None: ...


SENTINEL = re.compile(
    r"redis\+sentinel://(?:(?P<user>[^:@/]*):(?P<password>[^@/]*)@)?(?P<hosts>[^/]+)/(?P<name>[^/?]+)(?:/(?P<db>\d+))?"
)
"""`redis+sentinel://[user:password@]host:port,host:port/NAME/DB`; the password is Redis's own."""


def _options(answer_seconds: float) -> dict[str, Any]:
    """`driver_info`: for the library's name, redis-py would read its package's files at each new connection."""
    return {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": answer_seconds, "driver_info": None}


def _sentinel(url: str) -> tuple[list[tuple[str, int]], str, dict[str, Any]] | None:
    """Where the sentinels are, what the master is called, how it is reached; None for an address of another kind."""
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
    """Sends under `asyncio.timeout`. redis-py's own way is `asyncio.wait_for`, which makes a task for each command and,
    in Python 3.11, forgets a cancellation that comes once that task is done: what was cancelled goes on for ever."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """As redis-py's, with its failures."""
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
    """The client, whose connections send as `_Prompt` does, whatever their kind."""
    kind: type[AbstractConnection] = client.connection_pool.connection_class
    client.connection_pool.connection_class = type(f"Prompt{kind.__name__}", (_Prompt, kind), {})
    return client


class _MasterClient(AsyncRedis):
    """A client for the master that the sentinels name. Closing it closes the sentinels' connections too, which redis-py
    leaves open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close every connection."""
        await super().aclose(close_connection_pool)
        pool = cast(SentinelConnectionPool, self.connection_pool)
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _open_asyncio(url: Secret, answer_seconds: float, **more: Any) -> AsyncRedis:
    options = {**_options(answer_seconds), "retry": AsyncRetry(NoBackoff(), 0), **more}
    watched = _sentinel(url.reveal())
    if watched is None:
        plain: AsyncRedis = AsyncRedis.from_url(url.reveal(), **options)
        return _prompted(plain)
    hosts, name, account = watched
    sentinel = AsyncSentinel(hosts, sentinel_kwargs=_options(CONNECT_SECONDS))  # type: ignore[no-untyped-call]
    master: AsyncRedis = sentinel.master_for(name, _MasterClient, **options, **account)
    return _prompted(master)


def open_async(url: Secret) -> TextRedis:
    """A client for asyncio; texts come back as `str`. Connects when first used."""
    return cast(TextRedis, _open_asyncio(url, ANSWER_SECONDS, decode_responses=True, max_connections=MAX_CONNECTIONS))


def open_worker(url: Secret) -> AsyncRedis:
    """A client for the worker's own traffic with RQ's keys: asyncio, bytes back, pops that wait within the limit."""
    return _open_asyncio(url, ANSWER_SECONDS + 1.0)


def open_sync(url: Secret) -> Redis:
    """A client for RQ, which wants bytes back. Connects when first used."""
    options = {**_options(ANSWER_SECONDS), "retry": Retry(NoBackoff(), 0)}
    watched = _sentinel(url.reveal())
    if watched is None:
        plain: Redis = Redis.from_url(url.reveal(), **options)
        return plain
    hosts, name, account = watched
    sentinel = Sentinel(hosts, sentinel_kwargs=_options(CONNECT_SECONDS))  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(name, **options, **account)  # type: ignore[no-untyped-call]
    return master
