"""Running scripts: concurrent calls are sent to Redis together, each script named by its hash.

Calls made during a round trip are collected for the next one. So no call waits for others, and the busier the process,
the more calls share a round trip.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from bridge.store.client import Batch, Pipelines, Word

CARRY_OUT = """
local function carry_out(at)
  while at < #ARGV do
    local last = at + ARGV[at]
    redis.call(unpack(ARGV, at + 1, last))
    at = last + 1
  end
end
"""
"""Prefix of a script that is passed `Scripts.words_of`: runs these commands, from argument `at` to the last."""


@cache
def name_of(script: str) -> str:
    """The name of a script that Redis has run before."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class _Call:
    script: str
    numkeys: int
    keys_and_args: tuple[Word, ...]
    reply: "asyncio.Future[Any]"


class Scripts:
    """Runs scripts over one client. Each is atomic; those of one round trip are not a transaction."""

    def __init__(self, redis: Pipelines) -> None:
        self._redis = redis
        self._waiting: list[_Call] = []
        self._sending: asyncio.Task[None] | None = None

    async def eval(self, script: str, numkeys: int, *keys_and_args: Word) -> Any:
        """The script's reply. Raises redis-py's errors; whether the script was run is then unknown."""
        call = _Call(script, numkeys, keys_and_args, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return await call.reply

    def words_of(self, write: Callable[[Batch], None]) -> list[Word]:
        """The commands that `write` buffers, as arguments of a script: each preceded by the number of its words."""
        pipe = self._redis.pipeline()
        pipe.multi()
        write(pipe)
        return [word for command, _ in pipe.command_stack for word in (len(command), *command)]

    async def _send(self) -> None:
        try:
            while self._waiting:
                calls, self._waiting = [call for call in self._waiting if not call.reply.done()], []
                if calls:  # a call whose caller has given up must not be run later
                    await self._answer(calls)
        finally:
            self._sending = None

    async def _answer(self, calls: Sequence[_Call]) -> None:
        replies: Sequence[Any]
        try:
            replies = await self._trip(calls)
        except (RedisError, OSError) as error:
            replies = [error] * len(calls)
        except BaseException:
            for call in calls:
                call.reply.cancel()
            raise
        for call, reply in zip(calls, replies, strict=True):
            if call.reply.done():
                continue  # its caller has given up
            if isinstance(reply, Exception):
                call.reply.set_exception(reply)
            else:
                call.reply.set_result(reply)

    async def _trip(self, calls: Sequence[_Call]) -> list[Any]:
        """All by name; those that this Redis does not know, or no longer, again with their text."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.evalsha(name_of(call.script), call.numkeys, *call.keys_and_args)
            replies = await pipe.execute(raise_on_error=False)
        unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            async with self._redis.pipeline(transaction=False) as pipe:
                for at in unknown:
                    pipe.eval(calls[at].script, calls[at].numkeys, *calls[at].keys_and_args)
                for at, reply in zip(unknown, await pipe.execute(raise_on_error=False), strict=True):
                    replies[at] = reply
        return replies
