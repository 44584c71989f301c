"""Accepting a click exactly once: which process answers it, the stored answer, the transaction that writes it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from bridge.core.errors import TooManyClicks, Unavailable
from bridge.core.model import Click
from bridge.store import keys, leases, trouble
from bridge.store.client import Batch, Word
from bridge.store.scripts import CARRY_OUT, Scripts

log = logging.getLogger(__name__)

RUNNING = "running:"
WAIT_SECONDS = 0.025
BEGIN_PAUSES = (0.0, 0.05)
"""Seconds between attempts to begin: kept connections may be dead after Redis was unavailable."""
COMMIT_SECONDS = 5.0
COMMIT_PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)
RETRY_AFTER_SECONDS = 2

# KEYS: the click's, then a counter for each allowance. ARGV: which process begins, for how many ms, lifetime of a
# counter in seconds, then the limit of each. Returns what is stored for the click, or (a number) the used-up allowance.
BEGIN = """
local held = redis.call('GET', KEYS[1])
if held then return held end
for n = 2, #KEYS do
  local times = redis.call('INCR', KEYS[n])
  if times == 1 then redis.call('EXPIRE', KEYS[n], ARGV[3]) end
  if times > tonumber(ARGV[n + 2]) then return n - 2 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
"""

# KEYS: the click. ARGV: the prefix of a click in progress, the answer, seconds to live, then the commands, each
# preceded by the number of its words. Returns nothing, or the answer that is already stored
COMMIT = f"""{CARRY_OUT}
local stored = redis.call('GET', KEYS[1])
if stored and string.sub(stored, 1, #ARGV[1]) ~= ARGV[1] then return stored end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
carry_out(4)
"""

Stored = str
"""An answer as it was first sent, as JSON."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many clicks of the same `kind`, CRM and `who` are accepted per minute, and the message above that."""

    kind: str
    crm: str
    who: str
    per_minute: int
    message: str


def unavailable(error: BaseException | None = None) -> Unavailable:
    """The refusal while Redis is unavailable; it says why, as far as `error` does."""
    what = trouble.of(error).what if error is not None else "cannot be reached"
    return Unavailable(f"The bridge's store {what}: nothing was accepted", RETRY_AFTER_SECONDS)


def unconfirmed() -> Unavailable:
    """The refusal of a click that replicas do not have yet."""
    detail = "The answer is not safe yet on the replicas of the bridge's store: send the click again, under the same id"
    return Unavailable(detail, RETRY_AFTER_SECONDS)


def key_of(click: Click) -> str:
    """Where its answer is stored."""
    return keys.accepted(click.crm, click.key or click.click_id)


async def begin(
    scripts: Scripts, click: Click, hold_seconds: float, allowances: Sequence[Allowance] = ()
) -> Stored | None:
    """Begin the click (None), or return the stored answer of an earlier one.

    A repeat that arrives while the first is still being answered waits for that answer. A process that dies while
    answering holds the click no longer than `hold_seconds`. A repeat uses no allowance, and a click that one allowance
    refuses uses none of those after it. Raises `TooManyClicks` and `Unavailable`.
    """
    if click.key is None and not allowances:
        return None
    try:
        async with asyncio.timeout(2 * hold_seconds):
            for pause in BEGIN_PAUSES:
                try:
                    return await _begin(scripts, click, hold_seconds, allowances)
                except (RedisError, OSError) as error:
                    log.warning("could not begin a click in Redis: it %s", trouble.of(error).what)
                await asyncio.sleep(pause)
            return await _begin(scripts, click, hold_seconds, allowances)
    except (RedisError, TimeoutError, OSError) as error:
        raise unavailable(error) from None


async def _begin(scripts: Scripts, click: Click, hold_seconds: float, allowances: Sequence[Allowance]) -> Stored | None:
    """The value names the click in progress, so a retry after a lost reply recognises itself."""
    mine, second = RUNNING + click.click_id, int(click.received_at.timestamp())
    names = [key_of(click), *(keys.rate(one.kind, one.crm, one.who, second // keys.RATE_SECONDS) for one in allowances)]
    arguments: tuple[str | int, ...] = (
        mine,
        int(hold_seconds * 1000),
        2 * keys.RATE_SECONDS,
        *(one.per_minute for one in allowances),
    )
    while (held := await scripts.eval(BEGIN, len(names), *names, *arguments)) not in (None, mine):
        if isinstance(held, int):
            raise TooManyClicks(allowances[held].message, keys.RATE_SECONDS - second % keys.RATE_SECONDS)
        if not held.startswith(RUNNING):
            return str(held)
        await asyncio.sleep(WAIT_SECONDS)
    return None


async def abandon(scripts: Scripts, click: Click) -> None:
    """Let a repeat of a click that could not be answered begin immediately."""
    try:
        await leases.release(scripts, key_of(click), RUNNING + click.click_id)
    except (RedisError, OSError):
        log.warning("a failed click is held until its time limit")


async def commit(scripts: Scripts, click: Click, text: Stored, write: Callable[[Batch], None]) -> Stored | None:
    """Write the answer and everything `write` buffers: all or nothing, once. Returns the answer that was stored before
    and stands; None: this one does.

    Raises `Unavailable`, after `COMMIT_SECONDS` at the latest. A transaction that the server has received but not
    answered by then may still be committed: a repeat with the same id finds it.
    """
    words = [RUNNING, text, keys.ACCEPTED_SECONDS, *scripts.words_of(write)]
    try:
        async with asyncio.timeout(COMMIT_SECONDS):
            stands = await _commit(scripts, click, words)
    except TimeoutError:
        raise unavailable() from None
    return None if stands in (None, text) else stands


async def _commit(scripts: Scripts, click: Click, words: Sequence[Word]) -> str | None:
    """The answer that was stored before; after a lost reply that is this one. Raises `Unavailable`."""
    last: Exception | None = None
    for pause in COMMIT_PAUSES:
        await asyncio.sleep(pause)
        try:
            stored: str | None = await scripts.eval(COMMIT, 1, key_of(click), *words)
            return stored
        except (RedisError, OSError) as error:
            last = error
            log.warning("could not commit a click in Redis: it %s", trouble.of(error).what)
    raise unavailable(last)
