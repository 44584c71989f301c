"""AMI on a connection of its own: its events say which channels may be others now, and `Status` on the same connection
says what they are: those alone where they are few, else all. So an event that is doubled, late or out of order changes
nothing. Source: recordings of Asterisk 22's events and lists.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress

from bridge.core.errors import PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply
from bridge.core.reasons import reason
from bridge.pbx.asterisk import ami, wire
from bridge.pbx.asterisk.ami import END, Access, Block
from bridge.pbx.asterisk.kept import Kept, Read
from bridge.pbx.asterisk.news import News
from bridge.pbx.contract import Listing
from bridge.pbx.reading import parse

GATHER_SECONDS, REST = 0.02, 3.0
"""How long events are gathered before one question; and how many times as long as the list of all took, the next one
waits: an Asterisk with many channels is not asked without end."""
LIST_SECONDS = 30.0
"""How long changes are put together before the list of all is asked for again."""
QUIET_SECONDS, REPLY_SECONDS = 20.0, 10.0
"""After so long a silence it is asked whether it is still there; and how long anything may take to be answered."""
LIST_BYTES = 16 * 1024 * 1024
GREETING = b"Asterisk Call Manager"
STATUS, LAST, CALLS = wire.STATUS, f"{wire.STATUS}Complete", {"Events": "call"}


class Manager:
    """A connection to AMI's TCP port. Every method raises `PbxError` or OSError when it is broken."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, access: Access) -> None:
        self._reader, self._writer, self._access = reader, writer, access
        self._asked = 0
        self._news = News()

    async def log_in(self) -> None:
        """Be let in, with the events of calls."""
        async with asyncio.timeout(REPLY_SECONDS):
            greeting = await self._reader.readline()
        if not greeting.startswith(GREETING):
            raise PbxUnintelligible(reason("asterisk.not-ami"))
        secret = self._access.password.reveal()
        (reply,) = await self._ask([{"Action": "Login", "Username": self._access.username, "Secret": secret, **CALLS}])
        (answer, *_) = ami.blocks(reply)
        if answer.get("Response") != "Success":
            told = ami.quoted_message(answer.get("Message"), self._access)
            raise PbxRefused(reason("asterisk.login-refused", message=told or "-"))

    async def status(self, variables: str) -> Reply:
        """The list of channels, as the manager over HTTP answers it."""
        (reply,) = await self._ask([{"Action": STATUS, "Variables": variables}], LAST)
        return reply

    async def status_of(self, channels: Sequence[str], variables: str) -> list[Reply]:
        """The same for each of these channels."""
        asked = [{"Action": STATUS, "Channel": channel, "Variables": variables} for channel in channels]
        return await self._ask(asked, LAST)

    def take_news(self) -> News:
        """What has happened since this was asked last."""
        news, self._news = self._news, News()
        return news

    async def news(self) -> None:
        """Wait until something has happened that the last list may not show."""
        while not self._news:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    self._take(await self._read())
                continue
            await self._ask([{"Action": "Ping"}])

    async def gather(self) -> None:
        """Take in what comes within a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                while True:
                    self._take(await self._read())

    async def _ask(self, actions: Sequence[Mapping[str, str]], last_event: str = "") -> list[Reply]:
        """The blocks that answer each action, asked all at once: its response alone, or a list to its last event."""
        marks = []
        for fields in actions:
            self._asked += 1
            marks.append(f"popbridge-{self._asked}")
            lines = [f"{key}: {_line(value)}" for key, value in {**fields, "ActionID": marks[-1]}.items()]
            self._writer.write(("\r\n".join(lines) + END).encode())
        async with asyncio.timeout(REPLY_SECONDS):
            await self._writer.drain()
            return [await self._reply(mark, last_event) for mark in marks]

    async def _reply(self, mark: str, last_event: str) -> Reply:
        body = bytearray()
        while True:
            raw = await self._read()
            block = ami.block_of(raw)
            if block.get("ActionID") != mark:
                self._news.take(block)
                continue
            body += raw
            if len(body) > LIST_BYTES:
                raise PbxUnintelligible(reason("asterisk.not-ami"))
            if _is_last(block, last_event):
                return Reply(200, {}, bytes(body), 0.0)

    async def _read(self) -> bytes:
        try:
            return await self._reader.readuntil(END.encode())
        except asyncio.IncompleteReadError:
            raise PbxUnreachable(reason("asterisk.connection-closed")) from None
        except asyncio.LimitOverrunError:
            raise PbxUnintelligible(reason("asterisk.not-ami")) from None

    def _take(self, raw: bytes) -> None:
        self._news.take(ami.block_of(raw))


def _line(value: str) -> str:
    """A value that stays in its line, whoever named the channel."""
    return value.replace("\r", " ").replace("\n", " ")


def _is_last(block: Block, last_event: str) -> bool:
    """A list ends with its last event; a refusal, or an action without a list, with its response."""
    return not last_event or block.get("Event") == last_event or block.get("Response") == "Error"


async def listings(
    manager: Manager, variables: str, access: Access, read: Read, ticks: Callable[[], float]
) -> AsyncIterator[Listing]:
    """All calls now, and again whenever something has happened, until the connection breaks."""
    kept = Kept(read)
    names: list[str] | None = None
    listed_at = list_at = 0.0

    def read_all(reply: Reply) -> Kept:
        return Kept(read, wire.read_legs(reply, access))

    while True:
        if names is None:
            await asyncio.sleep(max(0.0, list_at - ticks()))
            manager.take_news()
            started = ticks()
            reply = await manager.status(variables)
            listed_at = ticks()
            list_at = listed_at + REST * (listed_at - started)
            kept = await parse(reply, read_all)
        else:
            replies = await manager.status_of(names, variables)
            there = (reply for reply in replies if not ami.is_gone(reply))
            kept.replace(names, [leg for reply in there for leg in wire.read_legs(reply, access)])
        yield kept.listing()
        await manager.news()
        await manager.gather()
        names = manager.take_news().to_ask(kept.legs) if ticks() < listed_at + LIST_SECONDS else None
