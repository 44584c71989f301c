"""Websockets to what requests may be sent to: the same allowed addresses, certificates, proxy and time limits.

Nothing that comes is trusted: a message is bounded, nothing is decompressed, no redirect is followed.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType
from yarl import URL

from bridge.core.errors import RequestFailed
from bridge.core.http_types import Reply, Request
from bridge.core.session import Socket
from bridge.egress.failures import failed, of_host, of_proxy, wrapped
from bridge.egress.names_checked import NamesChecked
from bridge.egress.proxy import Proxy

MAX_MESSAGE_BYTES = 1024 * 1024
PING_SECONDS = 20.0
"""How often the other side is asked whether it is still there; half as long it may take to answer."""
CLOSE_SECONDS = 1.0
SHORTEST_SECONDS = 0.001
"""The library takes none for ever."""
TOO_BIG = aiohttp.WSCloseCode.MESSAGE_TOO_BIG


class Redirected(aiohttp.ClientError):
    """The other side has sent us elsewhere, where we do not go: a token would go with us."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def refusing_redirects() -> aiohttp.TraceConfig:
    """What makes a session follow none: the library opens websockets without a choice."""
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse)
    return trace


async def _refuse(_session: object, _context: object, told: aiohttp.TraceRequestRedirectParams) -> None:
    raise Redirected(told.response.status)


class Websockets:
    """Opens them. `proxied` is the session for those that `proxy` takes."""

    def __init__(
        self,
        direct: aiohttp.ClientSession,
        names: NamesChecked,
        proxy: Proxy | None = None,
        proxied: aiohttp.ClientSession | None = None,
    ) -> None:
        self._direct, self._names, self._proxy, self._proxied = direct, names, proxy, proxied

    @asynccontextmanager
    async def open(self, request: Request, timeout_seconds: float, pings: bool) -> AsyncIterator[Socket | Reply]:
        """A websocket to an http or https address, for as long as the block lasts; or the reply (without its body)
        that refused it. `pings`: whether the other side has to answer pings. Raises `RequestFailed`."""
        started, host = time.perf_counter(), urlsplit(request.url).hostname or "?"
        try:
            async with asyncio.timeout(timeout_seconds):
                opened = await self._connect(request, pings)
        except TimeoutError:
            raise failed("timeout", host=host, seconds=timeout_seconds) from None
        except (Redirected, aiohttp.WSServerHandshakeError) as refused:
            yield _reply(refused, host, (time.perf_counter() - started) * 1000)
            return
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._failure(error, request.url, host) from None
        try:
            yield _Socket(opened, host)
        finally:
            await opened.close()

    async def _connect(self, request: Request, pings: bool) -> ClientWebSocketResponse:
        session, proxy = self._direct, self._proxy
        if proxy is None or self._proxied is None or not proxy.takes(request.url):
            proxy = None
        else:
            await self._names.check(request.url)
            session = self._proxied
        return await session.ws_connect(
            URL(request.url, encoded=True),
            headers=dict(request.headers),
            proxy=proxy.address if proxy else None,
            proxy_headers=proxy.headers if proxy else None,
            heartbeat=PING_SECONDS if pings else None,
            max_msg_size=MAX_MESSAGE_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
        )

    def _failure(self, error: Exception, url: str, host: str) -> RequestFailed:
        caught = wrapped(error)
        place = self._proxy.place if self._proxy is not None and self._proxy.takes(url) else ""
        return of_proxy(caught, place) or of_host(caught, host)


def _reply(refused: Redirected | aiohttp.WSServerHandshakeError, host: str, ms: float) -> Reply:
    """What refused it. What agreed, and not by the protocol's rules, is a failure."""
    if refused.status == 101:
        raise failed("malformed-response", "websocket-malformed", host=host)
    headers = getattr(refused, "headers", None) or {}
    return Reply(refused.status, {name.lower(): value for name, value in headers.items()}, b"", ms)


class _Socket:
    """See `core.session.Socket`."""

    def __init__(self, opened: ClientWebSocketResponse, host: str) -> None:
        self._opened, self._host = opened, host

    async def receive(self, seconds: float) -> str | None:
        """See `Socket.receive`."""
        try:
            message = await self._opened.receive(max(seconds, SHORTEST_SECONDS))
        except TimeoutError:
            return None
        if message.type is WSMsgType.TEXT:
            return str(message.data)
        if message.type is WSMsgType.BINARY:
            return bytes(message.data).decode("utf-8", "replace")
        if message.type is not WSMsgType.ERROR:
            raise failed("broken-connection", "websocket-closed", host=self._host, number=self._opened.close_code or 0)
        if getattr(message.data, "code", None) == TOO_BIG:
            raise failed("too-large", "websocket-too-large", host=self._host)
        raise failed("broken-connection", "websocket-broken", host=self._host)

    async def send(self, text: str) -> None:
        """See `Socket.send`."""
        try:
            await self._opened.send_str(text)
        except (aiohttp.ClientError, OSError, RuntimeError):
            raise failed("broken-connection", "websocket-broken", host=self._host) from None
