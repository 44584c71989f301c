"""uvicorn's HTTP protocol, hardened for what senders really send.

- A request's head is bounded: size, number of lines, and the time that it may take; and what comes beside a body in
  chunks, their extensions and the trailers after them. uvicorn takes any.
- `Upgrade: h2c`, which Java's clients send with their first request, does not swallow the body.
- Connections are bounded by the files that may be open: above it they are told to come again, not left waiting.
- Clicks above those that may wait are turned away before they are parsed, see `click_room`.
- An IPv4 address that is written as IPv6 is that IPv4 address, for trusted proxies and in the log.
"""

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.observability import open_files
from bridge.web.click_room import ClickRoom

IS_BEHIND = "popbridge.is-behind"
"""In the state of a request: a function that tells whether the answer's reader is behind, so that `send` would wait."""
MAX_HEAD_BYTES, MAX_HEAD_LINES = 64 * 1024, 100
HEAD_SECONDS, LINGER_SECONDS = 10.0, 1.0
END, BARE_END = b"\r\n\r\n", b"\n\n"
CHUNK_BYTES = 16
"""Of a chunk's size and line ends: as many as the largest size has digits, about."""
UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.I)
MAPPED = "::ffff:"
FORWARDED = re.compile(rb"\r\nx-forwarded-for[ \t]*:[^\r]*", re.I)
MAPPED_IN_LIST = re.compile(rb"::ffff:(?=[0-9]+\.)", re.I)
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
CLICK = re.compile(rb"(?:POST|GET) /+clicks/([^/? ]*)")
NEEDS_MORE = re.compile(rb"\r\n(?:origin|transfer-encoding|expect|connection)[ \t]*:|HTTP/1\.0\r\n", re.I)
"""Requests that only the application answers rightly: a page's script must be allowed to read the answer."""
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,5})[ \t]*(?:\r\n|\Z)", re.I)
BUSY_BODY = (
    b'{"type":"urn:popbridge:reason:unavailable","title":"Try again shortly","status":503,'
    b'"detail":"Too many clicks are waiting in this process","reason":"unavailable"}'
)
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: application/problem+json\r\n"
    b"Cache-Control: no-store\r\nContent-Length: %d\r\n\r\n%s" % (len(BUSY_BODY), BUSY_BODY)
)


class BoundedProtocol(HttpToolsProtocol):
    """Holds a request's head back until it is whole, and within bounds; then uvicorn's own."""

    _head: bytearray | None = None
    _deadline: asyncio.TimerHandle | None = None
    _is_refused = False
    _is_click = False
    _has_asked = False
    _to_skip = 0
    _beside = 0
    """Bytes since the head that were no body."""
    _room: ClickRoom | None = None
    _unanswered: list[bool]
    """Whether each request without an answer yet is a click, in order: few, and cheaper so than as a deque."""

    def connection_made(self, transport: Any) -> None:
        """A new connection: a head comes first."""
        super().connection_made(transport)
        self._unanswered = []
        self._room = getattr(getattr(self.config.app, "state", None), "click_room", None)
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
        if self._to_skip:
            data, self._to_skip = data[self._to_skip :], max(0, self._to_skip - len(data))
            if not data:
                return
        if self._head is None:
            self._go_on(data)
        else:
            self._gather(self._head, data)

    def _go_on(self, data: bytes) -> None:
        self._beside += len(data)
        super().data_received(data)
        if self._beside > MAX_HEAD_BYTES and self._head is None:
            self._cut()

    def _gather(self, head: bytearray, data: bytes) -> None:
        head += data
        end = head.find(END)
        if end < 0 and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)
        if end > MAX_HEAD_BYTES or (end < 0 and len(head) > MAX_HEAD_BYTES):
            self._refuse(TOO_LARGE)
        elif end >= 0:
            self._pass_on(end)
        elif BARE_END in head:  # the parser refuses it at once
            self._pass_on(head.find(BARE_END))

    def _pass_on(self, end: int) -> None:
        head, rest = bytes(self._head or b"")[:end], bytes(self._head or b"")[end:]
        if head.count(b"\r\n") > MAX_HEAD_LINES:
            self._refuse(TOO_LARGE)
            return
        self._stop_waiting()
        click = CLICK.match(head)
        body = self._no_room_for(head) if click is not None else None
        if click is not None and body is not None:
            self._turn_away(click[1].decode("latin-1"), body, rest[len(END) :])
            return
        self._head, self._is_click, self._has_asked = None, click is not None, True
        head = UPGRADE.sub(b"\r\nx-upgrade:", head)
        super().data_received(FORWARDED.sub(_without_mapped, head) + rest)

    def _no_room_for(self, head: bytes) -> int | None:
        """The bytes of this click's body, if it is to be turned away here: where its answer comes next, and the
        connection goes on."""
        if self._room is None or not self._room.is_full or (self._has_asked and not self.cycle.response_complete):
            return None
        return _body_bytes(head) if NEEDS_MORE.search(head) is None else None

    def _turn_away(self, name: str, body: int, rest: bytes) -> None:
        """Answer, and read over the body."""
        assert self._room is not None  # noqa: S101 - for the type checker: `_no_room_for` has looked
        self._room.turn_away(name)
        self.transport.write(BUSY)
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        self._to_skip, self._head = body, bytearray()
        if rest:
            self.data_received(rest)

    def on_message_begin(self) -> None:
        """A request: a stream of events may ask how far its reader is."""
        super().on_message_begin()
        self.scope["state"][IS_BEHIND] = self._is_behind

    def on_headers_complete(self) -> None:
        """A body comes next, also where its head came together with the request before."""
        super().on_headers_complete()
        self._head, self._beside = None, 0

    def on_body(self, body: bytes) -> None:
        """Part of a body, with its share of what stands beside it."""
        self._beside = max(0, self._beside - len(body) - CHUNK_BYTES)
        super().on_body(body)

    def _cut(self) -> None:
        if self.cycle.response_started or self.pipeline:
            self._give_up()
        else:
            self._refuse(TOO_LARGE)

    def _is_behind(self) -> bool:
        return self.flow.write_paused

    def on_message_complete(self) -> None:
        """The request is whole: what comes next on this connection is another head."""
        super().on_message_complete()
        self._expect_head()
        if self._room is not None and not self.cycle.response_complete:
            self._unanswered.append(self._is_click)
            self._room.waiting += self._is_click

    def on_response_complete(self) -> None:
        """An answer is sent."""
        if self._room is not None and self._unanswered:
            self._room.waiting -= self._unanswered.pop(0)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        self._stop_waiting()
        if self._room is not None:
            self._room.waiting -= sum(self._unanswered)
            self._unanswered.clear()
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


def _without_mapped(line: re.Match[bytes]) -> bytes:
    """Which proxies are to be trusted is compared address by address."""
    return MAPPED_IN_LIST.sub(b"", line[0])


def _body_bytes(head: bytes) -> int | None:
    """How long the body is. None where a parser may see it otherwise: what is read over must never be taken for the
    next request of another sender behind the same proxy."""
    told = head.lower().count(b"content-length")
    length = LENGTH.search(head)
    ends = head.count(b"\r\n")
    has_lone = head.count(b"\n") != ends or head.count(b"\r") != ends
    if has_lone or told > 1 or (told and length is None):
        return None
    return int(length[1]) if length else 0
