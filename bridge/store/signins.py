"""Sign-ins at the identity provider: those that have begun, and those whose sessions go on.

What the provider gave in confidence is encrypted by a key that is derived from the client's own secret in the settings:
who can read Redis alone gets none of it.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from bridge.core.http_types import Secret
from bridge.store import keys, leases
from bridge.store.client import TextRedis

ASKED_SECONDS = 600
"""How long a person may take at the provider."""
LOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A sign-in that has begun: what proves its answer, and where the person wanted to go."""

    nonce: str
    verifier: str
    browser: str
    to: str
    crm: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in whose sessions go on. `sub` is the provider's own id of the person, `refresh` its refresh token (empty
    without one); `id_token` names the person when they sign out there; `confirmed_at` (seconds) is when the provider
    last said who they are."""

    signin_id: str
    subject: str
    sub: str
    refresh: str
    id_token: str
    confirmed_at: float


class SignInStore:
    """The sign-ins of all processes together."""

    def __init__(self, redis: TextRedis, issuer: str, client_id: str, secret: Secret) -> None:
        self._redis = redis
        told = "\0".join(("popbridge sign-in", issuer, client_id, secret.reveal()))
        self._cipher = Fernet(base64.urlsafe_b64encode(hashlib.sha256(told.encode()).digest()))

    async def begin(self, asked: Asked) -> str:
        """The state that stands for it at the provider."""
        state = secrets.token_urlsafe(32)
        await self._redis.set(keys.asked_signin(state), self._seal(asdict(asked)), ex=ASKED_SECONDS)
        return state

    async def take(self, state: str) -> Asked | None:
        """What was begun under this state, once."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.get(keys.asked_signin(state))
            pipe.delete(keys.asked_signin(state))
            sealed, _ = await pipe.execute()
        found = self._unseal(sealed or "")
        return Asked(**found) if found else None

    async def keep(self, signin: SignIn, life: timedelta, due: datetime | None) -> None:
        """Keep it while its sessions may last, and ask the provider again when it is `due` (None: never)."""
        place = keys.signin(signin.signin_id)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(place, self._seal(asdict(signin)), ex=max(1, int(life.total_seconds())))
            if due is not None:
                pipe.zadd(keys.SIGNINS, {signin.signin_id: due.timestamp()})
            await pipe.execute()

    async def find(self, signin_id: str) -> SignIn | None:
        """It, unless it has ended or the client's secret has changed."""
        found = self._unseal(await self._redis.get(keys.signin(signin_id)) or "")
        return SignIn(**found) if found else None

    async def change(self, signin: SignIn, **changed: Any) -> None:
        """Keep it changed, as long as before, if it has not ended."""
        sealed = self._seal(asdict(replace(signin, **changed)))
        await self._redis.eval(CHANGE, 1, keys.signin(signin.signin_id), sealed)

    async def due(self, now: datetime, most: int) -> list[str]:
        """Sign-ins that the provider should be asked about now."""
        found: list[str] = await self._redis.zrangebyscore(keys.SIGNINS, "-inf", now.timestamp(), 0, most)
        return found

    async def is_mine(self, signin_id: str, now: datetime) -> bool:
        """Whether this process asks about it now: nobody else does, and nobody has since it was due. A refresh token
        that is used twice counts as stolen."""
        if not await leases.take(self._redis, keys.signin_lock(signin_id), "renewal", LOCK_SECONDS):
            return False
        due = await self._redis.zscore(keys.SIGNINS, signin_id)
        if due is not None and due <= now.timestamp():
            return True
        await leases.release(self._redis, keys.signin_lock(signin_id), "renewal")
        return False

    async def postpone(self, signin_id: str, due: datetime) -> None:
        """Ask about it then."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(keys.SIGNINS, {signin_id: due.timestamp()}, xx=True)
            pipe.delete(keys.signin_lock(signin_id))
            await pipe.execute()

    async def forget(self, signin_id: str) -> None:
        """It has ended."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.signin(signin_id), keys.signin_lock(signin_id))
            pipe.zrem(keys.SIGNINS, signin_id)
            await pipe.execute()

    def _seal(self, value: dict[str, Any]) -> str:
        return self._cipher.encrypt(json.dumps(value).encode()).decode()

    def _unseal(self, text: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._cipher.decrypt(text.encode()))
        except (InvalidToken, ValueError):
            return None
        return found


# KEYS: the sign-in. ARGV: what it is from now on
CHANGE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
return 1
"""
