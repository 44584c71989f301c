"""Bearer tokens for the API and the pages. Only a hash is stored; the token itself is shown once, when it is created.

A desktop page trades the token in its link for a session of its own, which ends with that token.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.core.json_codec import time_text
from bridge.core.model import Agent
from bridge.store import counters, keys
from bridge.store.client import TextRedis
from bridge.store.desktop import stream
from bridge.store.grants import Grant, Kind, Role

__all__ = ["Grant", "Kind", "Role", "check", "check_read", "create", "every", "living", "revoke", "trade"]

PREFIX = "pbt"
LINK_LIFE, SESSION_LIFE = timedelta(minutes=5), timedelta(hours=12)


FIELDS = ("role", "crm", "crm_user", "created_at", "expires_at", "kind", "parent")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def create(
    redis: TextRedis,
    role: Role,
    agent: Agent | None,
    now: datetime,
    expires_at: datetime,
    kind: Kind = Kind.TOKEN,
    crms: Iterable[str] = (),
) -> tuple[Grant, str]:
    """A new token: its rights, and its text, which is never shown again. `crms` limit it; none: every CRM."""
    crm, crm_user = (agent.crm, agent.crm_user) if agent else ("", "")
    return await _keep(redis, replace(_new(role, crm, crm_user, now, expires_at, kind), crms=tuple(crms)))


async def trade(redis: TextRedis, given: Grant, now: datetime) -> tuple[Grant, str] | None:
    """A session for an agent's token or link. None: meanwhile the link was used, or the token revoked.

    A session never outlives the token it was traded for; a link can be used once.
    """
    if given.kind is Kind.LINK and not await _use_up(redis, given.token_id):
        return None
    expires_at, parent = now + SESSION_LIFE, ""
    if given.kind is Kind.TOKEN:
        expires_at, parent = min(expires_at, datetime.fromisoformat(given.expires_at)), given.token_id
    session, text = await _keep(
        redis, _new(given.role, given.crm, given.crm_user, now, expires_at, Kind.SESSION, parent)
    )
    if parent and not await living(redis, [parent]):  # whoever revoked it may not have seen the session
        await revoke(redis, session.token_id)
        return None
    return session, text


async def _use_up(redis: TextRedis, token_id: str) -> bool:
    await redis.srem(keys.TOKENS, token_id)
    return bool(await redis.delete(keys.token(token_id)))


def _new(
    role: Role, crm: str, crm_user: str, now: datetime, expires_at: datetime, kind: Kind, parent: str = ""
) -> Grant:
    return Grant(secrets.token_hex(6), role, crm, crm_user, time_text(now), time_text(expires_at), kind, parent)


async def _keep(redis: TextRedis, grant: Grant) -> tuple[Grant, str]:
    text = f"{PREFIX}_{grant.token_id}_{secrets.token_urlsafe(32)}"
    fields = {name: str(getattr(grant, name)) for name in FIELDS} | {"hash": _digest(text)}
    if grant.crms:
        fields["crms"] = json.dumps(grant.crms)
    life = datetime.fromisoformat(grant.expires_at) - datetime.fromisoformat(grant.created_at)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(keys.token(grant.token_id), mapping=fields)
        pipe.expire(keys.token(grant.token_id), max(1, int(life.total_seconds())))
        pipe.sadd(keys.TOKENS, grant.token_id)
        await pipe.execute()
    return grant, text


async def check(redis: TextRedis, text: str, now: datetime) -> Grant | None:
    """The rights of a token that exists and has not expired."""
    token_id = _id_in(text)
    return _checked(token_id, await redis.hgetall(keys.token(token_id)), text, now) if token_id else None


async def check_read(redis: TextRedis, text: str, now: datetime, source: str) -> tuple[Grant | None, int]:
    """As `check`, and the number of reads from this source in this minute, in one round trip."""
    token_id = _id_in(text)
    if not token_id:
        return None, 0
    async with redis.pipeline(transaction=False) as pipe:
        counters.buffer_happened(pipe, "read", "", source, now.timestamp())
        pipe.hgetall(keys.token(token_id))
        times, _, fields = await pipe.execute()
    return _checked(token_id, fields, text, now), int(times)


def _id_in(text: str) -> str:
    """The id in a token; empty when it is not one of ours."""
    prefix, _, rest = text.partition("_")
    token_id, _, _ = rest.partition("_")
    return token_id if prefix == PREFIX and token_id.isalnum() and len(text) <= 200 else ""


def _checked(token_id: str, fields: dict[str, str], text: str, now: datetime) -> Grant | None:
    if not hmac.compare_digest(fields.get("hash", ""), _digest(text)):
        return None
    grant = _grant(token_id, fields)
    return None if grant.has_expired(now) else grant


async def living(redis: TextRedis, token_ids: Iterable[str]) -> set[str]:
    """Those of these tokens that still exist."""
    wanted = list(token_ids)
    async with redis.pipeline(transaction=False) as pipe:
        for token_id in wanted:
            pipe.exists(keys.token(token_id))
        there = await pipe.execute()
    return {token_id for token_id, found in zip(wanted, there, strict=True) if found}


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
    """Revoke a token and its sessions immediately; open pages are notified. False: no token has this id."""
    ended = [token_id, *(grant.token_id for grant in await every(redis) if grant.parent == token_id)]
    await redis.srem(keys.TOKENS, *ended)
    there = await redis.delete(*(keys.token(one) for one in ended))
    await stream.publish(redis, stream.REVOKED, ended)
    return bool(there)


def _grant(token_id: str, fields: dict[str, str]) -> Grant:
    return Grant(
        token_id=token_id,
        role=Role(fields["role"]),
        crm=fields["crm"],
        crm_user=fields["crm_user"],
        created_at=fields["created_at"],
        expires_at=fields["expires_at"],
        kind=Kind(fields.get("kind") or Kind.TOKEN),
        parent=fields.get("parent", ""),
        crms=tuple(json.loads(fields.get("crms") or "[]")),
    )
