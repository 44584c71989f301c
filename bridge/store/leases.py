"""Leases: for a while one process alone does something; who dies over it keeps others out no longer than that."""

from bridge.store.client import Evaluates, TextRedis

# KEYS: the lease. ARGV: who holds it
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


# KEYS: the lease. ARGV: who, for how many milliseconds
HOLD = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


async def take(redis: TextRedis, key: str, owner: str, seconds: float) -> bool:
    """Whether it is `owner`'s now, for `seconds`; False: somebody holds it."""
    return bool(await redis.set(key, owner, nx=True, px=max(1, int(seconds * 1000))))


async def hold(redis: Evaluates, key: str, owner: str, seconds: float) -> bool:
    """As `take`, and `owner` may go on with what it holds, for `seconds` from now."""
    return bool(await redis.eval(HOLD, 1, key, owner, max(1, int(seconds * 1000))))


async def release(redis: Evaluates, key: str, owner: str) -> None:
    """Let others have it, if it is still `owner`'s."""
    await redis.eval(RELEASE, 1, key, owner)
