"""The push itself, the same for every peer: a signed POST (Standard Webhooks) of a popup's body, over httpx."""

import base64
import hashlib
import hmac
import os
import time

import httpx

KEY = base64.b64decode("UG9wdXBTZWNyZXRQb3B1cFNlY3JldFBvcHVw")
TIMEOUT_SECONDS = 5.0


def headers(message_id: str, body: bytes) -> dict[str, str]:
    """Who it is from, proven."""
    now = int(time.time())
    digest = hmac.digest(KEY, f"{message_id}.{now}.".encode() + body, hashlib.sha256)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def open_client() -> httpx.AsyncClient:
    """The one client of a worker: httpx as it comes, or over aiohttp's transport as popbridge has it."""
    if os.environ.get("BENCH_TRANSPORT") == "httpx":
        return httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
    import aiohttp
    from httpx_aiohttp import AiohttpTransport

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=256), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    )
    return httpx.AsyncClient(transport=AiohttpTransport(client=session), trust_env=False, timeout=TIMEOUT_SECONDS)


async def push(client: httpx.AsyncClient, target: str, message_id: str, text: str) -> None:
    """Raises when the CRM did not take it, so that the queue's own retry would see to it."""
    body = text.encode()
    response = await client.post(target, content=body, headers=headers(message_id, body))
    response.raise_for_status()


def push_and_wait(client: httpx.Client, target: str, message_id: str, text: str) -> None:
    """The same, for workers that do one job at a time."""
    body = text.encode()
    client.post(target, content=body, headers=headers(message_id, body)).raise_for_status()
