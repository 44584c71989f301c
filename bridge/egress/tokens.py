"""OAuth access tokens: fetched when needed, shared by all processes, renewed by one of them at a time.

A refresh token that a vendor replaces is never lost: the new one is written down, beside the one before, in the same
write that makes the new access token known. Where the newest is refused, the one before is tried, then the settings'.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from bridge.core.errors import TokenRefused
from bridge.core.http_types import Secret
from bridge.core.reasons import Reason
from bridge.core.tokens import KeptTokens, Tokens

MARGIN = timedelta(seconds=30)
"""A token that expires sooner than this is renewed: a request on its way must not outlive it."""
LOCK_SECONDS, LOOK_SECONDS = 15.0, 0.05
KEPT_REFRESH_TOKENS = 2

Fetch = Callable[[Secret | None], Awaitable[Tokens]]
"""Asks the vendor, with this refresh token or (None) the credentials of the settings. Raises `TokenRefused`."""


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
    """One account's access token."""

    def __init__(self, store: TokenStore, fetch: Fetch, now: Callable[[], datetime]) -> None:
        self._store, self._fetch, self._now = store, fetch, now
        self._holder = secrets.token_hex(8)
        self._kept: KeptTokens | None = None
        self._renewing = asyncio.Lock()

    async def token(self, refused: Secret | None = None) -> Secret:
        """A token that is valid now and is not `refused`. Raises `TokenRefused` and what `Fetch` raises."""
        if self._kept is not None and self._is_usable(self._kept, refused):
            return self._kept.access
        async with self._renewing:
            self._kept = await self._shared_or_renewed(refused)
        return self._kept.access

    async def _shared_or_renewed(self, refused: Secret | None) -> KeptTokens:
        """What another process keeps, if that will do; else renewed by whoever gets the lock."""
        async with asyncio.timeout(2 * LOCK_SECONDS):
            while True:
                kept = await self._store.load_tokens()
                if kept is not None and self._is_usable(kept, refused):
                    return kept
                if await self._store.lock(self._holder, LOCK_SECONDS):
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
