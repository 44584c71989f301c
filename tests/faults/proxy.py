"""A line to Redis that can be cut at a chosen word: before the server hears it, or before its reply comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from bridge.messages import Secret


@dataclass
class Line:
    """What happens to the next commands that hold `word`: `lose_reply` (they are carried out) or `lose_command`."""

    word: bytes = b"EXEC"
    lose_reply: int = 0
    lose_command: int = 0
    down: bool = False
    cuts: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Break every connection."""
        for writer in self.writers:
            writer.close()


@asynccontextmanager
async def redis_line(server: Secret) -> AsyncIterator[tuple[Line, Secret]]:
    """The line, and the address that leads over it."""
    path = server.reveal().removeprefix("unix://")
    line = Line()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if line.down:
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_unix_connection(path)
        deaf = False
        line.writers |= {writer, there_writer}

        async def back() -> None:
            while data := await there_reader.read(65536):
                if deaf:
                    break
                writer.write(data)
            writer.close()

        answering = asyncio.create_task(back())
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if line.word in data and line.lose_command:
                    line.lose_command -= 1
                    line.cuts += 1
                    break
                if line.word in data and line.lose_reply:
                    line.lose_reply -= 1
                    line.cuts += 1
                    deaf = True
                there_writer.write(data)
                if deaf:
                    await answering
                    break
        for one in (writer, there_writer):
            one.close()
        answering.cancel()
        line.writers -= {writer, there_writer}

    listening = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield line, Secret(f"redis://127.0.0.1:{port}/0")
    finally:
        listening.close()
        line.cut()
