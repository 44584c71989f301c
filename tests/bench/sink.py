"""The CRM of the bench: answers each POST to /DELAY after so many milliseconds, and remembers when it answered what.

A process of its own on bare asyncio, so that it costs little beside what is measured:
`python -m tests.bench.sink PORT`. GET /count, /done and /forget are for whoever measures.
"""

import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tests.bench import machine
from tests.bench.processes import free_port, module, running, wait_until

TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n" + b'{"taken":true}'
Done = list[tuple[str, float]]
"""webhook-id and time of answer (seconds, `time.monotonic`, which all processes of a machine share)."""


class Conversation(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, done: Done) -> None:
        self._done = done
        self._heard = bytearray()
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (end := self._heard.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._heard[:end])
            whole = end + 4 + int(_header(head, b"content-length") or b"0")
            if len(self._heard) < whole:
                return
            del self._heard[:whole]
            self._take(head)

    def _take(self, head: bytes) -> None:
        method, path, _ = head.split(b" ", 2)
        if method == b"GET":
            self._tell(path)
        elif path == b"/0":
            self._answer(head)
        else:
            self._loop.call_later(int(path[1:]) / 1000, self._answer, head)

    def _answer(self, head: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(TAKEN)
            self._done.append((_header(head, b"webhook-id").decode(), time.monotonic()))

    def _tell(self, path: bytes) -> None:
        told: object = len(self._done) if path == b"/count" else self._done
        body = json.dumps(told).encode()
        if path == b"/forget":
            self._done.clear()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def _header(head: bytes, name: bytes) -> bytes:
    """The value of a header, whatever case its name is in; empty without it."""
    _, found, rest = head.lower().partition(b"\r\n" + name + b":")
    at = len(head) - len(rest)
    return head[at:].partition(b"\r\n")[0].strip() if found else b""


async def serve(port: int) -> None:
    """Answer for ever."""
    done: Done = []
    server = await asyncio.get_running_loop().create_server(lambda: Conversation(done), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


@dataclass(frozen=True, slots=True)
class Sink:
    """A sink that runs elsewhere."""

    port: int

    def url(self, delay_ms: int) -> str:
        """Where to push."""
        return f"http://127.0.0.1:{self.port}/{delay_ms}"

    def done(self) -> Done:
        """All that was answered since it last forgot."""
        return [(name, at) for name, at in self._ask("done")]

    def count(self) -> int:
        """How many they are."""
        return int(self._ask("count"))

    def forget(self) -> None:
        """Begin anew."""
        self._ask("forget")

    def wait_for(self, count: int, what: str, seconds: float = 20.0) -> None:
        """Until so many were answered. Raises `BenchFailed` when they are not in time."""
        wait_until(lambda: self.count() >= count, what, seconds)

    def _ask(self, what: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{what}", timeout=10) as response:
            return json.load(response)

    def is_up(self) -> bool:
        """Whether it answers yet."""
        try:
            return self.count() >= 0
        except OSError:
            return False


@contextmanager
def open_sink(folder: Path) -> Iterator[Sink]:
    """A sink in a process of its own, on the load's core."""
    sink = Sink(free_port())
    with running(module("tests.bench.sink", str(sink.port)), machine.LOAD, folder / "sink.log"):
        wait_until(sink.is_up, "the sink starts")
        yield sink


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
