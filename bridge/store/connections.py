"""Connections to Redis: one server, or the master that sentinels report; never with redis-py's own retries.

Their commands name keys as the installation's prefix has them, see `names`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from typing import Any, cast
from urllib.parse import unquote

import hiredis
from redis import Redis, Sentinel
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import Sentinel as AsyncSentinel
from redis.asyncio import SentinelConnectionPool
from redis.asyncio.client import Pipeline as AsyncPipeline
from redis.asyncio.client import PubSub
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

from bridge.core.http_types import Secret
from bridge.store.names import DEFAULT, Names

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
    Python 3.11, swallows a cancellation that arrives when that task is done: the caller would run on for ever.

    Packs commands by hiredis, as redis-py's blocking client does: a click has 160 words, each of which redis-py's
    asyncio client encodes in Python.
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        """One command, whose name may have two words."""
        return [hiredis.pack_command((*str(args[0]).split(), *args[1:]))]

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
        """Several, as one write."""
        return [b"".join(packed for command in commands for packed in self.pack_command(*command))]

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """As redis-py does, with the same errors."""
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()  # type: ignore[no-untyped-call]
        text = command.encode() if isinstance(command, str) else command
        try:
            writer = cast(asyncio.StreamWriter, self._writer)
            writer.writelines([text] if isinstance(text, bytes) else text)
            if not writer.transport.get_write_buffer_size():
                return  # all of it is with the kernel already
            async with asyncio.timeout(self.socket_timeout):
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


class _Named:
    """Whatever sends commands, with the names of one installation."""

    names = Names()

    def execute_command(self, *words: Any, **options: Any) -> Any:
        """As redis-py does."""
        return super().execute_command(*self.names.words(words), **options)  # type: ignore[misc]


class _NamedPipeline(_Named, Pipeline): ...


class _NamedAsyncPipeline(_Named, AsyncPipeline):  # type: ignore[misc]
    ...


async def _as_it_is(message: Any) -> Any:
    """What came. Without this redis-py makes a line for its log of each message, which nobody reads, and which is a
    quarter of what a message costs."""
    return message


class _NamedPubSub(PubSub):
    names = Names()

    async def subscribe(self, *channels: Any, **handlers: Any) -> None:
        """As redis-py does, to the installation's channels."""
        await super().subscribe(*map(self.names.of, channels), **handlers)


class _Client(_Named, Redis):
    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Pipeline:
        """As redis-py does."""
        pipe = _NamedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.names = self.names
        return pipe


class _AsyncClient(_Named, AsyncRedis):  # type: ignore[misc]
    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> AsyncPipeline:
        """As redis-py does."""
        if self.names.prefix == DEFAULT:
            return super().pipeline(transaction, shard_hint)  # its keys are called so in Redis, too
        pipe = _NamedAsyncPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.names = self.names
        return pipe

    async def known_replicas(self) -> int | None:
        """How many replicas sentinels may promote; None: there are no sentinels."""
        return None

    def pubsub(self, **options: Any) -> PubSub:
        """As redis-py does."""
        subscription = _NamedPubSub(self.connection_pool, push_handler_func=_as_it_is, **options)
        subscription.names = self.names
        return subscription

    def scan_iter(self, match: Any = None, *words: Any, **options: Any) -> Any:
        """As redis-py does, among the installation's keys."""
        return self._known(super().scan_iter(match, *words, **options), str(match).partition(":")[0] + ":")

    async def _known(self, found: AsyncIterator[Any], family: str) -> AsyncIterator[Any]:
        """Under a prefix, RQ's keys begin as ours do."""
        async for name in found:
            if (known := self.names.back(name)).startswith(family):
                yield known


class _MasterClient(_AsyncClient):
    """A client for the master that the sentinels report. Closing it also closes the sentinels' connections, which
    redis-py leaves open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close every connection."""
        await super().aclose(close_connection_pool)
        for sentinel in self._pool.sentinel_manager.sentinels:
            await sentinel.aclose()

    async def known_replicas(self) -> int | None:
        """As the sentinel says that knows of most. Raises redis-py's errors where none answers."""
        counts, last = [], RedisConnectionError("no sentinel answers")
        for sentinel in self._pool.sentinel_manager.sentinels:
            try:
                known = await sentinel.sentinel_masters()
                counts.append(int(known[self._pool.service_name]["num-slaves"]))
            except (RedisConnectionError, RedisTimeout, OSError, KeyError) as error:
                last = RedisConnectionError(f"no sentinel answers: {type(error).__name__}")
        if not counts:
            raise last
        return max(counts)

    @property
    def _pool(self) -> SentinelConnectionPool:
        return cast(SentinelConnectionPool, self.connection_pool)


def open_asyncio(url: Secret, reply_seconds: float, names: Names, **more: Any) -> AsyncRedis:
    """A client for asyncio, to one Redis or to the master that sentinels report. `more` are redis-py's options."""
    options = {**_options(reply_seconds), "retry": AsyncRetry(NoBackoff(), 0), **more}
    sentinels = _sentinel(url.reveal())
    if sentinels is None:
        client = cast(_AsyncClient, _AsyncClient.from_url(url.reveal(), **options))
    else:
        hosts, name, account = sentinels
        sentinel = AsyncSentinel(hosts, sentinel_kwargs=_options(CONNECT_SECONDS))  # type: ignore[no-untyped-call]
        client = sentinel.master_for(name, _MasterClient, **options, **account)
    client.names = names
    return _prompted(client)


def open_sync(url: Secret, reply_seconds: float, names: Names) -> Redis:
    """The same as a blocking client."""
    options = {**_options(reply_seconds), "retry": Retry(NoBackoff(), 0)}
    sentinels = _sentinel(url.reveal())
    if sentinels is None:
        client = cast(_Client, _Client.from_url(url.reveal(), **options))
    else:
        hosts, name, account = sentinels
        sentinel = Sentinel(hosts, sentinel_kwargs=_options(CONNECT_SECONDS))  # type: ignore[no-untyped-call]
        client = sentinel.master_for(name, _Client, **options, **account)  # type: ignore[no-untyped-call]
    client.names = names
    return client
