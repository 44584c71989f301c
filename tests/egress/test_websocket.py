"""Websockets go where requests may go, and nothing that comes on them is trusted."""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request as Asked
from websockets.http11 import Response as Answer

from bridge.core.errors import RequestFailed
from bridge.core.http_types import Reply, Request
from bridge.core.session import Socket
from bridge.egress import websockets
from bridge.egress.allowed_addresses import LOOPBACK, Reach
from bridge.egress.client import EgressClient, open_client
from tests.egress import private_ca
from tests.egress.test_outgoing import running

pytestmark = pytest.mark.anyio
HERE, NOWHERE = Reach(LOOPBACK), Reach(())
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Handler = Callable[[ServerConnection], Awaitable[None]]


async def echoes(peer: ServerConnection) -> None:
    async for message in peer:
        await peer.send(message)


@asynccontextmanager
async def peer(handler: Handler = echoes, tls: ssl.SSLContext | None = None, **more: Any) -> AsyncIterator[int]:
    async with serve(handler, "127.0.0.1", 0, ssl=tls, **more) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@asynccontextmanager
async def opened(
    client: EgressClient, url: str, pings: bool = True, seconds: float = 5.0, **headers: str
) -> AsyncIterator[Socket]:
    async with client.websocket(Request("GET", url, headers), seconds, pings) as found:
        assert not isinstance(found, Reply)
        yield found


async def cause_of(client: EgressClient, url: str, **more: Any) -> tuple[str, str]:
    """Why it could not be opened, or why nothing came on it."""
    with pytest.raises(RequestFailed) as failure:
        await heard(client, url, **more)
    return failure.value.cause, failure.value.reason.code


async def heard(client: EgressClient, url: str, **more: Any) -> None:
    async with opened(client, url, **more) as socket:
        while True:
            await socket.receive(5.0)


async def test_messages_go_both_ways(tmp_path: Path) -> None:
    async with peer() as port, open_client(HERE) as client, opened(client, f"http://127.0.0.1:{port}/x") as socket:
        await socket.send("שלום")
        assert await socket.receive(5.0) == "שלום"
        assert await socket.receive(0.01) is None
        await socket.send("still there")
        assert await socket.receive(5.0) == "still there"


async def test_it_is_asked_for_exactly_as_written_with_its_headers() -> None:
    asked = list[Any]()

    def seen(_: ServerConnection, request: Asked) -> None:
        asked.extend([request.path, request.headers["Authorization"], request.headers.get("Sec-WebSocket-Extensions")])

    async with (
        peer(process_request=seen) as port,
        open_client(HERE) as client,
        opened(client, f"http://127.0.0.1:{port}/a?token=x%2Fy", Authorization="Bearer t"),
    ):
        assert asked == ["/a?token=x%2Fy", "Bearer t", None]


async def test_what_refuses_it_is_a_reply() -> None:
    def refuses(peer: ServerConnection, _: Asked) -> Answer:
        return peer.respond(HTTPStatus.UNAUTHORIZED, "no")

    async with (
        peer(process_request=refuses) as port,
        open_client(HERE) as client,
        client.websocket(Request("GET", f"http://127.0.0.1:{port}/"), 5.0) as found,
    ):
        assert isinstance(found, Reply)
        assert found.status == 401


async def test_no_redirect_is_followed() -> None:
    async with peer() as elsewhere:

        def sends_away(peer: ServerConnection, _: Asked) -> Answer:
            answer = peer.respond(HTTPStatus.TEMPORARY_REDIRECT, "")
            answer.headers["Location"] = f"http://127.0.0.1:{elsewhere}/"
            return answer

        async with (
            peer(process_request=sends_away) as port,
            open_client(HERE) as client,
            client.websocket(Request("GET", f"http://127.0.0.1:{port}/"), 5.0) as found,
        ):
            assert isinstance(found, Reply)
            assert found.status == 307


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://169.254.169.254/"])
async def test_it_leads_nowhere_else_than_requests(url: str) -> None:
    async with peer() as port, open_client(NOWHERE) as client:
        assert (await cause_of(client, url.format(port)))[0] == "address-refused"


async def test_nobody_there_is_no_connection() -> None:
    async with peer() as port:
        pass
    async with open_client(HERE) as client:
        assert (await cause_of(client, f"http://127.0.0.1:{port}/"))[0] == "no-connection"


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    ca = private_ca.make(tmp_path)
    async with (
        peer(tls=ca.context()) as port,
        open_client(HERE) as client,
    ):
        assert (await cause_of(client, f"https://localhost:{port}/"))[0] == "untrusted-certificate"
        async with (
            open_client(HERE, context=ssl.create_default_context(cafile=str(ca.ca_file))) as client,
            opened(client, f"https://localhost:{port}/") as socket,
        ):
            await socket.send("in private")
            assert await socket.receive(5.0) == "in private"


async def test_it_goes_through_the_proxy_with_its_login_and_nobody_elses(tmp_path: Path) -> None:
    ca = private_ca.make(tmp_path)
    async with peer(tls=ca.context()) as port:
        host = f"pbx.acme.example={port}"
        with running(tmp_path, "--user", "us:their&pw", "--host", host) as proxy:
            context = ssl.create_default_context(cafile=str(ca.ca_file))
            through = proxy.proxy(user="us:their%26pw@")
            async with (
                open_client(NOWHERE, proxy=through, context=context) as client,
                opened(client, "https://pbx.acme.example/x") as socket,
            ):
                await socket.send("hello")
                assert await socket.receive(5.0) == "hello"
                assert (await cause_of(client, "https://169.254.169.254/"))[0] == "address-refused"
            async with open_client(NOWHERE, proxy=proxy.proxy(), context=context) as client:
                assert (await cause_of(client, "https://pbx.acme.example/x"))[0] == "proxy-refused"
        assert {line.split()[0] for line in proxy.asked} == {"CONNECT"}


async def closes(peer: ServerConnection) -> None:
    await peer.close(4001)


async def sends_much(peer: ServerConnection) -> None:
    await peer.send("x" * (websockets.MAX_MESSAGE_BYTES + 1))
    await peer.wait_closed()


async def breaks_off(peer: ServerConnection) -> None:
    peer.transport.abort()


async def sends_no_frame(peer: ServerConnection) -> None:
    peer.transport.write(b"HTTP/1.1 200 OK\r\n\r\n<html>")
    await peer.wait_closed()


@pytest.mark.parametrize(
    ("handler", "cause", "code"),
    [
        (closes, "broken-connection", "websocket-closed"),
        (sends_much, "too-large", "websocket-too-large"),
        (breaks_off, "broken-connection", None),
        (sends_no_frame, "broken-connection", "websocket-broken"),
    ],
)
async def test_what_breaks_it_has_a_name(handler: Handler, cause: str, code: str | None) -> None:
    async with peer(handler, ping_interval=None) as port, open_client(HERE) as client:
        failure = await cause_of(client, f"http://127.0.0.1:{port}/")
        assert failure[0] == cause
        assert code in (None, failure[1])


async def test_bytes_that_are_no_text_are_replaced() -> None:
    async def sends_bytes(peer: ServerConnection) -> None:
        await peer.send(b"\xff\xfe{")
        await peer.wait_closed()

    async with (
        peer(sends_bytes) as port,
        open_client(HERE) as client,
        opened(client, f"http://127.0.0.1:{port}/") as socket,
    ):
        assert await socket.receive(5.0) == "��{"


@asynccontextmanager
async def silent(agrees: bool) -> AsyncIterator[int]:
    """A peer that says nothing more: after the handshake, or (not `agrees`) at once."""

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: "))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        if agrees:
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
        await reader.read()
        writer.transport.abort()

    server = await asyncio.start_server(nothing, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_who_leaves_pings_unanswered_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websockets, "PING_SECONDS", 0.1)
    async with silent(agrees=True) as port, open_client(HERE) as client:
        assert (await cause_of(client, f"http://127.0.0.1:{port}/"))[0] == "broken-connection"
        async with opened(client, f"http://127.0.0.1:{port}/", pings=False) as socket:
            assert await socket.receive(0.3) is None


async def test_opening_has_its_time_limit() -> None:
    async with silent(agrees=False) as port, open_client(HERE) as client:
        assert (await cause_of(client, f"http://127.0.0.1:{port}/", seconds=0.2))[0] == "timeout"
