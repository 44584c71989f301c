"""One worker at a time writes a call of an agent's into a CRM: two at once would make two records of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bridge.core.model import PopupAgent
from bridge.store import keys, leases
from bridge.store.client import TextRedis


@asynccontextmanager
async def writing(
    redis: TextRedis, crm: str, agent: PopupAgent, ivrid: str, owner: str, lease: timedelta
) -> AsyncIterator[bool]:
    """Whether this worker may write the call now; nobody else does while the block lasts, or for `lease`."""
    key = keys.history_lock(crm, "\x1f".join((agent.crm, agent.crm_user, agent.pbx, ivrid)))
    holds = await leases.take(redis, key, owner, lease.total_seconds())
    try:
        yield holds
    finally:
        if holds:
            await leases.release(redis, key, owner)
