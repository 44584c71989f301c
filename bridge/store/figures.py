"""The figures of a day for each CRM: calls answered and missed, popups delivered and seen, how fast popups were.

They stand beside the other counters and are counted in the same writes. A day is the CRM's own, by the time zone of its
phone system.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from math import sqrt

from bridge.store import counters, keys
from bridge.store.client import Evaluates, TextRedis

DAY = "day"
ANSWERED, MISSED, DELIVERED, SEEN, SPEED = "answered", "missed", "delivered", "seen", "ms"
STEP, STEPS = 1.2, 70
KEPT = timedelta(days=2)

# KEYS: mark of the call, counters. ARGV: what (answered or missed), field of answered, field of missed, life in s.
# A call counts once however many extensions it rings on; one that was missed and is answered later was not missed
COUNT_CALL = """
local before = redis.call('GET', KEYS[1])
if before == ARGV[1] or before == 'answered' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])
if before == 'missed' then redis.call('HINCRBY', KEYS[2], ARGV[3], -1) end
redis.call('HINCRBY', KEYS[2], ARGV[1] == 'answered' and ARGV[2] or ARGV[3], 1)
return 1
"""

Counts = list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted; `median_ms` from click or event to a delivered popup, None where there was none."""

    answered: int = 0
    missed: int = 0
    delivered: int = 0
    seen: int = 0
    median_ms: float | None = None


@cache
def bounds() -> tuple[float, ...]:
    """Upper bounds in milliseconds, so that a median is at most a tenth beside the true one."""
    return tuple(STEP**step for step in range(STEPS + 1))


def counted(day: str, crm: str, what: str) -> str:
    """The field of the counters that counts `what`."""
    return counters.field(DAY, day, crm, what)


def delivered(day: str, crm: str, seconds: float) -> Counts:
    """What to count when a popup was delivered `seconds` after its click or event."""
    ms = max(0.0, seconds * 1000)
    place = next((place for place, bound in enumerate(bounds()) if ms <= bound), len(bounds()) - 1)
    return [(counted(day, crm, DELIVERED), 1), (counters.field(DAY, day, crm, SPEED, str(place)), 1)]


async def count_call(redis: Evaluates, day: str, crm: str, call: str, what: str) -> None:
    """Count a call, by its identity, as `ANSWERED` or `MISSED`."""
    mark = keys.counted(crm, sha256(call.encode()).hexdigest()[:32])
    fields = (counted(day, crm, ANSWERED), counted(day, crm, MISSED))
    await redis.eval(COUNT_CALL, 2, mark, keys.COUNTERS, what, *fields, keys.CALL_SECONDS)


async def of_days(redis: TextRedis, days: Mapping[str, str]) -> dict[str, Counter[str]]:
    """The counts of these CRMs on these days of theirs, by CRM."""
    every = await counters.every(redis)
    found: dict[str, Counter[str]] = {crm: Counter() for crm in days}
    for (name, *labels), value in every.items():
        if name == DAY and len(labels) > 2 and days.get(labels[1]) == labels[0]:
            found[labels[1]][" ".join(labels[2:])] += value
    return found


def together(counts: Iterable[Counter[str]]) -> Figures:
    """The figures of several CRMs."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return Figures(max(0, total[ANSWERED]), max(0, total[MISSED]), total[DELIVERED], total[SEEN], _median(total))


def _median(total: Counter[str]) -> float | None:
    speeds = [total[f"{SPEED} {place}"] for place in range(len(bounds()))]
    seen, half = 0, sum(speeds) / 2
    for place, times in enumerate(speeds):
        seen += times
        if times and seen >= half:
            return round(bounds()[place] / sqrt(STEP), 1)
    return None


async def forget_old(redis: TextRedis, now: datetime) -> None:
    """Remove the days that nobody is shown any more."""
    oldest = (now - KEPT).date().isoformat()
    every: Collection[tuple[str, ...]] = await counters.every(redis)
    old = [counters.field(*labels) for labels in every if labels[0] == DAY and labels[1] < oldest]
    if old:
        await redis.hdel(keys.COUNTERS, *old)
