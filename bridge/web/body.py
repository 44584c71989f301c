"""What a request brings: its body, refused while it is read once it is over the limit, and where it came from."""

import asyncio
from ipaddress import ip_address

from starlette.requests import ClientDisconnect, Request

from bridge.core.errors import Malformed, TooLarge
from bridge.core.reasons import reason

MAX_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0


async def read(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """All of it. Raises `TooLarge` and `Malformed`."""
    limit = reason("refused-body-large", most=most)
    if request.headers.get("content-length", "0").isdecimal():
        announced = int(request.headers.get("content-length", "0"))
        if announced > most:
            raise TooLarge(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise TooLarge(limit)
    except (TimeoutError, ClientDisconnect):
        raise Malformed(reason("refused-body-late", seconds=BODY_SECONDS)) from None
    return bytes(body)


def source_of(request: Request) -> str:
    """Where it came from; empty when a proxy told something that is no address."""
    try:
        found = ip_address(request.client.host) if request.client else ""
        return str(getattr(found, "ipv4_mapped", None) or found)
    except ValueError:
        return ""
