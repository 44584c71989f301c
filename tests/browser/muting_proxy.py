"""A proxy between a browser and the bridge that treats event streams as the proxies of real networks do."""

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Relay = Callable[[StreamReader, StreamWriter], Awaitable[None]]


async def passes(bridge: StreamReader, browser: StreamWriter) -> None:
    """Everything, as it comes."""
    while piece := await bridge.read(65536):
        browser.write(piece)
        await browser.drain()


async def holds_the_body(bridge: StreamReader, browser: StreamWriter) -> None:
    """The head at once, the body when it is complete: never."""
    browser.write(await bridge.readuntil(b"\r\n\r\n"))
    browser.write(await bridge.read())


async def holds_everything(bridge: StreamReader, browser: StreamWriter) -> None:
    """The answer when it is complete."""
    browser.write(await bridge.read(-1))


async def passes_the_first_event_only(bridge: StreamReader, browser: StreamWriter) -> None:
    """A scanner that has seen enough, and looks at the rest as a whole."""
    browser.write(await bridge.readuntil(b"event: hello"))
    browser.write(await bridge.readuntil(b"\n\n"))
    await bridge.readexactly(2)  # the end of the chunk
    browser.write(b"\r\n" + await bridge.read(-1))


async def fills_large_blocks(bridge: StreamReader, browser: StreamWriter) -> None:
    """A buffer of 64 KB that is passed on when it is full."""
    browser.write(await bridge.readuntil(b"\r\n\r\n"))
    with suppress(asyncio.IncompleteReadError):
        while True:
            browser.write(await bridge.readexactly(65536))


def answers(head: str, body: str = "<html><h1>Blocked</h1></html>") -> Relay:
    """An answer of its own to every stream."""

    async def answer(_: StreamReader, browser: StreamWriter) -> None:
        browser.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())

    return answer


async def cuts(_: StreamReader, browser: StreamWriter) -> None:
    """The connection, without an answer."""
    browser.transport.abort()


FORBIDS = answers("403 Forbidden\r\nContent-Type: text/html")
WANTS_A_LOGIN = answers("401 Unauthorized\r\nContent-Type: text/html")
KNOWS_NO_STREAMS = answers("406 Not Acceptable\r\nContent-Type: text/plain")
GIVES_UP = answers("504 Gateway Timeout\r\nContent-Type: text/html")
SHOWS_ITS_OWN_PAGE = answers("200 OK\r\nContent-Type: text/html; charset=utf-8")


@dataclass
class MutingProxy:
    """`stream` is how it treats event streams now, `polled` how it treats the polling; the rest passes."""

    bridge: tuple[str, int]
    stream: Relay = passes
    polled: Relay = passes
    asked: list[str] = field(default_factory=list)
    url: str = ""
    _open: set[StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Every connection."""
        for writer in [*self._open]:
            writer.transport.abort()

    async def serve(self, browser_in: StreamReader, browser: StreamWriter) -> None:
        """One connection, with one request on it."""
        self._open.add(browser)
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await browser_in.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.I)
            body = await browser_in.readexactly(int(length[1])) if length else b""
            path = head.split()[1].decode().partition("?")[0]
            self.asked.append(path)
            bridge, to_bridge = await asyncio.open_connection(*self.bridge)
            to_bridge.write(re.sub(rb"(?i)connection: [^\r]*", b"Connection: close", head) + body)
            relay = {"/desktop/events": self.stream, "/desktop/poll": self.polled}.get(path, passes)
            relaying = asyncio.create_task(relay(bridge, browser))
            leaving = asyncio.create_task(browser_in.read())
            await asyncio.wait({relaying, leaving}, return_when=asyncio.FIRST_COMPLETED)
            for task in (relaying, leaving):
                task.cancel()
            await asyncio.gather(relaying, leaving, return_exceptions=True)
            to_bridge.close()
        self._open.discard(browser)
        browser.close()


@asynccontextmanager
async def muting_proxy(bridge_url: str) -> AsyncIterator[MutingProxy]:
    """In front of the bridge at this address."""
    host, _, port = bridge_url.removeprefix("http://").partition(":")
    proxy = MutingProxy((host, int(port)))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 20)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
