"""The only way out: one HTTP client, time limits, size caps, allowed addresses, every failure one `RequestFailed`.

httpx's interface over aiohttp's transport: httpx's own pool walks all its connections for each request and collapses
at some dozens in flight. No redirects, no proxies or netrc from the environment, no cookies kept between accounts.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from bridge.core.errors import RequestFailed
from bridge.core.http_types import Reply, Request
from bridge.core.reasons import Reason
from bridge.egress.allowed_addresses import Reach

MAX_REPLY_BYTES = 16 * 1024 * 1024
MAX_DROPPED_BYTES, DROP_SECONDS = 64 * 1024, 0.25
KEEP_IDLE_SECONDS = 60.0
"""Longer than the usual gap between two clicks, so that a click seldom pays for a new TLS handshake."""

DROPPED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
"""What sending on a kept connection meets when the other side had closed it meanwhile."""


class AddressRefused(OSError):
    """The name leads to an address that may not be dialled."""


def _refused(error: BaseException) -> bool:
    return isinstance(getattr(error.__cause__, "os_error", None), AddressRefused)


def _never_connected(error: BaseException) -> bool:
    """httpx's classes do not tell: over aiohttp's transport a refused connection is called a timeout."""
    return isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ClientSSLError)


def _cause_of(error: BaseException) -> str:
    if _refused(error):
        return "address-refused"
    if isinstance(error.__cause__, aiohttp.ClientConnectorCertificateError):
        return "untrusted-certificate"
    return "no-connection" if _never_connected(error) else "broken-connection"


def failed(cause: str, **params: object) -> RequestFailed:
    """A failure with its reason; the words name the host alone, never the address or a body."""
    return RequestFailed(cause, Reason(cause, params))


class EgressClient:
    """Sends requests. Whole-question time limits are the caller's to give; connections are kept and shared."""

    def __init__(self, client: httpx.AsyncClient, reach: Reach) -> None:
        self._client, self._reach = client, reach

    async def send(
        self, request: Request, timeout_seconds: float, max_bytes: int = MAX_REPLY_BYTES, repeatable: bool = False
    ) -> Reply:
        """The reply to `request`, read to its last byte within `timeout_seconds`. With `max_bytes` 0 its status and
        headers are all that counts: the body is not told, and nothing about it makes the question fail.

        `repeatable` says that asking twice does no harm: a kept connection that the other side had closed meanwhile
        is then tried once more. Raises `RequestFailed`; its text names the host alone, never the address or a body.
        """
        host = urlsplit(request.url).hostname or "?"
        try:
            async with asyncio.timeout(timeout_seconds):
                try:
                    return await self._once(request, max_bytes)
                except httpx.TransportError as error:
                    if not (repeatable and isinstance(error.__cause__, DROPPED)) or _never_connected(error):
                        raise
                    return await self._once(request, max_bytes)
        except TimeoutError:
            raise failed("timeout", host=host, seconds=timeout_seconds) from None
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
            raise failed(_cause_of(error), host=host) from None

    async def dial(
        self, host: str, port: int, timeout_seconds: float, tls: bool = False
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A raw connection to an allowed address, open within `timeout_seconds`. Raises `RequestFailed`."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._dial(host, port, tls)
        except TimeoutError:
            raise failed("timeout", host=host, seconds=timeout_seconds) from None
        except ssl.SSLCertVerificationError:
            raise failed("untrusted-certificate", host=host) from None
        except AddressRefused:
            raise failed("address-refused", host=host) from None
        except (OSError, UnicodeError):  # an overlong label of a name is the latter
            raise failed("no-connection", host=host) from None

    async def _dial(self, host: str, port: int, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Each address that the name leads to is checked, and dialled as it was checked."""
        loop = asyncio.get_running_loop()
        found = [info[4][0] for info in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        allowed = [str(address) for address in found if self._reach.allows(str(address))]
        if not allowed:
            raise AddressRefused("this address may not be dialled")
        context = ssl.create_default_context() if tls else None
        for address in allowed[:-1]:
            with suppress(OSError):
                return await asyncio.open_connection(address, port, ssl=context, server_hostname=host if tls else None)
        return await asyncio.open_connection(allowed[-1], port, ssl=context, server_hostname=host if tls else None)

    async def _once(self, request: Request, max_bytes: int) -> Reply:
        started = time.perf_counter()
        async with self._client.stream(
            request.method, request.url, headers=dict(request.headers), content=request.body
        ) as response:
            body = await _body(response, max_bytes) if max_bytes else await _drop_body(response)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, headers, body, (time.perf_counter() - started) * 1000)


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise failed("too-large", host=response.url.host, bytes=max_bytes)
    return bytes(body)


async def _drop_body(response: httpx.Response) -> bytes:
    """Read past a short body, so that the connection can be kept; one that is long or slow costs the connection."""
    left = MAX_DROPPED_BYTES
    with suppress(httpx.HTTPError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(DROP_SECONDS):
            async for chunk in response.aiter_raw():
                left -= len(chunk)
                if left < 0:
                    break
    return b""


def _sockets(reach: Reach) -> aiohttp.connector.SocketFactoryType:
    """Sockets for allowed addresses alone. Checked here, on the very address that is dialled, no name can cheat."""

    def make(info: aiohttp.connector.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not reach.allows(str(address[0])):
            raise AddressRefused("this address may not be dialled")
        return socket.socket(family, kind, protocol)

    return make


@asynccontextmanager
async def open_client(reach: Reach | None = None, max_connections: int = 256) -> AsyncIterator[EgressClient]:
    """An `EgressClient` for as long as the block lasts, to what is in `reach` (default: public, and this machine)."""
    logging.getLogger("httpx").disabled = True  # its INFO line prints whole addresses, secrets in queries and all
    connector = aiohttp.TCPConnector(
        limit=max_connections, keepalive_timeout=KEEP_IDLE_SECONDS, socket_factory=_sockets(reach or Reach())
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        skip_auto_headers=("User-Agent",),
    )
    headers = {"User-Agent": "popbridge", "Accept-Encoding": "gzip, deflate"}
    async with httpx.AsyncClient(
        transport=AiohttpTransport(client=session),
        headers=headers,
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # noqa: S113 - `send` limits each whole question
    ) as client:
        yield EgressClient(client, reach or Reach())
