"""An address goes out as it is written: receivers compare it, sign it, or read more in it than a normal form keeps."""

import asyncio

import pytest

from bridge.core.http_types import Request
from bridge.egress.client import open_client

pytestmark = pytest.mark.anyio

WRITTEN = [
    "/popups?next=%2Fhome%2F42&a=1",
    "/popups?q=a%20b+c%2B&sig=%7e%41",
    "/popups/a%2Fb/%41?x=%26y",
    "/popups?colon=%3a&at=%40&list[]=1&empty=&bare",
    "/popups;v=1/%D7%A9?%D7%A9=%D7%9D",
    "/popups?a=1&a=2&%F0",
    "/?%25=%2525",
]


@pytest.mark.parametrize("target", WRITTEN)
async def test_an_address_goes_out_as_it_is_written(target: str) -> None:
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_client() as client:
        reply = await client.send(Request("POST", f"http://127.0.0.1:{port}{target}", body=b"{}"), 5)
    assert reply.status == 204
    assert seen == [target]
