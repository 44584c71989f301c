"""How httpx's requests go out: by an aiohttp session, each address exactly as it is written.

`httpx_aiohttp`'s own transport has aiohttp normalise addresses, which decodes `%2F` in a query; a receiver that
compares or signs its address then sees another one.
"""

import aiohttp
import httpx
from httpx_aiohttp.transport import AiohttpResponseStream, map_aiohttp_exceptions
from yarl import URL

NO_LIMITS = aiohttp.ClientTimeout()
"""Whoever sends limits the whole of it."""


class AsWritten(httpx.AsyncBaseTransport):
    """Sends by `session`, through `proxy` where there is one; closes the session when it is closed."""

    def __init__(self, session: aiohttp.ClientSession, proxy: httpx.Proxy | None = None) -> None:
        self._session, self._proxy = session, proxy
        self._proxy_address = str(proxy.url) if proxy else None
        self._proxy_login = aiohttp.BasicAuth(*proxy.auth) if proxy and proxy.auth else None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The head of the reply; its body is read from the stream."""
        with map_aiohttp_exceptions():
            reply = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers,
                data=request.content or None,
                allow_redirects=False,
                auto_decompress=False,
                timeout=NO_LIMITS,
                proxy=self._proxy_address,
                proxy_auth=self._proxy_login,
                proxy_headers=self._proxy.headers if self._proxy else None,
            )
        return httpx.Response(
            reply.status,
            headers=reply.raw_headers,
            stream=AiohttpResponseStream(reply),
            request=request,
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        """Close the session."""
        await self._session.close()
