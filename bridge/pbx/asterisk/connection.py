"""AMI on a connection of its own: its events say that something has happened, and `Status` on the same connection says
what. So an event that is lost, doubled or late changes nothing. Source: recordings of Asterisk 22's events and lists.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from bridge.core.errors import PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply
from bridge.core.reasons import reason
from bridge.pbx.asterisk import ami
from bridge.pbx.asterisk.ami import END, Access, Block

NEWS = frozenset(
    {
        *("Newchannel", "Newstate", "Rename", "NewCallerid", "NewConnectedLine", "Hangup", "Pickup"),
        *("DialBegin", "DialState", "DialEnd", "Hold", "Unhold", "BridgeEnter", "BridgeLeave", "LocalOptimizationEnd"),
        *("BlindTransfer", "AttendedTransfer", "ConfbridgeJoin", "ConfbridgeLeave"),
        *("ParkedCall", "UnParkedCall", "ParkedCallGiveUp", "ParkedCallTimeOut"),
    }
)
"""The events after which the list of channels may be another one."""
GATHER_SECONDS, REST = 0.02, 3.0
"""How long events are gathered before one question; and how many times as long as the last question took, the next one
waits: an Asterisk with many channels is not asked without end."""
QUIET_SECONDS, REPLY_SECONDS = 20.0, 10.0
"""After so long a silence it is asked whether it is still there; and how long anything may take to be answered."""
LIST_BYTES = 16 * 1024 * 1024
GREETING = b"Asterisk Call Manager"


class Manager:
    """A connection to AMI's TCP port. Every method raises `PbxError` or OSError when it is broken."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, access: Access) -> None:
        self._reader, self._writer, self._access = reader, writer, access
        self._asked = 0
        self._news = False

    async def log_in(self) -> None:
        """Be let in, with the events of calls."""
        async with asyncio.timeout(REPLY_SECONDS):
            greeting = await self._reader.readline()
        if not greeting.startswith(GREETING):
            raise PbxUnintelligible(reason("asterisk.not-ami"))
        secret = self._access.password.reveal()
        reply = await self._ask("Login", "", Username=self._access.username, Secret=secret, Events="call")
        (answer, *_) = ami.blocks(reply)
        if answer.get("Response") != "Success":
            told = ami.quoted_message(answer.get("Message"), self._access)
            raise PbxRefused(reason("asterisk.login-refused", message=told or "-"))

    async def status(self, variables: str) -> Reply:
        """The list of channels, as the manager over HTTP answers it."""
        self._news = False
        return await self._ask("Status", "StatusComplete", Variables=variables)

    async def news(self) -> None:
        """Wait until something has happened that the last list may not show."""
        while not self._news:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    self._take(await self._read())
                continue
            await self._ask("Ping", "")

    async def gather(self) -> None:
        """Take in what comes within a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                while True:
                    self._take(await self._read())

    async def _ask(self, action: str, last_event: str, **fields: str) -> Reply:
        """The blocks that answer one action: its response alone, or a list to its last event."""
        self._asked += 1
        mark = f"popbridge-{self._asked}"
        lines = [f"Action: {action}", f"ActionID: {mark}", *(f"{key}: {value}" for key, value in fields.items())]
        self._writer.write(("\r\n".join(lines) + END).encode())
        body = bytearray()
        async with asyncio.timeout(REPLY_SECONDS):
            await self._writer.drain()
            while True:
                raw = await self._read()
                block = ami.block_of(raw)
                if block.get("ActionID") != mark:
                    self._take(raw)
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
        self._news = self._news or ami.block_of(raw).get("Event") in NEWS


def _is_last(block: Block, last_event: str) -> bool:
    """A list ends with its last event; a refusal, or an action without a list, with its response."""
    return not last_event or block.get("Event") == last_event or block.get("Response") == "Error"


async def lists(manager: Manager, variables: str, ticks: Callable[[], float]) -> AsyncIterator[Reply]:
    """The list of channels now, and again whenever something has happened, until the connection breaks."""
    while True:
        started = ticks()
        yield await manager.status(variables)
        took = ticks() - started
        await manager.news()
        await asyncio.sleep(max(0.0, REST * took - (ticks() - started)))
        await manager.gather()
