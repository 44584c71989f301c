"""Web processes of one installation ask its phone systems together: how they find each other."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex

from redis.exceptions import RedisError

from bridge.calls.circle import Circle, Line
from bridge.calls.live_calls import Lookup
from bridge.config.models import PbxAccount, secrets_of
from bridge.core import background
from bridge.store.calls import questions
from bridge.store.calls.questions import Asks, Here, Says
from bridge.store.client import TextRedis
from bridge.store.scripts import Scripts

BEAT_SECONDS, IDLE_SECONDS, ALONE_SECONDS, AGAIN_SECONDS = 0.25, 1.0, 5.0, 1.0
"""How often a process says how many clicks it has; that it lives, while it has none; and while it hears of no other,
for one that comes: that says so at once, and is answered at once."""
ROUNDS = 50_000
SHAPE = "1"
"""Of what is passed on: processes with another do not hear each other."""


async def ask_together(lookup: Lookup, redis: TextRedis, ticks: Callable[[], float]) -> None:
    """Ask the phone systems of `lookup` together with other processes, for as long as this runs."""
    line = Line(Scripts(redis), ticks)
    circles = {}
    for name, system in lookup.systems.items():
        account = await asyncio.to_thread(digest_of, name, system.account)
        circles[account] = Circle(account, system.account.fresh_seconds, system.questions, line)
        system.questions.partners = circles[account]
    hearing = asyncio.create_task(_hear(redis, line, circles, who := token_hex(8)))
    try:
        await _beat(line, circles, who)
    finally:
        for system in lookup.systems.values():
            system.questions.partners = None
        await background.end(hearing)


def digest_of(name: str, account: PbxAccount) -> str:
    """What processes must have in common to ask together: the phone system's name, its settings, its secrets, of which
    nothing can be found out by whoever reads Redis, short of guessing them at some 10 ms for each guess."""
    told = json.dumps([SHAPE, name, dict(account)], sort_keys=True, default=str)
    known = "\0".join(sorted(secret.reveal() for secret in secrets_of(account)))
    return hashlib.pbkdf2_hmac("sha256", known.encode(), told.encode(), ROUNDS, 16).hex()


async def _beat(line: Line, circles: dict[str, Circle], who: str) -> None:
    last = before = float("-inf")
    while True:
        now = line.ticks()
        seconds, before = min(now - before, ALONE_SECONDS), now
        rates = {account: rate for account, circle in circles.items() if (rate := circle.rate(seconds)) >= 0.1}
        if rates or now - last >= IDLE_SECONDS:
            last = now
            with suppress(RedisError, OSError):
                line.measure(now, await questions.beat(line.scripts, who, rates))
        await line.pause(ALONE_SECONDS if line.is_alone else BEAT_SECONDS)


async def _hear(redis: TextRedis, line: Line, circles: dict[str, Circle], who: str) -> None:
    while True:
        with suppress(RedisError, OSError):
            async for told in questions.hear(redis):
                if told is None:
                    line.is_open = True
                elif isinstance(told, Here):
                    _greet(told, line, circles, who)
                elif (circle := circles.get(told.account)) is not None:
                    _pass_on(told, circle)
        line.is_open = False
        for circle in circles.values():
            circle.lose_all()
        await asyncio.sleep(AGAIN_SECONDS)


def _greet(told: Here, line: Line, circles: dict[str, Circle], who: str) -> None:
    if told.who != who:
        line.meet()
        for account, circle in circles.items():
            circle.is_here(told.who, told.rates.get(account))


def _pass_on(told: Asks | Says, circle: Circle) -> None:
    if isinstance(told, Asks):
        circle.asks(told)
    else:
        circle.says(told)
