"""How simulated phone systems send events: a plain HTTP request to the bridge on this machine. Not for real ones."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answered:
    """What the bridge answered; header names are lower case. `bytes` is the size of all of it."""

    status: int
    headers: Mapping[str, str]
    bytes: int


async def post(url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answered | None:
    """The answer; None where there is none in time."""
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    sent = {"Host": parts.netloc, "Content-Length": str(len(body)), "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            try:
                writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
                return _read(await reader.read())
            finally:
                writer.close()
    except (TimeoutError, OSError, ValueError):
        return None


def _read(answer: bytes) -> Answered:
    head, _, _ = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answered(int(first.split(" ")[1]), headers, len(answer))
