"""Presses the button at moments drawn beforehand, whatever has become of earlier clicks.

A process of its own on bare asyncio: `python -m tests.bench.clicker PORT[,PORT …] RATE SECONDS SEED AGENTS`. Prints as
JSON how many milliseconds after the intended moment each click was answered, and how many were not, or not with a call.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from typing import cast

from tests.bench.peers.feeder import moments

KEY = base64.b64decode("Q2xpY2tTZWNyZXRDbGlja1NlY3JldENsaWNr")
GRACE_SECONDS = 1.0
"""How long after the last click an answer counts."""


def request(agent: int) -> bytes:
    """A signed click of this agent."""
    message_id, now = "msg_" + secrets.token_hex(12), int(time.time())
    data = {"agent": f"{agent}@acme.example", "record": {"type": "contact", "id": "0035g00000ABCDE"}}
    body = json.dumps(data).encode()
    digest = hmac.digest(KEY, f"{message_id}.{now}.".encode() + body, hashlib.sha256)
    return (
        "POST /clicks/acme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"webhook-id: {message_id}\r\nwebhook-timestamp: {now}\r\n"
        f"webhook-signature: v1,{base64.b64encode(digest).decode()}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Reader(asyncio.Protocol):
    """One kept connection, which hands over the body of each answer."""

    def __init__(self) -> None:
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            return
        self._heard = b""
        self.answered(body)

    def answered(self, body: bytes) -> None:
        """One answer is there."""
        raise NotImplementedError


class Connection(Reader):
    """One click on it at a time."""

    def __init__(self, idle: "list[Connection]", took: list[float], failed: list[bytes]) -> None:
        super().__init__()
        self._idle, self._took, self._failed = idle, took, failed
        self._meant = 0.0

    def send(self, click: bytes, meant: float) -> None:
        """A click that was meant for this moment."""
        self._meant = meant
        self._transport.write(click)

    def answered(self, body: bytes) -> None:
        """Note how long it took."""
        if b'"found"' in body:
            self._took.append(1000 * (time.monotonic() - self._meant))
        else:
            self._failed.append(body)
        self._idle.append(self)


async def click(ports: list[int], rate: float, seconds: float, seed: int, agents: int) -> dict[str, object]:
    """Click, and tell how it went."""
    idle: dict[int, list[Connection]] = {port: [] for port in ports}
    took: list[float] = []
    failed: list[bytes] = []
    loop, start = asyncio.get_running_loop(), time.monotonic() + 0.05

    async def one(number: int, at: float) -> None:
        port = ports[number % len(ports)]
        free = idle[port]
        if free:
            connection = free.pop()
        else:
            _, connection = await loop.create_connection(lambda: Connection(free, took, failed), "127.0.0.1", port)
        connection.send(request(number % agents), at)

    count = 0
    async with asyncio.TaskGroup() as group:
        for number, moment in enumerate(moments(rate, seconds, seed)):
            await asyncio.sleep(start + moment - time.monotonic())
            group.create_task(one(number, start + moment))
            count += 1
    deadline = time.monotonic() + GRACE_SECONDS
    while len(took) + len(failed) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    wrong = failed[0].decode(errors="replace")[:200] if failed else ""
    return {"meant": count, "took": [round(each, 3) for each in took], "wrong": wrong}


if __name__ == "__main__":
    given, *numbers = sys.argv[1:]
    json.dump(
        asyncio.run(
            click([*map(int, given.split(","))], float(numbers[0]), float(numbers[1]), int(numbers[2]), int(numbers[3]))
        ),
        sys.stdout,
    )
