"""Bearer tokens for the API and the pages. Only a hash is kept; the token itself is seen once, when it is made."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.domain import Agent
from bridge.shapes import time_text
from bridge.store import keys
from bridge.store.connection import TextRedis

PREFIX = "pbt"


class Role(StrEnum):
    """What a token may read. An agent's token only that agent's popups and calls; admin includes supervisor."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Grant:
    """A token's rights, without the token."""

    token_id: str
    role: Role
    crm: str
    crm_user: str
    created_at: str
    expires_at: str

    @property
    def supervises(self) -> bool:
        """Whether it may read everybody's."""
        return self.role in (Role.SUPERVISOR, Role.ADMIN)

    def owns(self, crm: str, crm_user: str) -> bool:
        """Whether this is the agent's own, or the role may read everybody's."""
        return self.supervises or (self.crm, self.crm_user) == (crm, crm_user)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def create(
    redis: TextRedis, role: Role, agent: Agent | None, now: datetime, expires_at: datetime
) -> tuple[Grant, str]:
    """A new token: what it may do, and the text that is never seen again."""
    token_id = secrets.token_hex(6)
    text = f"{PREFIX}_{token_id}_{secrets.token_urlsafe(32)}"
    crm, crm_user = (agent.crm, agent.crm_user) if agent else ("", "")
    grant = Grant(token_id, role, crm, crm_user, time_text(now), time_text(expires_at))
    fields = {
        "role": str(role),
        "crm": crm,
        "crm_user": crm_user,
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
        "hash": _digest(text),
    }
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(keys.token(token_id), mapping=fields)
        pipe.expire(keys.token(token_id), max(1, int((expires_at - now).total_seconds())))
        pipe.sadd(keys.TOKENS, token_id)
        await pipe.execute()
    return grant, text


async def check(redis: TextRedis, text: str, now: datetime) -> Grant | None:
    """The rights of a token that exists and has not expired."""
    prefix, _, rest = text.partition("_")
    token_id, _, _ = rest.partition("_")
    if prefix != PREFIX or not token_id.isalnum() or len(text) > 200:
        return None
    fields = await redis.hgetall(keys.token(token_id))
    if not hmac.compare_digest(fields.get("hash", ""), _digest(text)):
        return None
    return None if datetime.fromisoformat(fields["expires_at"]) <= now else _grant(token_id, fields)


async def every(redis: TextRedis) -> list[Grant]:
    """All tokens that have not expired, newest last."""
    grants = []
    for token_id in await redis.smembers(keys.TOKENS):
        fields = await redis.hgetall(keys.token(token_id))
        if fields:
            grants.append(_grant(token_id, fields))
        else:
            await redis.srem(keys.TOKENS, token_id)
    return sorted(grants, key=lambda grant: grant.created_at)


async def revoke(redis: TextRedis, token_id: str) -> bool:
    """End a token at once. False: there is none with this id."""
    await redis.srem(keys.TOKENS, token_id)
    return bool(await redis.delete(keys.token(token_id)))


def _grant(token_id: str, fields: dict[str, str]) -> Grant:
    return Grant(
        token_id, Role(fields["role"]), fields["crm"], fields["crm_user"], fields["created_at"], fields["expires_at"]
    )
