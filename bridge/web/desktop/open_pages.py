"""One open desktop page: what it is told waits in a short queue, and a reader too slow for that is dropped.

Nothing runs for a page that is told nothing: its request waits for the browser to go. What it is told is sent at once
where the reader keeps up; else a task writes while there is something to write.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import Receive, Send

from bridge.store.desktop.stream import EntryId, News
from bridge.store.tokens import Grant

QUEUE = 64
"""Events that may wait for a reader; one that is further behind is dropped and catches up when it connects again."""
FAREWELL_SECONDS = 1.0
HEARTBEAT = b": still here\n\n"
BYE = b"event: bye\ndata: {}\n\n"
REVOKED = b'event: signed-out\ndata: {"reason":"revoked"}\n\n'
NO_ROW = b'event: signed-out\ndata: {"reason":"unknown-agent"}\n\n'
EXPIRED = b'event: signed-out\ndata: {"reason":"expired"}\n\n'


def event(name: str, data: Any) -> bytes:
    """One event that is not kept."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def chunk(news: News) -> bytes:
    """The event that tells `news`, with its id if it is kept."""
    kept = f"id: {news.entry_id[0]}-{news.entry_id[1]}\n" if news.entry_id else ""
    return f"event: {news.event}\n{kept}data: {news.data}\n\n".encode()


def may_be_behind() -> bool:
    """A reader of whom it is not known whether they keep up."""
    return True


class Reader(Protocol):
    """A page as the hub sees it. `seen` is the last entry of its agent's stream that it was sent."""

    grant: Grant
    seen: EntryId

    def tell(self, text: bytes, entry: EntryId | None = None) -> None:
        """Send it, as soon as may be."""

    def beat(self) -> None:
        """Some seconds have passed."""

    def end(self, farewell: bytes | None) -> None:
        """End it, with these last words if they can be sent."""


class Page:
    """A stream to one page. `seen` is the last entry it was sent; until `go_live` what it is told only waits."""

    __slots__ = (
        "_ended",
        "_farewell",
        "_is_behind",
        "_live",
        "_may_be_interrupted",
        "_send",
        "_sending",
        "_task",
        "_waiting",
        "grant",
        "seen",
    )

    def __init__(self, grant: Grant, send: Send, seen: EntryId, is_behind: Callable[[], bool] = may_be_behind) -> None:
        self.grant, self.seen, self._send, self._is_behind = grant, seen, send, is_behind
        self._task = asyncio.current_task()
        self._waiting: list[tuple[EntryId | None, bytes]] = []
        self._sending: asyncio.Task[None] | None = None
        self._live = self._ended = self._may_be_interrupted = False
        self._farewell: bytes | None = None

    def tell(self, text: bytes, entry: EntryId | None = None) -> None:
        """Send `text` as soon as the reader takes it. An entry that was sent before is not sent again."""
        if self._ended or (self._live and self._sending is None and self._send_at_once(text, entry)):
            return
        if len(self._waiting) >= QUEUE:
            self.end(None)
            return
        self._waiting.append((entry, text))
        if self._live and self._sending is None:
            self._sending = asyncio.create_task(self._send_waiting())

    def _send_at_once(self, text: bytes, entry: EntryId | None) -> bool:
        """Send it without a task, which costs more than the sending; False where a task has to. The server's `send`
        waits for nothing unless the reader is behind; whatever goes wrong here is met again by the task."""
        if self._is_behind():
            return False
        if entry is not None and entry <= self.seen:
            return True
        sending = self._write(text)
        try:
            sending.send(None)
        except StopIteration:
            self.seen = max(self.seen, entry or self.seen)
            return True
        except (RuntimeError, OSError):
            return False
        sending.close()
        return False

    def beat(self) -> None:
        """A sign of life, unless there is something to say anyway."""
        if self._live and not self._waiting and self._sending is None:
            self.tell(HEARTBEAT)

    def end(self, farewell: bytes | None) -> None:
        """End the stream with these last words, or (None) at once because nobody takes them."""
        if not self._ended:
            self._ended, self._farewell = True, farewell
            if self._may_be_interrupted and self._task is not None:
                self._task.cancel()

    async def catch_up(self, text: bytes) -> None:
        """Send what the page missed, at the reader's own pace."""
        self._may_interrupt()
        try:
            await self._write(text)
        finally:
            self._may_be_interrupted = False

    async def until_gone(self, receive: Receive) -> None:
        """Wait until the browser closes the stream."""
        self._may_interrupt()
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._may_be_interrupted = False

    def _may_interrupt(self) -> None:
        """From now on the page's own task may be cancelled: not inside other people's code, which may keep it to
        itself."""
        if self._ended:
            raise asyncio.CancelledError
        self._may_be_interrupted = True

    async def _write(self, text: bytes) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})

    def go_live(self, seen: EntryId) -> None:
        """From now on send at once, what waits first; entries up to `seen` were sent or are of no use."""
        self._live, self.seen = True, max(self.seen, seen)
        if self._waiting:
            self._sending = asyncio.create_task(self._send_waiting())

    async def _send_waiting(self) -> None:
        try:
            while self._waiting and not self._ended:
                waiting, self._waiting = self._waiting, []
                if text := b"".join(text for entry, text in waiting if self._is_new(entry)):
                    await self._write(text)
        finally:
            self._sending = None

    def _is_new(self, entry: EntryId | None) -> bool:
        if entry is None:
            return True
        is_new = entry > self.seen
        self.seen = max(self.seen, entry)
        return is_new

    async def part(self) -> None:
        """After `end` cancelled the page's own task: its last words. Somebody else's cancelling is not ours to stop."""
        if not self._ended or (self._task is not None and self._task.uncancel() > 0):
            raise asyncio.CancelledError
        if self._sending is not None:
            self._sending.cancel()
        if self._farewell is not None:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._send({"type": "http.response.body", "body": self._farewell, "more_body": False})
