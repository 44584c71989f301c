"""Servers that mean harm or are broken: each way has one name, ends in time, and costs nobody else anything."""

import asyncio
import gzip
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from bridge.core.errors import RequestFailed
from bridge.core.http_types import Request
from bridge.egress.client import EgressClient, open_client

pytestmark = pytest.mark.anyio

LIMIT_SECONDS, MAX_BYTES = 0.4, 100_000
HUNDRED_MB = 100 * 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Hostile:
    """A server that does one thing to whoever asks it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.sent = self.connections = 0
        self.gone = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/calls?code=ACCOUNTCODE77"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self.answer(reader, writer)
        finally:
            self.gone.set()
            writer.transport.abort()


@asynccontextmanager
async def hostile(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Hostile]:
    server = Hostile(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    async with open_client() as ready:
        yield ready


def asked(url: str) -> Request:
    return Request("GET", url, {}, b"")


def says(*parts: bytes) -> Answer:
    """Reads the question, says this and closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.writelines(parts)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return answer


def drips(first: bytes, then: bytes, pause: float = 0.02) -> Answer:
    """Reads the question, says `first`, and `then` again and again, one byte at a time."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while True:
            for byte in then:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(pause)

    return answer


def floods(first: bytes, chunk: bytes) -> Answer:
    """Reads the question and sends as fast as it is taken, without end."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while True:
            writer.write(chunk)
            await writer.drain()

    return answer


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """In the middle of the body."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK + b"content-length: 1000\r\n\r\nhalf of it")
    await writer.drain()
    sock = writer.get_extra_info("socket")
    sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: closing sends a reset
    writer.transport.abort()


BOMB = gzip.compress(bytes(HUNDRED_MB), 9)
GZIP = b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
ENDLESS = b"transfer-encoding: chunked\r\n\r\n"
HOSTILE: dict[str, tuple[Answer, str]] = {
    "says nothing": (silent, "timeout"),
    "slow head": (drips(OK, b"x-more: y\r\n"), "timeout"),
    "one byte after the other": (drips(OK + b"content-length: 5000\r\n\r\n", b"x"), "timeout"),
    "is about to begin, for ever": (drips(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.001), "timeout"),
    "endless body": (floods(OK + ENDLESS, b"400\r\n" + bytes(1024) + b"\r\n"), "too-large"),
    "endless body until it closes": (floods(OK + b"\r\n", bytes(4096)), "too-large"),
    "100 MB": (floods(OK + b"content-length: %d\r\n\r\n" % HUNDRED_MB, bytes(65536)), "too-large"),
    "100 MB in 100 KB": (
        says(OK, GZIP % len(BOMB), BOMB),
        "too-large",
    ),
    "reset in the middle": (resets, "broken-connection"),
    "shorter than it says": (says(OK, b"content-length: 1000\r\n\r\nhalf of it"), "broken-connection"),
    "ends in a chunk": (says(OK, ENDLESS, b"400\r\nhalf of it"), "broken-connection"),
    "chunk of no length": (says(OK, ENDLESS, b"many\r\nof them\r\n0\r\n\r\n"), "malformed-response"),
    "closes at once": (says(), "broken-connection"),
    "no HTTP": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), "broken-connection"),
    "no number for a status": (says(b"HTTP/1.1 fine OK\r\n\r\n"), "broken-connection"),
    "two lengths": (says(OK, b"content-length: 2\r\ncontent-length: 900\r\n\r\n{}"), "malformed-response"),
    "head without end": (floods(OK, b"x-more: " + b"y" * 4000 + b"\r\n"), "malformed-response"),
    "one head of 1 MB": (says(OK, b"x-more: " + b"y" * 1024 * 1024 + b"\r\n\r\n"), "malformed-response"),
    "no gzip": (says(OK, GZIP % 12, b"this is none"), "broken-connection"),
}


@pytest.mark.parametrize("way", HOSTILE)
async def test_every_way_has_its_name_and_ends(client: EgressClient, way: str) -> None:
    answer, cause = HOSTILE[way]
    async with hostile(answer) as server:
        async with asyncio.timeout(LIMIT_SECONDS + 5):
            with pytest.raises(RequestFailed) as failure:
                await client.send(asked(server.url), LIMIT_SECONDS if cause == "timeout" else 5.0, MAX_BYTES)
        assert failure.value.cause == cause
        assert "127.0.0.1" in str(failure.value)
        assert "ACCOUNTCODE77" not in str(failure.value)
        async with asyncio.timeout(5):
            await server.gone.wait()  # and the connection is not kept


async def test_a_body_longer_than_it_says_does_not_reach_the_next_answer(client: EgressClient) -> None:
    answers = [
        OK + b"content-length: 2\r\n\r\n{}" + OK + b"content-length: 7\r\n\r\n[false]",
        OK + b"content-length: 6\r\n\r\n[true]",
    ]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answers.pop(0))
            await writer.drain()

    async with hostile(answer) as server:
        first = await client.send(asked(server.url), 5.0, MAX_BYTES)
        second = await client.send(asked(server.url), 5.0, MAX_BYTES, repeatable=True)
    assert (first.body, second.body) == (b"{}", b"[true]")


async def test_a_redirect_is_an_answer(client: EgressClient) -> None:
    async with hostile(
        says(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
    ) as server:
        assert (await client.send(asked(server.url), 5.0, MAX_BYTES)).status == 302


async def test_nobody_listens(client: EgressClient) -> None:
    async with hostile(silent) as server:
        pass
    with pytest.raises(RequestFailed) as failure:
        await client.send(asked(server.url), 5.0, MAX_BYTES, repeatable=True)
    assert failure.value.cause == "no-connection"


async def test_whoever_gives_up_leaves_no_connection_behind(client: EgressClient) -> None:
    async with hostile(silent) as server:
        asking = asyncio.create_task(client.send(asked(server.url), 60.0, MAX_BYTES))
        while not server.connections:
            await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.wait([asking], timeout=5)
        assert asking.cancelled()
        async with asyncio.timeout(5):
            await server.gone.wait()


async def test_a_hundred_at_once_of_a_dead_server_do_not_keep_a_live_one_waiting() -> None:
    live = says(OK, b"content-length: 2\r\nconnection: close\r\n\r\n{}")
    async with open_client(max_connections=256) as client, hostile(silent) as dead, hostile(live) as alive:
        waiting = [asyncio.create_task(client.send(asked(dead.url), 30.0, MAX_BYTES)) for _ in range(100)]
        while dead.connections < 100:
            await asyncio.sleep(0.01)
        reply = await client.send(asked(alive.url), 5.0, MAX_BYTES)
        assert reply.body == b"{}"
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_a_certificate_that_nobody_vouches_for(client: EgressClient, own_certificate: ssl.SSLContext) -> None:
    async with hostile(silent, own_certificate) as server:
        with pytest.raises(RequestFailed, match="certificate") as failure:
            await client.send(asked(server.url.replace("http:", "https:")), 5.0, MAX_BYTES)
    assert failure.value.cause == "untrusted-certificate"


async def test_tls_that_is_none(client: EgressClient) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with hostile(answer) as server:
        with pytest.raises(RequestFailed) as failure:
            await client.send(asked(server.url.replace("http:", "https:")), 5.0, MAX_BYTES)
    assert failure.value.cause == "no-connection"


async def test_tls_that_never_greets_ends_in_time(client: EgressClient) -> None:
    async with hostile(silent) as server:
        with pytest.raises(RequestFailed) as failure:
            await client.send(asked(server.url.replace("http:", "https:")), LIMIT_SECONDS, MAX_BYTES)
    assert failure.value.cause == "timeout"
