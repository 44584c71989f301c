"""The only way out: one HTTP client, time limits, size caps, allowed addresses, every failure one `RequestFailed`.

httpx's requests and responses over aiohttp's transport: httpx's own pool walks all its connections for each request
and collapses at some dozens in flight, and its client does for each what is not wanted here: no redirects are followed,
no proxies or netrc come from the environment, no cookies are kept between accounts.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import lru_cache
from urllib.parse import urlsplit

import aiohttp
import httpx

from bridge.core.http_types import Reply, Request
from bridge.core.session import Socket
from bridge.egress import response_head
from bridge.egress.allowed_addresses import EVERYWHERE, Reach
from bridge.egress.bodies import drop, read
from bridge.egress.connector import AddressRefused, Connector, head_in
from bridge.egress.failures import DROPPED, FAILURES, failed, never_connected, of_host, of_proxy
from bridge.egress.names_checked import NamesChecked
from bridge.egress.proxy import PORTS, Proxy
from bridge.egress.reachable import trusting
from bridge.egress.transport import AsWritten
from bridge.egress.websockets import Websockets, refusing_redirects

MAX_REPLY_BYTES = 16 * 1024 * 1024
PROXY_AUTHENTICATION_REQUIRED = 407
HEADERS = {
    "accept": "*/*", "accept-encoding": "gzip, deflate", "connection": "keep-alive", "user-agent": "popbridge",
}  # fmt: skip
"""What every request has that does not say otherwise."""


class EgressClient:
    """Sends requests. Whole-question time limits are the caller's to give; connections are kept and shared."""

    def __init__(
        self,
        direct: AsWritten,
        reach: Reach,
        context: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
        proxied: AsWritten | None = None,
        sessions: tuple[aiohttp.ClientSession, aiohttp.ClientSession | None] | None = None,
    ) -> None:
        self._direct, self._reach, self._context = direct, reach, context or trusting()
        self._proxy, self._proxied = proxy, proxied
        self._names = NamesChecked(reach)
        self._websockets = Websockets(sessions[0], self._names, proxy, sessions[1]) if sessions else None

    def way_to(self, url: str) -> str:
        """The proxy (host and port) through which a request to this address goes; "" where it goes directly."""
        return self._proxy.place if self._proxy is not None and self._proxy.takes(url) else ""

    async def reach_proxy(self, timeout_seconds: float) -> float:
        """The milliseconds that a connection to the proxy takes. Raises `RequestFailed`."""
        assert self._proxy is not None  # noqa: S101 - there is something to reach
        parts, started = urlsplit(self._proxy.url.reveal()), time.perf_counter()
        port = parts.port or PORTS[parts.scheme]
        try:
            async with asyncio.timeout(timeout_seconds):
                _, writer = await asyncio.open_connection(parts.hostname, port)
        except (TimeoutError, OSError, UnicodeError):
            raise failed("proxy-unreachable", proxy=self._proxy.place) from None
        writer.close()
        return (time.perf_counter() - started) * 1000

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
                    if not (repeatable and isinstance(error.__cause__, DROPPED)) or never_connected(error):
                        raise
                    return await self._once(request, max_bytes)
        except TimeoutError:
            raise failed("timeout", host=host, seconds=timeout_seconds) from None
        except FAILURES as error:
            raise of_proxy(error, self.way_to(request.url)) or of_host(error, host) from None

    def websocket(
        self, request: Request, timeout_seconds: float, pings: bool = True
    ) -> AbstractAsyncContextManager[Socket | Reply]:
        """A websocket, opened within `timeout_seconds`. See `Websockets.open`."""
        assert self._websockets is not None  # noqa: S101 - opened by `open_client`
        return self._websockets.open(request, timeout_seconds, pings)

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
        context = self._context if tls else None
        for address in allowed[:-1]:
            with suppress(OSError):
                return await asyncio.open_connection(address, port, ssl=context, server_hostname=host if tls else None)
        return await asyncio.open_connection(allowed[-1], port, ssl=context, server_hostname=host if tls else None)

    async def _once(self, request: Request, max_bytes: int) -> Reply:
        """One request. What breaks off, or breaks HTTP's rules, is told as that; without a body to read (`max_bytes` 0)
        a complete status line is enough."""
        started = time.perf_counter()
        try:
            reply = await self._asked(await self._way(request), request, max_bytes, started)
        except FAILURES as error:
            head = head_in(error)
            if head is None:
                raise
            if not max_bytes:
                return Reply(head.status, head.headers, b"", (time.perf_counter() - started) * 1000)
            host = urlsplit(request.url).hostname
            raise failed("malformed-response", head.odd, host=host, status=head.status) from None
        if reply.status == PROXY_AUTHENTICATION_REQUIRED and (place := self.way_to(request.url)):
            raise failed("proxy-refused", proxy=place, status=reply.status)
        return reply

    async def _way(self, request: Request) -> AsWritten:
        """Behind a proxy, which resolves names itself, names are checked before."""
        if self._proxied is None or not self.way_to(request.url):
            return self._direct
        await self._names.check(request.url)
        return self._proxied

    async def _asked(self, way: AsWritten, request: Request, max_bytes: int, started: float) -> Reply:
        address, headers = _address(request.url), _headers_for(request)
        asked = httpx.Request(request.method, address, headers=headers, content=request.body)
        response = await way.handle_async_request(asked)
        try:
            body = await read(response, max_bytes) if max_bytes else await drop(response)
        except FAILURES:
            host, status = response.url.host, response.status_code
            raise failed("broken-connection", "response-cut-off", host=host, status=status) from None
        finally:
            await response.aclose()
        return Reply(response.status_code, _headers_in(response), body, (time.perf_counter() - started) * 1000)


@lru_cache(maxsize=256)
def _address(url: str) -> httpx.URL:
    """Read once: a phone system is asked at the same one again and again."""
    return httpx.URL(url)


def _headers_for(request: Request) -> list[tuple[str, str]]:
    given = {name.lower() for name in request.headers}
    return [*((name, value) for name, value in HEADERS.items() if name not in given), *request.headers.items()]


def _headers_in(response: httpx.Response) -> dict[str, str]:
    """The headers by lower-case name; one that came several times is joined as HTTP has it."""
    told: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        told[name] = f"{told[name]}, {value}" if name in told else value
    return told


def _session(connector: Connector, for_sockets: bool = False) -> aiohttp.ClientSession:
    """Those for requests and for websockets share a connector, which is the former's."""
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=not for_sockets,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        skip_auto_headers=("User-Agent",),
        max_line_size=response_head.MAX_FIELD_BYTES,
        max_field_size=response_head.MAX_FIELD_BYTES,
        max_headers=response_head.MAX_HEADERS,
        trace_configs=[refusing_redirects()] if for_sockets else [],
    )


@asynccontextmanager
async def open_client(
    reach: Reach | None = None,
    max_connections: int = 256,
    proxy: Proxy | None = None,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[EgressClient]:
    """An `EgressClient` for as long as the block lasts, to what is in `reach` (default: public, and this machine).

    The proxy itself may be anywhere but at a cloud's metadata: whoever runs this has named it.
    """
    reach, context = reach or Reach(), context or trusting()
    async with AsyncExitStack() as stack:
        connector = Connector(reach, context, max_connections)
        direct = await stack.enter_async_context(AsWritten(_session(connector)))
        sockets = await stack.enter_async_context(_session(connector, for_sockets=True))
        proxied, through = None, None
        if proxy is not None:
            connector = Connector(Reach(EVERYWHERE), context, max_connections)
            told = httpx.Proxy(proxy.address, headers=proxy.headers)
            proxied = await stack.enter_async_context(AsWritten(_session(connector), told))
            through = await stack.enter_async_context(_session(connector, for_sockets=True))
        yield EgressClient(direct, reach, context, proxy, proxied, (sockets, through))
