"""Asking a phone system everything once, and keeping what it answers: `popbridge record`; and answering so again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from bridge.config.models import PbxAccount
from bridge.core.errors import PbxError
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.session import Session, Socket
from bridge.pbx.contract import ListsExtensions, ListsPeople, ListsQueues, PbxAdapter


@dataclass(slots=True)
class Recorded:
    """One question and its answers, in the order of the requests; `raw` is what came on a connection of its own."""

    ask: str
    replies: list[Reply] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    found: Any = None


class RecordingSession:
    """A session that keeps what is answered. What it remembers in `local` is its own: a login is asked for again."""

    def __init__(self, session: Session, recorded: Recorded) -> None:
        self.name, self.local = session.name, cast(MutableMapping[str, Any], {})
        self._session, self._recorded = session, recorded
        self.token, self.remember, self.recall = session.token, session.remember, session.recall
        self.websocket = session.websocket

    @property
    def now(self) -> datetime:
        """As the session's."""
        return self._session.now

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        """As `Session.send`; answers are kept in the order of the requests, whichever comes first."""
        return await self._kept(self._session.send(request, repeatable, wants_body))

    async def send_authorized(self, request: Request, repeatable: bool = False) -> Reply:
        """As `Session.send_authorized`."""
        return await self._kept(self._session.send_authorized(request, repeatable))

    async def _kept(self, coming: Awaitable[Reply]) -> Reply:
        place = len(self._recorded.replies)
        self._recorded.replies.append(Reply(0, {}, b"", 0.0))
        self._recorded.replies[place] = reply = await coming
        return reply

    async def dial(self, host: str, port: int, tls: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As `Session.dial`; whatever is read is kept."""
        reader, writer = await self._session.dial(host, port, tls)
        return cast(asyncio.StreamReader, _Heard(reader, self._recorded.raw)), writer


@dataclass(frozen=True, slots=True)
class _Heard:
    """A reader that keeps what was read."""

    reader: asyncio.StreamReader
    kept: bytearray

    async def readline(self) -> bytes:
        """A line."""
        return self._with(await self.reader.readline())

    async def readexactly(self, n: int) -> bytes:
        """So many bytes."""
        return self._with(await self.reader.readexactly(n))

    def _with(self, read: bytes) -> bytes:
        self.kept.extend(read)
        return read


class Replay:
    """A session whose answers are given beforehand."""

    def __init__(self, replies: Iterable[Reply], raw: bytes, now: datetime) -> None:
        self.name, self.now, self.local = "main", now, cast(MutableMapping[str, Any], {})
        self._replies, self._raw = list(replies), raw

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        """The next answer; the last one again and again."""
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    async def send_authorized(self, request: Request, repeatable: bool = False) -> Reply:
        """As `send`."""
        return await self.send(request)

    async def token(self, refused: Secret | None = None) -> Secret:
        """Any token."""
        return Secret("token")

    async def dial(self, host: str, port: int, tls: bool = False) -> tuple[Any, Any]:
        """A connection on which all is there already."""
        return fed(self._raw)

    def websocket(
        self, request: Request, authorized: bool = False, pings: bool = True
    ) -> AbstractAsyncContextManager[Socket | Reply]:
        """Whatever refuses it: no question needs one."""
        return nullcontext(self._replies[0])

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        """Nothing is remembered."""

    async def recall(self, key: str) -> str | None:
        """Nothing is remembered."""
        return None


class Unheard:
    """A writer to which nobody listens."""

    def write(self, data: bytes) -> None:
        """Nothing comes of it."""

    def close(self) -> None:
        """Nothing comes of it."""


def fed(raw: bytes) -> tuple[asyncio.StreamReader, Unheard]:
    """A connection on which `raw` was received and that then ended."""
    reader = asyncio.StreamReader()
    reader.feed_data(raw)
    reader.feed_eof()
    return reader, Unheard()


def questions(adapter: PbxAdapter) -> Mapping[str, Callable[[Any, Session], Awaitable[Any]]]:
    """What the adapter can be asked, by the names of the samples' `ask`."""
    found: dict[str, Callable[[Any, Session], Awaitable[Any]]] = {"calls": lambda it, by: adapter.calls(it, by, None)}
    if isinstance(adapter, ListsExtensions):
        found["extensions"] = adapter.extensions
    if isinstance(adapter, ListsQueues):
        found["queues"] = lambda it, by: adapter.queues(it, by, None)
    if isinstance(adapter, ListsPeople):
        found["people"] = adapter.people
    return found


async def record(adapter: PbxAdapter, account: PbxAccount, session: Session) -> list[Recorded]:
    """Ask everything once. Raises what the session raises; an error of the adapter's is an answer too."""
    return [await _asked(ask, question, account, session) for ask, question in questions(adapter).items()]


async def _asked(ask: str, question: Callable[..., Awaitable[Any]], account: PbxAccount, session: Session) -> Recorded:
    recorded = Recorded(ask)
    try:
        recorded.found = await question(account, RecordingSession(session, recorded))
    except PbxError as error:
        recorded.found = error
    return recorded
