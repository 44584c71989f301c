"""What web processes tell each other about their questions to phone systems: who asks, and what was answered.

Answers go by a channel and are kept nowhere, on no disk either, so nothing of them has to be erased. What is kept is
who asks at this moment: a lease of a second at most, which names a process.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from bridge.store import channels, keys
from bridge.store.client import Evaluates, TextRedis

HERE, ASKS, SAYS = "here", "asks", "says"
SEPARATOR, PARTS = "\x1f", 4
"""Of a message; what comes last may contain anything."""

# KEYS: the lease, the channel. ARGV: account, question, milliseconds, '1': ask in any case. Gives what is held instead
TAKE = """
local held, time = redis.call('GET', KEYS[1]), redis.call('TIME')
if held and ARGV[4] ~= '1' then return {held, redis.call('PTTL', KEYS[1])} end
local told = string.format('%s %d%06d', ARGV[2], time[1], time[2])
if not held then redis.call('SET', KEYS[1], told, 'PX', ARGV[3]) end
redis.call('PUBLISH', KEYS[2], table.concat({'asks', ARGV[1], told, ARGV[3]}, string.char(31)))
return {}
"""

# KEYS: the lease, the channel. ARGV: account, question, what was answered
SAY = """
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[2] + 1) == ARGV[2] .. ' ' then redis.call('DEL', KEYS[1]) end
redis.call('PUBLISH', KEYS[2], table.concat({'says', ARGV[1], ARGV[2], ARGV[3]}, string.char(31)))
"""

# KEYS: the channel. ARGV: who, how many clicks a second ask which account
BEAT = """
redis.call('PUBLISH', KEYS[1], table.concat({'here', ARGV[1], ARGV[2], ''}, string.char(31)))
local time = redis.call('TIME')
return string.format('%d%06d', time[1], time[2])
"""


@dataclass(frozen=True, slots=True)
class Here:
    """A process lives; of how many clicks a second it asks about each account, where there are any."""

    who: str
    rates: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Asks:
    """A process is about to ask. `at` is Redis' time before that, in microseconds; after `seconds` it is given up."""

    account: str
    question: str
    at: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Says:
    """What was answered; "": nothing that could be passed on."""

    account: str
    question: str
    text: str


async def take(redis: Evaluates, account: str, question: str, seconds: float, anyway: bool = False) -> Asks | None:
    """None: `question` is this account's now, for `seconds`, and all are told. Else the question that is being asked
    already, for how long it still may. `anyway`: tell all of a question that is asked whatever others do."""
    words = (account, question, max(1, int(1000 * seconds)), "1" if anyway else "")
    found = await redis.eval(TAKE, 2, keys.question(account), keys.QUESTIONS, *words)
    return _asks(account, found[0], int(found[1])) if found else None


async def say(redis: Evaluates, account: str, question: str, text: str) -> None:
    """Tell all what was answered, and let others ask."""
    await redis.eval(SAY, 2, keys.question(account), keys.QUESTIONS, account, question, text)


async def beat(redis: Evaluates, who: str, rates: Mapping[str, float]) -> int:
    """Tell all that this process lives. Gives Redis' time, in microseconds."""
    return int(await redis.eval(BEAT, 1, keys.QUESTIONS, who, json.dumps(rates)))


async def hear(redis: TextRedis) -> AsyncGenerator[Here | Asks | Says | None, None]:
    """What all processes tell from now on, this one too. None comes first; what cannot be read is passed over: another
    version may have sent it. Raises redis-py's errors and OSError when the connection breaks."""
    async with aclosing(channels.messages(redis, keys.QUESTIONS)) as messages:
        async for text in messages:
            if text is None:
                yield None
            elif (told := _read(text)) is not None:
                yield told


def _read(text: str) -> Here | Asks | Says | None:
    kind, _, rest = text.partition(SEPARATOR)
    parts = rest.split(SEPARATOR, PARTS - 2)
    if len(parts) < PARTS - 1:
        return None
    try:
        if kind == HERE:
            return Here(parts[0], {str(name): float(rate) for name, rate in json.loads(parts[1]).items()})
        if kind == ASKS:
            return _asks(parts[0], parts[1], int(parts[2]))
    except (ValueError, TypeError, AttributeError):
        return None
    return Says(*parts) if kind == SAYS else None


def _asks(account: str, told: str, milliseconds: int) -> Asks:
    """Raises ValueError."""
    question, _, at = told.rpartition(" ")
    return Asks(account, question, int(at), max(0, milliseconds) / 1000)
