"""What all processes together keep for one account of the settings: what its adapter remembers, its OAuth tokens, and
when its last requests were sent.

Tokens are encrypted by a key that is derived from the account's own secrets in the settings: who can read Redis, its
files or a backup of it alone gets none, and no further secret has to be made and kept. Where those secrets change, what
was kept cannot be read any more, and tokens are fetched anew.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken
from redis.exceptions import RedisError

from bridge.core.http_types import Secret
from bridge.core.tokens import KeptTokens, RateLimit
from bridge.store import keys, leases
from bridge.store.client import TextRedis

TOKENS_SECONDS = 400 * keys.DAY
"""Refresh tokens live for up to a year with some vendors."""

# KEYS: the last requests under each limit, newest first; some may be of turns to come. ARGV: for how long a turn may be
# waited for in microseconds; then of each limit, how many may be sent in a period and the period in microseconds. Gives
# how many microseconds from now the turn is, behind those that are taken: noted if that is within the first, else not.
TAKE_TURN = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local turn = now
for number, key in ipairs(KEYS) do
  local most, period = tonumber(ARGV[2 * number]), tonumber(ARGV[2 * number + 1])
  local newest, nth = redis.call('LINDEX', key, 0), redis.call('LINDEX', key, most - 1)
  turn = math.max(turn, newest or 0, nth and nth + period or 0)
end
if turn - now > tonumber(ARGV[1]) then return turn - now end
for number, key in ipairs(KEYS) do
  redis.call('LPUSH', key, string.format('%.0f', turn))
  redis.call('LTRIM', key, 0, ARGV[2 * number] - 1)
  redis.call('PEXPIRE', key, math.ceil((turn - now + ARGV[2 * number + 1]) / 1000) + 1000)
end
return turn - now
"""


class AccountStore:
    """One account's part of Redis. `account` is `crm:NAME` or `pbx:NAME`; `secrets` are those of its settings. What an
    account of one `kind` remembers, another of the same name does not know."""

    def __init__(self, redis: TextRedis, account: str, secrets: Sequence[Secret], kind: str = "") -> None:
        self._redis, self._account, self._kind = redis, account, kind
        together = "\0".join(sorted(secret.reveal() for secret in secrets))
        digest = hashlib.sha256(f"popbridge tokens {account}\0{together}".encode()).digest()
        self._cipher = Fernet(base64.urlsafe_b64encode(digest))

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        """Keep `value`. Beside it, in plain, the key and whom it names, so that an erasure finds the person.

        Raises redis-py's errors and OSError, unless it is not `vital`.
        """
        account, names = self._account.partition(":")[2], key.partition(" ")[2]
        text = json.dumps({"account": account, "names": names, "key": key, "value": value}, ensure_ascii=False)
        place, lives = self._place(key), max(1, int(ttl.total_seconds() * 1000))
        try:
            await self._redis.set(place, text, px=lives)
        except (RedisError, OSError):
            if vital:
                raise

    async def recall(self, key: str) -> str | None:
        """What was remembered under `key`; None where that is nothing, or cannot be read."""
        try:
            kept = json.loads(await self._redis.get(self._place(key)) or "null")
        except (RedisError, OSError, ValueError):
            return None
        value = kept.get("value") if isinstance(kept, dict) and kept.get("key") == key else None
        return value if isinstance(value, str) else None

    def _place(self, key: str) -> str:
        return keys.remembered(self._account, f"{self._kind} {key}" if self._kind else key)

    async def load_tokens(self) -> KeptTokens | None:
        """The tokens that were kept last; None when there are none that these secrets can read."""
        text = await self._redis.get(keys.oauth(self._account))
        if not text:
            return None
        try:
            kept = json.loads(self._cipher.decrypt(text.encode()))
        except (InvalidToken, ValueError):
            return None
        return KeptTokens(
            Secret(kept["access"]),
            datetime.fromtimestamp(kept["expires_at"], UTC),
            tuple(Secret(one) for one in kept["refresh"]),
        )

    async def save_tokens(self, tokens: KeptTokens) -> None:
        """Keep these instead."""
        plain = json.dumps(
            {
                "access": tokens.access.reveal(),
                "expires_at": tokens.expires_at.timestamp(),
                "refresh": [one.reveal() for one in tokens.refresh],
            }
        )
        text = self._cipher.encrypt(plain.encode()).decode()
        await self._redis.set(keys.oauth(self._account), text, ex=TOKENS_SECONDS)

    async def lock(self, holder: str, seconds: float) -> bool:
        """Whether `holder` may renew the tokens now; nobody else may for `seconds`, or until `unlock`."""
        return await leases.take(self._redis, keys.oauth_lock(self._account), holder, seconds)

    async def unlock(self, holder: str) -> None:
        """Let others renew."""
        await leases.release(self._redis, keys.oauth_lock(self._account), holder)

    async def take_turn(self, limits: Sequence[RateLimit], patience: float = 0.0) -> float:
        """Seconds until a request may be sent. 0.0: now. Up to `patience`: then, the turn is kept for it. Above that
        nothing is kept, and it is worth asking again after so long.

        Exact over all processes, by Redis' own clock: never more than `requests` in any `seconds` of each limit.
        """
        names = [keys.requests(self._account, f"{limit.requests}/{limit.seconds:g}") for limit in limits]
        told = [number for limit in limits for number in (limit.requests, int(limit.seconds * 1_000_000))]
        wait = await self._redis.eval(TAKE_TURN, len(names), *names, int(patience * 1_000_000), *told)
        return int(wait) / 1_000_000
