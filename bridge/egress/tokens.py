"""OAuth access tokens: fetched when needed, shared by all processes, renewed by one of them at a time.

A refresh token that a vendor replaces is never lost: the new one is written down, beside the one before, in the same
write that makes the new access token known. Where the newest is refused, the one before is tried, then the settings'.
Nor is it lost with whoever gives up waiting: a renewal that has begun runs to its end.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from bridge.core.errors import RequestFailed, TokenRefused
from bridge.core.http_types import Secret
from bridge.core.reasons import Reason
from bridge.core.tokens import KeptTokens, Tokens

MARGIN = timedelta(seconds=30)
"""A token that expires sooner than this is renewed: a request on its way must not outlive it."""
LOOK_SECONDS = 0.05
"""How often a process looks whether another one has renewed the token by now."""
KEPT_REFRESH_TOKENS = 2
MOST_FETCHES = KEPT_REFRESH_TOKENS + 1
"""With each refresh token that is kept, then with the credentials of the settings."""
FETCH_SECONDS, LOCK_MARGIN_SECONDS = 5.0, 1.0

Fetch = Callable[[Secret | None], Awaitable[Tokens]]
"""Asks the vendor, with this refresh token or (None) the credentials of the settings. Raises `TokenRefused`."""

log = logging.getLogger(__name__)


class TokenStore(Protocol):
    """Where all processes keep an account's tokens."""

    async def load_tokens(self) -> KeptTokens | None:
        """What was kept last."""

    async def save_tokens(self, tokens: KeptTokens) -> None:
        """Keep these instead."""

    async def lock(self, holder: str, seconds: float) -> bool:
        """Whether `holder` may renew now."""

    async def unlock(self, holder: str) -> None:
        """Let others renew."""


class TokenKeeper:
    """One account's access token. `fetch_seconds`: how long one `fetch` takes at most."""

    def __init__(
        self, store: TokenStore, fetch: Fetch, now: Callable[[], datetime], fetch_seconds: float = FETCH_SECONDS
    ) -> None:
        self._store, self._fetch, self._now = store, fetch, now
        self._lock_seconds = MOST_FETCHES * fetch_seconds + LOCK_MARGIN_SECONDS
        self._holder = secrets.token_hex(8)
        self._kept: KeptTokens | None = None
        self._renewing = asyncio.Lock()
        self._renewals: set[asyncio.Task[KeptTokens]] = set()

    async def token(self, refused: Secret | None = None) -> Secret:
        """A token that is valid now and is not `refused`. Raises `TokenRefused` and what `Fetch` raises."""
        if self._kept is not None and self._is_usable(self._kept, refused):
            return self._kept.access
        async with self._renewing:
            if self._kept is None or not self._is_usable(self._kept, refused):
                self._kept = await asyncio.shield(self._begin(refused))
            return self._kept.access

    def _begin(self, refused: Secret | None) -> "asyncio.Task[KeptTokens]":
        """A renewal that belongs to nobody: the vendor may have replaced the refresh token before we are told so."""
        renewal = asyncio.create_task(self._shared_or_renewed(refused))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._ended)
        return renewal

    def _ended(self, renewal: "asyncio.Task[KeptTokens]") -> None:
        self._renewals.discard(renewal)
        if not renewal.cancelled() and (error := renewal.exception()) is not None:
            log.info("an access token was not renewed: %s", type(error).__name__)

    async def _shared_or_renewed(self, refused: Secret | None) -> KeptTokens:
        """What another process keeps, if that will do; else renewed by whoever gets the lock."""
        patience = 2 * self._lock_seconds
        try:
            async with asyncio.timeout(patience):
                return await self._wait_or_renew(refused)
        except TimeoutError:
            raise RequestFailed("token-busy", Reason("token-busy", {"seconds": patience})) from None

    async def _wait_or_renew(self, refused: Secret | None) -> KeptTokens:
        while True:
            kept = await self._store.load_tokens()
            if kept is not None and self._is_usable(kept, refused):
                return kept
            if await self._store.lock(self._holder, self._lock_seconds):
                try:
                    return await self._renew(refused)
                finally:
                    await self._store.unlock(self._holder)
            await asyncio.sleep(LOOK_SECONDS)

    async def _renew(self, refused: Secret | None) -> KeptTokens:
        kept = await self._store.load_tokens()  # another process may have renewed it before we got the lock
        if kept is not None and self._is_usable(kept, refused):
            return kept
        before = kept.refresh if kept is not None else ()
        refusal = TokenRefused(Reason("token-refused"))
        for refresh in (*before, None):
            try:
                new = await self._fetch(refresh)
            except TokenRefused as error:
                refusal = error
                continue
            renewed = KeptTokens(new.access, new.expires_at, _kept_refresh(new.refresh, before))
            await self._store.save_tokens(renewed)
            return renewed
        raise refusal

    def _is_usable(self, kept: KeptTokens, refused: Secret | None) -> bool:
        return kept.expires_at - MARGIN > self._now() and kept.access != refused


def _kept_refresh(new: Secret | None, before: tuple[Secret, ...]) -> tuple[Secret, ...]:
    together = (*((new,) if new is not None else ()), *(one for one in before if one != new))
    return together[:KEPT_REFRESH_TOKENS]
