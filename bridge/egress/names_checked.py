"""Names behind a proxy: it resolves them itself, so what they lead to is looked up here before.

That holds as far as it can. A name that this machine cannot resolve, as in networks whose only way out is the proxy, is
left to the proxy; and a name server may tell the proxy something else than us.
"""

import asyncio
import socket
import time
from urllib.parse import urlsplit

from bridge.egress.allowed_addresses import Reach
from bridge.egress.connector import AddressRefused

RESOLVE_SECONDS, KNOWN_SECONDS = 1.0, 10.0
MOST = 1000
"""Names that are remembered at once."""


class NamesChecked:
    """Which hosts may be asked through a proxy; what was found is used again for a while."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._known: dict[str, tuple[float, bool]] = {}

    async def check(self, url: str) -> None:
        """Raises `AddressRefused` where the host is, or its name leads to, an address that may not be dialled."""
        host = urlsplit(url).hostname or ""
        if self._reach.refuses(host) or not await self._is_allowed(host):
            raise AddressRefused("this address may not be dialled")

    async def _is_allowed(self, host: str) -> bool:
        at, is_allowed = self._known.get(host, (float("-inf"), True))
        if time.monotonic() - at < KNOWN_SECONDS:
            return is_allowed
        is_allowed = all(map(self._reach.allows, await _addresses_of(host)))
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[host] = time.monotonic(), is_allowed
        return is_allowed


async def _addresses_of(host: str) -> list[str]:
    """What the name leads to; nothing where this machine does not know in time."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return []
    return [str(info[4][0]) for info in found]
