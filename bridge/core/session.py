"""What an adapter is handed to work with: everything that is the core's to own, for one account of the settings."""

import asyncio
from collections.abc import MutableMapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

from bridge.core.http_types import Reply, Request, Secret


class Socket(Protocol):
    """A websocket that is open. Both methods raise `RequestFailed` once it is not any more."""

    async def receive(self, seconds: float) -> str | None:
        """The next message; None when none came in so many seconds. What is no text has replacement characters in it.
        One of more than a megabyte is a failure."""

    async def send(self, text: str) -> None:
        """Send a message."""


class Session(Protocol):
    """One account's way out. Time limits, size caps, allowed addresses, the circuit and the vendor's rate limit are in
    it already: an adapter neither waits, nor retries, nor catches what these methods raise.
    """

    @property
    def name(self) -> str:
        """The account's name in the settings: NAME of `[pbx.NAME]` or `[crm.NAME]`."""

    @property
    def now(self) -> datetime:
        """The time, in UTC."""

    @property
    def local(self) -> MutableMapping[str, Any]:
        """What this process keeps for the account while it runs: a login that is no secret to others, a counter."""

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        """The reply to `request`, whatever its status.

        `repeatable` says that sending it twice does no harm: a kept connection that had been closed is tried once more.
        Without `wants_body` status and headers are all that counts: nothing about the body can make it fail.
        Raises `RequestFailed` (no usable HTTP answer) and `RateLimited` (the vendor's limit is used up: not sent).
        """

    async def send_authorized(self, request: Request, repeatable: bool = False) -> Reply:
        """As `send`, with the token as `Authorization: Bearer`. A token that is refused (401) is replaced, once.

        Raises `TokenRefused` too: the vendor gives no token for these credentials.
        """

    async def token(self, refused: Secret | None = None) -> Secret:
        """The account's access token: kept, or fetched by one process for all. `refused`: one that the vendor no longer
        takes, to be replaced. Only for adapters with `ask_token`. Raises as `send_authorized`.
        """

    async def dial(self, host: str, port: int, tls: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A raw connection, for protocols that are not HTTP. Whoever opens it closes it. Raises `RequestFailed`."""

    def websocket(
        self, request: Request, authorized: bool = False, pings: bool = True
    ) -> AbstractAsyncContextManager[Socket | Reply]:
        """A websocket to the address of `request` (http or https), for as long as the block lasts; or the reply that
        refused it, without its body. `authorized`: with the token, as `send_authorized`. `pings`: it counts as broken
        when the other side leaves pings unanswered. Raises as `send_authorized`.
        """

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        """Keep `value` for all processes, for as long as `ttl`. Where it is not `vital`, it is no failure that nothing
        can be kept now.

        A key is a word for what it is, a space, and whom it names: `agent dana@acme.example`, `call c0ffee01`. It is
        erased with the person whose number stands in key or value, or whose name in the CRM the key or value is.
        """

    async def recall(self, key: str) -> str | None:
        """What was remembered under `key`; None when nothing is, or no longer, or it cannot be asked for now."""
