"""Bearer tokens for the API and the pages. Only a hash is stored; the token itself is shown once, when it is created.

A page trades the token in its link for a session of its own, which ends with that token. `sessions` renews its text.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.core.json_codec import time_text
from bridge.core.model import Agent
from bridge.store import counters, keys
from bridge.store.client import TextRedis
from bridge.store.desktop import stream
from bridge.store.grants import Grant, Kind, Role, Via

__all__ = [
    "Grant",
    "Kind",
    "Role",
    "Via",
    "begin",
    "check",
    "check_read",
    "create",
    "ending_with",
    "every",
    "living",
    "present",
    "revoke",
    "trade",
]

PREFIX = "pbt"
WHOLE = re.compile(r"pbt_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
ENDED_SECONDS = keys.DAY
"""How long whoever has an ended token is told why it ended."""
LINK_LIFE, SESSION_LIFE = timedelta(minutes=5), timedelta(hours=12)
IDLE = timedelta(hours=72)
GRACE_SECONDS = 60
"""How long the text before the newest one of a session is still good: other requests are on their way with it."""
TEXTS = ["hash", "next", "former"]
"""The digests of a session's present text, the one after it, and the one before."""
FIELDS = ("role", "crm", "crm_user", "created_at", "expires_at", "kind", "parent", "via", "subject", "until")

# KEYS: the token. ARGV: names and values of its fields. Gives 0 where it has ended
CHANGE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
"""


def digest(token: str) -> str:
    """What is stored of a token's text."""
    return hashlib.sha256(token.encode()).hexdigest()


async def create(
    redis: TextRedis,
    role: Role,
    agent: Agent | None,
    now: datetime,
    expires_at: datetime,
    kind: Kind = Kind.TOKEN,
    crms: Iterable[str] = (),
    via: Via = Via.TOKEN,
) -> tuple[Grant, str]:
    """A new token: its rights, and its text, which is never shown again. `crms` limit it; none: every CRM."""
    crm, crm_user = (agent.crm, agent.crm_user) if agent else ("", "")
    via = Via.LINK if kind is Kind.LINK and via is Via.TOKEN else via
    made = Grant(secrets.token_hex(6), role, crm, crm_user, time_text(now), time_text(expires_at), kind)
    return await _keep(redis, replace(made, crms=tuple(crms), via=via))


async def trade(
    redis: TextRedis, given: Grant, now: datetime, life: timedelta = SESSION_LIFE, idle: timedelta = IDLE
) -> tuple[Grant, str] | None:
    """A session for a token or a link. None: meanwhile the link was used, or the token revoked.

    A session never outlives the token it was traded for; a link can be used once.
    """
    if given.kind is Kind.LINK and not await _end(redis, [given.token_id], "used"):
        return None
    ends = [now + life]
    if limit := given.expires_at if given.kind is Kind.TOKEN else given.until:
        ends.append(datetime.fromisoformat(limit))
    parent = given.token_id if given.kind is Kind.TOKEN else given.parent
    session, text = await begin(redis, replace(given, parent=parent), now, min(ends), idle)
    if parent and not await _lives(redis, parent):  # whoever revoked it may not have seen the session
        await revoke(redis, session.token_id)
        return None
    return session, text


async def _lives(redis: TextRedis, parent: str) -> bool:
    """Whether a token, or a sign-in at the identity provider, has not ended."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.exists(keys.token(parent), keys.signin(parent))
        return bool((await pipe.execute())[0])


async def link(redis: TextRedis, rights: Grant, now: datetime, life: timedelta = LINK_LIFE) -> str:
    """A link to a session with these rights that ends when they do, at the latest: with the token or sign-in that they
    come from, else with the session that asks. It is good once."""
    parent = rights.parent or rights.token_id
    made = replace(rights, token_id=secrets.token_hex(6), kind=Kind.LINK, parent=parent, until=rights.expires_at)
    return (await _keep(redis, replace(made, created_at=time_text(now), expires_at=time_text(now + life))))[1]


async def begin(
    redis: TextRedis, rights: Grant, now: datetime, expires_at: datetime, idle: timedelta
) -> tuple[Grant, str]:
    """A new session with these rights. It ends at `expires_at`, or when it was not used for `idle`."""
    new = replace(rights, token_id=secrets.token_hex(6), kind=Kind.SESSION, until="")
    return await _keep(redis, replace(new, created_at=time_text(now), expires_at=time_text(expires_at)), idle)


async def change(redis: TextRedis, token_id: str, fields: dict[str, str]) -> bool:
    """Change what is stored of a token, unless it has ended meanwhile: then False."""
    words = [word for pair in fields.items() for word in pair]
    return bool(await redis.eval(CHANGE, 1, keys.token(token_id), *words))


def new_text(token_id: str) -> str:
    """A new secret text for the token of this id."""
    return f"{PREFIX}_{token_id}_{secrets.token_urlsafe(32)}"


async def _keep(redis: TextRedis, grant: Grant, idle: timedelta | None = None) -> tuple[Grant, str]:
    text = new_text(grant.token_id)
    fields = {name: str(getattr(grant, name)) for name in FIELDS} | {"hash": digest(text)}
    if grant.crms:
        fields["crms"] = json.dumps(grant.crms)
    life = datetime.fromisoformat(grant.expires_at) - datetime.fromisoformat(grant.created_at)
    whole = max(1, int(life.total_seconds()))
    life = life if idle is None else min(life, idle)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(keys.token(grant.token_id), mapping=fields)
        pipe.expire(keys.token(grant.token_id), max(1, int(life.total_seconds())))
        pipe.sadd(keys.TOKENS, grant.token_id)
        if grant.parent:
            together = keys.ending_with(grant.parent)
            pipe.sadd(together, grant.token_id)
            pipe.expire(together, whole, nx=True)
            pipe.expire(together, whole, gt=True)
        await pipe.execute()
    return grant, text


async def check(redis: TextRedis, text: str, now: datetime) -> Grant | None:
    """The rights of a token that exists and has not expired."""
    if not (token_id := _id_in(text)):
        return None
    return await _checked(redis, token_id, await redis.hgetall(keys.token(token_id)), text, now)


async def check_read(redis: TextRedis, text: str, now: datetime, source: str) -> tuple[Grant | None, int]:
    """As `check`, and the number of reads from this source in this minute, in one round trip."""
    token_id = _id_in(text)
    if not token_id:
        return None, 0
    async with redis.pipeline(transaction=False) as pipe:
        counters.buffer_happened(pipe, "read", "", source, now.timestamp())
        pipe.hgetall(keys.token(token_id))
        times, _, fields = await pipe.execute()
    return await _checked(redis, token_id, fields, text, now), int(times)


def _id_in(text: str) -> str:
    """The id in a token; empty when it is not one of ours."""
    prefix, _, rest = text.partition("_")
    token_id, _, _ = rest.partition("_")
    return token_id if prefix == PREFIX and token_id.isalnum() and len(text) <= 200 else ""


async def _checked(redis: TextRedis, token_id: str, fields: dict[str, str], text: str, now: datetime) -> Grant | None:
    given = digest(text)
    if not _matches(fields, given, now):
        return None
    if hmac.compare_digest(fields.get("next", ""), given):  # the browser has the new text: the old one ends soon
        until = time_text(now + timedelta(seconds=GRACE_SECONDS))
        told = {"hash": given, "next": "", "former": fields["hash"], "former_until": until}
        await change(redis, token_id, told)
    grant = grant_of(token_id, fields)
    return None if grant.has_expired(now) else grant


def _matches(fields: dict[str, str], given: str, now: datetime) -> bool:
    """Whether a digest is that of the present text, of the one that a renewal has just made, or still of the last."""
    good = [fields.get("hash", ""), fields.get("next", "")]
    if (until := fields.get("former_until")) and now < datetime.fromisoformat(until):
        good.append(fields.get("former", ""))
    return any(hmac.compare_digest(one, given) for one in good)


async def why_refused(redis: TextRedis, text: str) -> str:
    """Why `check` gave nothing, as far as it may be told to whoever has this text: `no-token`, `incomplete-token`
    (part of it is missing or changed), `used-link`, `revoked-token`, `signed-out`, or `bad-token`: it has expired, or
    never was one."""
    if not text:
        return "no-token"
    if not WHOLE.fullmatch(text):
        return "incomplete-token" if text.startswith(PREFIX) else "bad-token"
    token_id = _id_in(text)
    async with redis.pipeline(transaction=False) as pipe:
        pipe.get(keys.ended_token(token_id))
        pipe.hgetall(keys.token(token_id))
        ended, fields = await pipe.execute()
    why, *digests = (ended or "").split(" ")
    if any(hmac.compare_digest(one, digest(text)) for one in digests):
        return {"used": "used-link", "left": "signed-out"}.get(why, "revoked-token")
    was_good = digest(text) in [fields.get(name) for name in TEXTS]
    return "incomplete-token" if fields and not was_good else "bad-token"


async def living(redis: TextRedis, token_ids: Iterable[str]) -> set[str]:
    """Those of these tokens that still exist."""
    wanted = list(token_ids)
    async with redis.pipeline(transaction=False) as pipe:
        for token_id in wanted:
            pipe.exists(keys.token(token_id))
        there = await pipe.execute()
    return {token_id for token_id, found in zip(wanted, there, strict=True) if found}


async def present(redis: TextRedis, token_ids: Iterable[str]) -> dict[str, Grant]:
    """The rights of those of these tokens that still exist."""
    wanted = list(token_ids)
    async with redis.pipeline(transaction=False) as pipe:
        for token_id in wanted:
            pipe.hgetall(keys.token(token_id))
        found = await pipe.execute()
    return {token_id: grant_of(token_id, fields) for token_id, fields in zip(wanted, found, strict=True) if fields}


async def every(redis: TextRedis) -> list[Grant]:
    """All tokens that have not expired, newest last."""
    return await _in(redis, keys.TOKENS)


async def ending_with(redis: TextRedis, parent: str) -> list[Grant]:
    """The sessions and links that end with a token or a sign-in, newest last."""
    return await _in(redis, keys.ending_with(parent))


async def _in(redis: TextRedis, kept: str) -> list[Grant]:
    ids = sorted(await redis.smembers(kept))
    async with redis.pipeline(transaction=False) as pipe:
        for token_id in ids:
            pipe.hgetall(keys.token(token_id))
        found = dict(zip(ids, await pipe.execute(), strict=True))
    if gone := [token_id for token_id, fields in found.items() if not fields]:
        await redis.srem(kept, *gone)
    grants = [grant_of(token_id, fields) for token_id, fields in found.items() if fields]
    return sorted(grants, key=lambda grant: grant.created_at)


async def revoke(redis: TextRedis, token_id: str, why: str = "revoked") -> bool:
    """End a token and its sessions immediately; open pages are notified. False: no token has this id.

    `why` is `revoked`, or `left`: its owner has signed out."""
    ended = [token_id, *await redis.smembers(keys.ending_with(token_id))]
    there = await _end(redis, ended, why)
    await stream.publish(redis, stream.REVOKED, ended)
    return there


async def _end(redis: TextRedis, token_ids: list[str], why: str) -> bool:
    """Whether any of them was there. Two that end the same link at once: True for one of them."""
    async with redis.pipeline(transaction=True) as pipe:
        for token_id in token_ids:
            pipe.hmget(keys.token(token_id), TEXTS)
        pipe.delete(*map(keys.token, token_ids))
        pipe.srem(keys.TOKENS, *token_ids)
        *hashes, there, _ = await pipe.execute()
    for token_id, digests in zip(token_ids, hashes, strict=True):
        if any(digests):
            told = " ".join([why, *filter(None, digests)])
            await redis.set(keys.ended_token(token_id), told, ex=ENDED_SECONDS)
    return bool(there)


def grant_of(token_id: str, fields: dict[str, str]) -> Grant:
    """What is stored of a token, as its rights."""
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
        via=Via(fields.get("via") or Via.TOKEN),
        subject=fields.get("subject", ""),
        until=fields.get("until", ""),
    )
