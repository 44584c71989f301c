"""Sessions of pages go on: each use puts their idle end off, and now and then they get a new text.

The old text stays good until the browser has shown that it has the new one, and for a moment after that: an answer that
is lost on its way, or tabs that ask at the same time, sign nobody out.
"""

from datetime import datetime, timedelta

from bridge.core.json_codec import time_text
from bridge.store import keys, leases, tokens
from bridge.store.client import TextRedis
from bridge.store.grants import Grant

RENEW_AFTER = timedelta(minutes=15)
"""The age of a text at which it is replaced."""


async def used(redis: TextRedis, session: Grant, now: datetime, idle: timedelta) -> None:
    """Put its idle end off."""
    left = datetime.fromisoformat(session.expires_at) - now
    await redis.expire(keys.token(session.token_id), max(1, int(min(left, idle).total_seconds())))


async def renewed(redis: TextRedis, session: Grant, now: datetime) -> str | None:
    """A new text for the session; the first at once, since its page's script has seen the one it began with. None while
    its text is young, or another request is getting a new one just now."""
    place = keys.token(session.token_id)
    since = (await redis.hmget(place, ["renewed_at"]))[0]
    if since and now - datetime.fromisoformat(since) < RENEW_AFTER:
        return None
    if not await leases.take(redis, keys.renewal(session.token_id), session.token_id, tokens.GRACE_SECONDS):
        return None
    text = tokens.new_text(session.token_id)
    told = {"next": tokens.digest(text), "renewed_at": time_text(now)}
    return text if await tokens.change(redis, session.token_id, told) else None
