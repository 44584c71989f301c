"""Raw connections go where HTTP may go, and nowhere else."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest

from bridge.core.errors import RequestFailed
from bridge.egress.allowed_addresses import LOOPBACK, Reach
from bridge.egress.client import open_client

pytestmark = pytest.mark.anyio

NOWHERE, HERE = Reach(()), Reach(LOOPBACK)


class Listening:
    """A server that greets whoever connects, and counts them."""

    def __init__(self) -> None:
        self.port = self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"welcome\n")
        await reader.read()
        writer.transport.abort()


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[Listening]:
    found = Listening()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


async def dialled(reach: Reach, host: str, port: int, tls: bool = False, seconds: float = 5.0) -> bytes:
    """The first line that the other side says."""
    async with open_client(reach) as client:
        reader, writer = await client.dial(host, port, seconds, tls)
        try:
            return await reader.readline()
        finally:
            writer.transport.abort()


async def cause_of(*dialling: Any, **more: Any) -> str:
    with pytest.raises(RequestFailed) as failure:
        await dialled(*dialling, **more)
    assert failure.value.cause == failure.value.reason.code
    return failure.value.cause


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_that_is_allowed_is_dialled(host: str) -> None:
    async with listening() as server:
        assert await dialled(HERE, host, server.port) == b"welcome\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", "127.1"])
@pytest.mark.parametrize("reach", [NOWHERE, Reach([ip_network("10.0.0.0/8")])], ids=["public only", "another network"])
async def test_an_address_that_is_not_allowed_is_never_dialled(reach: Reach, host: str) -> None:
    async with listening() as server:
        assert await cause_of(reach, host, server.port) == "address-refused"
        assert server.connections == 0


async def test_of_a_names_addresses_only_those_allowed_are_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's server answers for the name: one address that is forbidden, one where nobody is, one good."""
    asked: list[str] = []
    async with listening() as server:

        async def resolved(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            addresses = ("169.254.169.254", "127.0.0.9", "127.0.0.1")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        loop = asyncio.get_running_loop()
        before = loop.getaddrinfo

        async def either(host: str, port: int, **more: Any) -> list[Any]:
            return await (resolved if host == "pbx.acme.example" else before)(host, port, **more)

        monkeypatch.setattr(loop, "getaddrinfo", either)
        assert await dialled(HERE, "pbx.acme.example", server.port) == b"welcome\n"
        assert asked == ["pbx.acme.example"], "what was checked is what is dialled"
        assert await cause_of(NOWHERE, "pbx.acme.example", server.port) == "address-refused"
        assert server.connections == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "a" * 64 + ".example", "a..b"])
async def test_nobody_there(host: str) -> None:
    async with listening() as server:
        pass
    assert await cause_of(HERE, host, server.port) == "no-connection"


async def test_a_certificate_that_nobody_vouches_for(own_certificate: ssl.SSLContext) -> None:
    async with listening(own_certificate) as server:
        assert await cause_of(HERE, "localhost", server.port, tls=True) == "untrusted-certificate"


async def test_tls_that_is_none() -> None:
    async with listening() as server:
        assert await cause_of(HERE, "127.0.0.1", server.port, tls=True) == "no-connection"


async def test_tls_that_never_greets_ends_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.transport.abort()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await cause_of(HERE, "127.0.0.1", port, tls=True, seconds=0.3) == "timeout"
    server.close()
