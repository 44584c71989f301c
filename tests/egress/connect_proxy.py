"""A small forward proxy in a process of its own: CONNECT, and requests with a whole address.

`python -m tests.egress.connect_proxy LOG [--user USER:PASSWORD] [--host NAME=PORT] [--refuse STATUS] [--tls FOLDER]
[--silent]` prints its port. It resolves names itself: those it is given lead to ports of this machine. LOG gets a line
for each request.
"""

import argparse
import asyncio
import base64
import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy:
    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.hosts = dict(one.split("=") for one in given.host)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        with Path(self.given.log).open("a") as log:
            log.write(f"{method} {target}\n")
        if self.given.silent:
            await reader.read()
        if (status := self._refusal(head)) is not None:
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
            await writer.drain()
            return
        place = target if method == "CONNECT" else urlsplit(target).netloc
        host, _, port = place.rpartition(":") if ":" in place else (place, "", "80")
        far, far_out = await asyncio.open_connection("127.0.0.1", int(self.hosts.get(host, port)))
        if method == "CONNECT":
            writer.write(ESTABLISHED)
        else:
            far_out.write(head)
        ways = [asyncio.create_task(carry(reader, far_out)), asyncio.create_task(carry(far, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        far_out.transport.abort()

    def _refusal(self, head: bytes) -> int | None:
        if self.given.refuse:
            return int(self.given.refuse)
        if self.given.user:
            right = base64.b64encode(self.given.user.encode())
            return None if b"proxy-authorization: basic " + right.lower() in head.lower() else 407
        return None


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    for name in ("--user", "--refuse", "--tls"):
        parser.add_argument(name)
    parser.add_argument("--host", action="append", default=[])
    parser.add_argument("--silent", action="store_true")
    given = parser.parse_args()
    context = None
    if given.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(given.tls) / "certificate", Path(given.tls) / "key")
    server = await asyncio.start_server(Proxy(given).serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
