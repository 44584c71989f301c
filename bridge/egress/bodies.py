"""The bodies of responses: read within bounds, or read past."""

import asyncio
from contextlib import suppress

import aiohttp
import httpx

from bridge.egress.failures import failed

MAX_DROPPED_BYTES, DROP_SECONDS = 64 * 1024, 0.25


async def read(response: httpx.Response, max_bytes: int) -> bytes:
    """The whole body. Raises `RequestFailed` above `max_bytes`, and httpx's errors."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise failed("too-large", host=response.url.host, bytes=max_bytes)
    return bytes(body)


async def drop(response: httpx.Response) -> bytes:
    """Read past a short body, so that the connection can be kept; one that is long or slow costs the connection."""
    left = MAX_DROPPED_BYTES
    with suppress(httpx.HTTPError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(DROP_SECONDS):
            async for chunk in response.aiter_raw():
                left -= len(chunk)
                if left < 0:
                    break
    return b""
