"""Everything that Redis holds about one person: found by reading it all, to be told or taken out.

What cannot be told from other people's is never deleted whole: of a stored answer the id and outcome stay (so that a
repeated click is still a repeat), of somebody else's popup only the other call is taken out.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from redis.exceptions import ResponseError

from bridge.store import keys
from bridge.store.client import TextRedis

CHUNK = 50
OURS = "popbridge:*"
APART = frozenset({keys.AUDIT, keys.DUE, keys.DELIVERIES, keys.COUNTERS, keys.TOKENS, keys.WORKERS, keys.PROOFS})
"""Ids and counts alone; and the stream of the audit, which is emptied into the archive."""
DELIVERIES = re.compile(r"dlv_[0-9a-f]{32}")
IDS = re.compile(r"(?:pop|clk)_[0-9a-f]{32}")
ERASED = "erased on request"
REWRITE_SECONDS, LOOK_SECONDS = 120.0, 0.05
REWRITING = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")

# KEYS: any. Returns the type of each and what it holds
READ = """
local commands = {
  string = {'GET'}, hash = {'HGETALL'}, list = {'LRANGE', '0', '-1'}, set = {'SMEMBERS'},
  zset = {'ZRANGE', '0', '-1'}, stream = {'XRANGE', '-', '+'}}
local found = {}
for number, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  local command = commands[kind]
  found[number] = {kind, command and redis.call(command[1], key, unpack(command, 2)) or {}}
end
return found
"""

# KEYS: one. ARGV: type, then members (of a string: what it was, and what it becomes or ''). A stream is written anew:
# it marks entries as deleted, but keeps them, in its files too, until all their neighbours are deleted
TAKE_OUT = """
local commands = {hash = 'HDEL', set = 'SREM', zset = 'ZREM', stream = 'XDEL'}
if ARGV[1] == 'string' then
  if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
  if ARGV[3] == '' then return redis.call('DEL', KEYS[1]) end
  redis.call('SET', KEYS[1], ARGV[3], 'KEEPTTL')
  return 1
end
local gone = 0
for number = 2, #ARGV do
  if ARGV[1] == 'list' then
    gone = gone + redis.call('LREM', KEYS[1], 0, ARGV[number])
  else
    gone = gone + redis.call(commands[ARGV[1]], KEYS[1], ARGV[number])
  end
end
if ARGV[1] == 'stream' then
  local left, lives = redis.call('XRANGE', KEYS[1], '-', '+'), redis.call('PTTL', KEYS[1])
  redis.call('DEL', KEYS[1])
  for _, entry in ipairs(left) do redis.call('XADD', KEYS[1], entry[1], unpack(entry[2])) end
  if #left > 0 and lives > 0 then redis.call('PEXPIRE', KEYS[1], lives) end
end
return gone
"""


class Mark(Protocol):
    """How the person is known in texts and in keys."""

    def found_in(self, text: str) -> bool:
        """Whether the text tells of them."""

    def owns(self, key: str, fields: Mapping[str, str]) -> bool:
        """Whether the key is theirs as a whole, by its name or the fields of its hash."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One key that holds something about the person: the members (fields, entries) that do, and their texts."""

    key: str
    kind: str
    members: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def what(self) -> str:
        """What kind of record it is: `click`, `popup`, `call` …"""
        return self.key.split(":")[1]


async def find(redis: TextRedis, mark: Mark, ids: frozenset[str]) -> AsyncIterator[Mention]:
    """Every key that tells of the person, or of a click or popup with one of `ids`."""
    waiting: list[str] = []
    async for key in redis.scan_iter(match=OURS, count=1000):
        if key not in APART:
            waiting.append(key)
        if len(waiting) == CHUNK:
            for mention in await _read(redis, waiting, mark, ids):
                yield mention
            waiting = []
    for mention in await _read(redis, waiting, mark, ids):
        yield mention


async def _read(redis: TextRedis, names: list[str], mark: Mark, ids: frozenset[str]) -> list[Mention]:
    told = await redis.eval(READ, len(names), *names) if names else []
    mentions = []
    for key, (kind, content) in zip(names, told, strict=True):
        every = list(_parts(kind, content))
        whole = mark.owns(key, dict(every) if kind == "hash" else {}) or key.rpartition(":")[2] in ids
        parts = [(member, text) for member, text in every if whole or _about(text, mark, ids)]
        if parts:
            mentions.append(Mention(key, kind, tuple(name for name, _ in parts), tuple(text for _, text in parts)))
    return mentions


def _parts(kind: str, content: Any) -> Iterator[tuple[str, str]]:
    """Members and their texts."""
    if kind == "string":
        yield "", content
    elif kind == "hash":
        yield from zip(content[::2], content[1::2], strict=True)
    elif kind == "stream":
        yield from ((entry_id, " ".join(map(_quoted, fields))) for entry_id, fields in content)
    else:
        yield from ((member, member) for member in content)


def _about(text: str, mark: Mark, ids: frozenset[str]) -> bool:
    """A text that is nothing but an id tells nothing of whom it belongs to."""
    return mark.found_in(_quoted(text)) or (text not in ids and not ids.isdisjoint(IDS.findall(text)))


def _quoted(text: str) -> str:
    """A plain text as JSON has it, so that whole values can be told; JSON as it is."""
    return text if text.startswith(("{", "[", '"')) else _text(text)


async def take_out(redis: TextRedis, mention: Mention, mark: Mark) -> int:
    """Take the person out of one key; how many members that were."""
    if mention.kind == "string":
        rest = _rest(mention.what, mention.texts[0], mark)
        return int(await redis.eval(TAKE_OUT, 1, mention.key, "string", mention.texts[0], rest))
    return int(await redis.eval(TAKE_OUT, 1, mention.key, mention.kind, *mention.members))


def _rest(what: str, text: str, mark: Mark) -> str:
    """What may stay of a text; "" when nothing may."""
    if what not in ("accepted", "popup"):
        return ""
    told = json.loads(text)
    popup = told["popup"]
    theirs = popup is None or mark.found_in(_text({**popup, "other_calls": []}))
    if theirs:
        return _text({**told, "popup": None, "why": ERASED, "reason": None}) if what == "accepted" else ""
    return _text(_without(told, mark))


def _without(value: Any, mark: Mark) -> Any:
    if isinstance(value, list):
        return [_without(item, mark) for item in value if not mark.found_in(_text(item))]
    if isinstance(value, dict):
        return {name: _without(item, mark) for name, item in value.items()}
    return "" if isinstance(value, str) and mark.found_in(_text(value)) else value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def forget_failures(redis: TextRedis, delivery_ids: Iterable[str]) -> int:
    """Take out what failed jobs of these deliveries said: an error may quote what it could not read."""
    wanted, gone = set(delivery_ids), 0
    async for key in redis.scan_iter(match="rq:job:*", count=1000):
        (description,) = await redis.hmget(key, ["description"])
        if wanted & set((description or "").split()):
            gone += await redis.hdel(key, "exc_info") + await redis.delete(key.replace("rq:job:", "rq:results:", 1))
    return gone


def deliveries_in(mentions: Iterable[Mention]) -> set[str]:
    """The ids of the deliveries that these tell of, ended or not."""
    return {found for mention in mentions for text in mention.texts for found in DELIVERIES.findall(text)}


async def rewrite_files(redis: TextRedis) -> str:
    """Have Redis write its files anew, without what was taken out; what came of it, in a few words."""
    try:
        async with asyncio.timeout(REWRITE_SECONDS):
            appends = bool((await redis.info("persistence")).get("aof_enabled"))
            saves = any((await redis.config_get("save")).values())
            if appends:
                await _rewritten(redis, redis.bgrewriteaof)
            if saves:
                await _rewritten(redis, redis.bgsave)
            failed = await _failed(redis)
    except TimeoutError:
        return "Redis is still rewriting its files"
    except ResponseError:
        return "Redis would not rewrite its files: they may hold it until it does"
    if failed:
        return "Redis could not rewrite its files, which still hold it: its own log tells why"
    return "Redis has rewritten its files" if appends or saves else "Redis keeps no files"


async def _rewritten(redis: TextRedis, begin: Callable[[], Awaitable[object]]) -> None:
    """One that is under way has begun too early: it is waited for, and another begun."""
    await _settled(redis)
    await begin()
    await _settled(redis)


async def _settled(redis: TextRedis) -> None:
    while await _rewriting(redis):  # noqa: ASYNC110 - another process's work
        await asyncio.sleep(LOOK_SECONDS)


async def _rewriting(redis: TextRedis) -> bool:
    told = await redis.info("persistence")
    return any(told.get(name) for name in REWRITING)


async def _failed(redis: TextRedis) -> bool:
    told = await redis.info("persistence")
    return "err" in (told.get("aof_last_bgrewrite_status"), told.get("rdb_last_bgsave_status"))


def counted(mentions: Iterable[Mention]) -> dict[str, int]:
    """How many keys of each kind of record."""
    return dict(sorted(Counter(mention.what for mention in mentions).items()))
