"""Contacts that CRMs found for numbers: cached for a while, and searched by one process at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.core.contact import Contact
from bridge.core.json_codec import from_json, json_text
from bridge.store import keys, leases
from bridge.store.client import TextRedis

NONE_SECONDS = 60
"""How long a search without result is cached: the contact may be added soon."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """With the number, so that an erasure finds it."""

    number: str
    contact: Contact


async def load(redis: TextRedis, crm: str, e164: str) -> Contact | None:
    """What this CRM found for the number, while it is kept."""
    text = await redis.get(keys.contact(crm, e164))
    return from_json(_Kept, text).contact if text else None


async def load_each(redis: TextRedis, wanted: Sequence[tuple[str, str]]) -> list[Contact | None]:
    """As `load`, for several CRMs' numbers at once."""
    if not wanted:
        return []
    async with redis.pipeline(transaction=False) as pipe:
        for crm, e164 in wanted:
            pipe.get(keys.contact(crm, e164))
        texts = await pipe.execute()
    return [from_json(_Kept, text).contact if text else None for text in texts]


async def save(redis: TextRedis, crm: str, e164: str, contact: Contact, seconds: int) -> None:
    """Keep it; nothing where `seconds` is 0."""
    if seconds:
        await redis.set(keys.contact(crm, e164), json_text(_Kept(e164, contact)), ex=seconds)


async def forget(redis: TextRedis, crm: str, e164: str) -> None:
    """Drop the cached result: a contact was just created."""
    await redis.delete(keys.contact(crm, e164))


async def lock(redis: TextRedis, crm: str, e164: str, owner: str, seconds: float) -> bool:
    """Whether `owner` may search now; nobody else does for `seconds`, or until `unlock`."""
    return await leases.take(redis, keys.contact_lock(crm, e164), owner, seconds)


async def unlock(redis: TextRedis, crm: str, e164: str, owner: str) -> None:
    """Let others search, unless another may already."""
    await leases.release(redis, keys.contact_lock(crm, e164), owner)
