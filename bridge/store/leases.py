"""Leases: for a while one process alone does something; who dies over it keeps others out no longer than that."""

from bridge.store.client import Evaluates, TextRedis

# KEYS: the lease. ARGV: who holds it
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


async def take(redis: TextRedis, key: str, owner: str, seconds: float) -> bool:
    """Whether it is `owner`'s now, for `seconds`; False: somebody holds it."""
    return bool(await redis.set(key, owner, nx=True, px=max(1, int(seconds * 1000))))


async def release(redis: Evaluates, key: str, owner: str) -> None:
    """Let others have it, if it is still `owner`'s."""
    await redis.eval(RELEASE, 1, key, owner)
