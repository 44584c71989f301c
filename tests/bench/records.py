"""The CRM of the bench that is searched: an EspoCRM which knows every number, and answers after 100 ms.

A process of its own on bare asyncio: `python -m tests.bench.records PORT`.
"""

import asyncio
import json
import re
import sys
from urllib.parse import unquote

DELAY_SECONDS = 0.1
NUMBER = re.compile(r"\[value\]=%(\d+)")
END = b"\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Conversation(asyncio.Protocol):
    """One kept connection."""

    def __init__(self) -> None:
        self._heard, self._loop = bytearray(), asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (end := self._heard.find(END)) >= 0:
            path = bytes(self._heard[:end]).split(b" ", 2)[1].decode()
            del self._heard[: end + 4]
            self._loop.call_later(DELAY_SECONDS, self._tell, path)

    def _tell(self, path: str) -> None:
        asked = NUMBER.search(unquote(path))
        found = [{"id": f"c{asked[1]}", "name": "Ruth Levi", "phoneNumber": f"+972{asked[1]}"}] if asked else []
        body = json.dumps({"total": len(found), "list": found}).encode()
        if not self._transport.is_closing():
            self._transport.write(HEAD % len(body) + body)


async def serve(port: int) -> None:
    """Answer for ever."""
    server = await asyncio.get_running_loop().create_server(Conversation, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
