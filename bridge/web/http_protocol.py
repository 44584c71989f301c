"""uvicorn's HTTP protocol, hardened for what senders really send.

- A request's head is bounded: size, number of lines, and the time that it may take. uvicorn takes any.
- `Upgrade: h2c`, which Java's clients send with their first request, does not swallow the body.
- Connections are bounded by the files that may be open: above it they are told to come again, not left waiting.
- An IPv4 address that is written as IPv6 is that IPv4 address, for trusted proxies and in the log.
"""

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.observability import open_files

MAX_HEAD_BYTES, MAX_HEAD_LINES = 64 * 1024, 100
HEAD_SECONDS, LINGER_SECONDS = 10.0, 1.0
END = b"\r\n\r\n"
UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.I)
MAPPED = "::ffff:"
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """Holds a request's head back until it is whole, and within bounds; then uvicorn's own."""

    _head: bytearray | None = None
    _deadline: asyncio.TimerHandle | None = None
    _is_refused = False

    def connection_made(self, transport: Any) -> None:
        """A new connection: a head comes first."""
        super().connection_made(transport)
        if self.client is not None and self.client[0].startswith(MAPPED):
            self.client = (self.client[0].removeprefix(MAPPED), self.client[1])
        if len(self.connections) > open_files.for_connections():
            self._refuse(FULL)
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Bytes of a head are gathered; all others go on at once."""
        if self._is_refused:
            return
        if self._head is None:
            super().data_received(data)
            return
        if not self._head and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)
        self._head += data
        end = self._head.find(END)
        if end > MAX_HEAD_BYTES or (end < 0 and len(self._head) > MAX_HEAD_BYTES):
            self._refuse(TOO_LARGE)
        elif end >= 0:
            self._pass_on(end)

    def _pass_on(self, end: int) -> None:
        head, rest = bytes(self._head or b"")[:end], bytes(self._head or b"")[end:]
        if head.count(b"\r\n") > MAX_HEAD_LINES:
            self._refuse(TOO_LARGE)
            return
        self._stop_waiting()
        self._head = None
        super().data_received(UPGRADE.sub(b"\r\nx-upgrade:", head) + rest)

    def on_message_complete(self) -> None:
        """The request is whole: what comes next on this connection is another head."""
        super().on_message_complete()
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head = bytearray()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, answer: bytes) -> None:
        """Answer, and read on for a moment: a connection that is closed on unread bytes takes the answer along."""
        self._stop_waiting()
        self._is_refused, self._head = True, None
        self.transport.write(answer)
        self._deadline = self.loop.call_later(LINGER_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._stop_waiting()
        self._head = None
        self.transport.close()
