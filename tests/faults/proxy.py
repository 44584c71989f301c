"""A line to Redis that hears every command and every reply, and can hold them, lose them, or break.

It speaks Redis's own protocol just far enough to know where one message ends, so that a test can act at an exact point
of the conversation without any hook in the program.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from bridge.core.http_types import Secret
from bridge.store.clicks.accept import COMMIT
from bridge.store.scripts import name_of

NIL = (b"$-1\r\n", b"*-1\r\n", b"_\r\n")
PUSH = b">"


@dataclass(frozen=True, slots=True)
class Passing:
    """A command on its way to the server, or (with a `reply`) the server's reply to it on its way back."""

    words: tuple[bytes, ...]
    reply: bytes | None = None

    @property
    def name(self) -> bytes:
        """The command's name."""
        return self.words[0].upper()

    @property
    def script(self) -> bytes | None:
        """The text or the name of the script that this runs."""
        return self.words[1] if self.name in (b"EVAL", b"EVALSHA") else None

    @property
    def is_unknown_script(self) -> bool:
        """Whether this is the reply that no script has that name."""
        return self.reply is not None and self.reply.startswith(b"-NOSCRIPT")

    @property
    def found_something(self) -> bool:
        """Whether this is a reply that is not nil."""
        return self.reply is not None and self.reply not in NIL and not self.is_unknown_script


@dataclass(eq=False)
class ProxyConnection:
    """What happens to what passes.

    `hear` decides on each message: False breaks its connection before the message is handed on. Without it the next
    clicks' transactions are lost: `lose_command` before the server hears them, `lose_reply` after it carried them out.
    """

    lose_reply: int = 0
    lose_command: int = 0
    down: bool = False
    cuts: int = 0
    hear: Callable[[Passing], Awaitable[bool]] | None = None
    connections: "set[asyncio.Task[None]]" = field(default_factory=set)

    def cut(self) -> None:
        """Break every connection."""
        for connection in self.connections:
            connection.cancel()

    async def lets_pass(self, passing: Passing) -> bool:
        """Whether this message is handed on."""
        passes = await self.hear(passing) if self.hear is not None else not self._loses(passing)
        self.cuts += not passes
        return passes

    def _loses(self, passing: Passing) -> bool:
        if passing.script not in (COMMIT.encode(), name_of(COMMIT).encode()) or passing.is_unknown_script:
            return False
        if passing.reply is None and self.lose_command:
            self.lose_command -= 1
            return True
        if passing.reply is not None and self.lose_reply:
            self.lose_reply -= 1
            return True
        return False


@asynccontextmanager
async def redis_line(
    server: Secret, line: ProxyConnection | None = None
) -> AsyncIterator[tuple[ProxyConnection, Secret]]:
    """The line, and the address that leads over it."""
    path, line = server.reveal().removeprefix("unix://"), line or ProxyConnection()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        line.connections.add(connection)
        try:
            if not line.down:
                await _carry(line, path, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # broken on purpose, or together with the server
        finally:
            line.connections.discard(connection)
            writer.transport.abort()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield line, Secret(f"redis://127.0.0.1:{port}/0")
    finally:
        listening.close()
        line.cut()
        await asyncio.gather(*line.connections, return_exceptions=True)


async def _carry(line: ProxyConnection, path: str, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
    """Both directions of one connection, until either ends."""
    far, far_out = await asyncio.open_unix_connection(path)
    waiting: deque[tuple[bytes, ...]] = deque()
    directions = [
        asyncio.create_task(_ask(line, near, far_out, waiting)),
        asyncio.create_task(_answer(line, far, near_out, waiting)),
    ]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        far_out.transport.abort()


async def _ask(
    line: ProxyConnection, near: asyncio.StreamReader, far: asyncio.StreamWriter, waiting: deque[tuple[bytes, ...]]
) -> None:
    async for message in _messages(near):
        command = _words(message)
        if not await line.lets_pass(Passing(command)):
            return
        waiting.append(command)
        far.write(message)
        await far.drain()


async def _answer(
    line: ProxyConnection, far: asyncio.StreamReader, near: asyncio.StreamWriter, waiting: deque[tuple[bytes, ...]]
) -> None:
    async for message in _messages(far):
        if not message.startswith(PUSH) and not await line.lets_pass(Passing(waiting.popleft(), message)):
            return
        near.write(message)
        await near.drain()


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    buffer = bytearray()
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            buffer += data
            while (end := _end(buffer, 0)) > 0:
                message = bytes(buffer[:end])
                del buffer[:end]
                yield message


def _end(data: bytearray, start: int) -> int:
    """Where the message that begins at `start` ends; -1 while it is not all there."""
    line = data.find(b"\r\n", start)
    if line < 0:
        return -1
    kind, end = data[start], line + 2
    if kind in b"$=!":
        size = int(data[start + 1 : line])
        end += size + 2 if size >= 0 else 0
        return end if end <= len(data) else -1
    parts = {b"*"[0]: 1, b"~"[0]: 1, PUSH[0]: 1, b"%"[0]: 2}.get(kind, 0)
    for _ in range(parts * max(0, int(data[start + 1 : line])) if parts else 0):
        end = _end(data, end)
        if end < 0:
            return -1
    return end


def _words(command: bytes) -> tuple[bytes, ...]:
    """The words of a command: a list of texts that each tell their length."""
    words, at = [], command.index(b"\r\n") + 2
    while at < len(command):
        text = command.index(b"\r\n", at) + 2
        size = int(command[at + 1 : text - 2])
        words.append(command[text : text + size])
        at = text + size + 2
    return tuple(words)
