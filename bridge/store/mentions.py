"""Everything that Redis holds about one person: found by reading all of it, to be exported or redacted.

Records shared with others are not deleted: of a stored answer the id and outcome stay (so that a repeated click is
still recognised), of somebody else's popup only the other call is removed.
"""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.core.reasons import Reason, say
from bridge.store import keys
from bridge.store.client import TextRedis

CHUNK = 50
OURS = "popbridge:*"
APART = frozenset({keys.AUDIT, keys.DUE, keys.DELIVERIES, keys.COUNTERS, keys.TOKENS, keys.WORKERS, keys.PROOFS}) | {
    keys.INSTALLATION,
    keys.SEARCHES,
    keys.HEALTH,
    keys.FLOOR_WATCHED,
    keys.FLOOR_PAGES,
}
"""Only ids, counts and processes; and the audit stream, which is emptied into the archive."""
ONE_CALL = "popbridge:shift-call:"
"""Hashes about one call: the caller's name stands in another field than the number."""
DELIVERIES = re.compile(r"dlv_[0-9a-f]{32}")
IDS = re.compile(r"(?:pop|clk)_[0-9a-f]{32}")
ERASED = Reason("erased")

# KEYS: any. Returns the type and the content of each
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

# KEYS: one. ARGV: type, then members (of a string: the old value, and the new one or ''). A stream is rewritten: Redis
# only marks deleted entries, and keeps them, in its files too, until all their neighbours are deleted
REDACT = """
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


class Subject(Protocol):
    """How to recognise the person in texts and in keys."""

    def found_in(self, text: str) -> bool:
        """Whether the text mentions them."""

    def owns(self, key: str, fields: Mapping[str, str]) -> bool:
        """Whether the key belongs to them alone, by its name or the fields of its hash."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One key that mentions the person: the members (fields, entries) that do, and their texts."""

    key: str
    kind: str
    members: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def what(self) -> str:
        """What kind of record it is: `click`, `popup`, `call` …"""
        return self.key.split(":")[1]


async def find(redis: TextRedis, subject: Subject, ids: frozenset[str]) -> AsyncIterator[Mention]:
    """Every key that mentions the person, or a click or popup with one of `ids`."""
    waiting: list[str] = []
    async for key in redis.scan_iter(match=OURS, count=1000):
        if key not in APART:
            waiting.append(key)
        if len(waiting) == CHUNK:
            for mention in await _read(redis, waiting, subject, ids):
                yield mention
            waiting = []
    for mention in await _read(redis, waiting, subject, ids):
        yield mention


async def _read(redis: TextRedis, names: list[str], subject: Subject, ids: frozenset[str]) -> list[Mention]:
    found = await redis.eval(READ, len(names), *names) if names else []
    mentions = []
    for key, (kind, content) in zip(names, found, strict=True):
        every = list(_parts(kind, content))
        whole = subject.owns(key, dict(every) if kind == "hash" else {}) or key.rpartition(":")[2] in ids
        whole = whole or (key.startswith(ONE_CALL) and any(_about(text, subject, ids) for _, text in every))
        parts = [(member, text) for member, text in every if whole or _about(text, subject, ids)]
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


def _about(text: str, subject: Subject, ids: frozenset[str]) -> bool:
    """A text that is only an id does not reveal whom it belongs to."""
    return subject.found_in(_quoted(text)) or (text not in ids and not ids.isdisjoint(IDS.findall(text)))


def _quoted(text: str) -> str:
    """A plain text as a JSON string, so that whole values can be recognised; JSON as it is."""
    return text if text.startswith(("{", "[", '"')) else _text(text)


async def redact(redis: TextRedis, mention: Mention, subject: Subject) -> int:
    """Remove the person from one key; returns how many members were removed."""
    if mention.kind == "string":
        rest = _rest(mention.what, mention.texts[0], subject)
        return int(await redis.eval(REDACT, 1, mention.key, "string", mention.texts[0], rest))
    return int(await redis.eval(REDACT, 1, mention.key, mention.kind, *mention.members))


def _rest(what: str, text: str, subject: Subject) -> str:
    """What remains of a text; "" when nothing does."""
    if what not in ("accepted", "popup"):
        return ""
    record = json.loads(text)
    popup = record["popup"]
    theirs = popup is None or subject.found_in(_text({**popup, "other_calls": []}))
    if theirs and what == "popup":
        return ""
    if theirs:
        erased = {"code": ERASED.code, "params": {}, "also": []}
        return _text({**record, "popup": None, "why": say(ERASED), "reason": erased})
    return _text(_without(record, subject))


def _without(value: Any, subject: Subject) -> Any:
    if isinstance(value, list):
        return [_without(item, subject) for item in value if not subject.found_in(_text(item))]
    if isinstance(value, dict):
        return {name: _without(item, subject) for name, item in value.items()}
    return "" if isinstance(value, str) and subject.found_in(_text(value)) else value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def forget_failures(redis: TextRedis, delivery_ids: Iterable[str]) -> int:
    """Delete the errors of these deliveries' failed jobs: an error may quote what could not be parsed."""
    wanted, gone = set(delivery_ids), 0
    async for key in redis.scan_iter(match="rq:job:*", count=1000):
        (description,) = await redis.hmget(key, ["description"])
        if wanted & set((description or "").split()):
            gone += await redis.hdel(key, "exc_info") + await redis.delete(key.replace("rq:job:", "rq:results:", 1))
    return gone


def deliveries_in(mentions: Iterable[Mention]) -> set[str]:
    """The ids of the deliveries mentioned in these, ended or not."""
    return {found for mention in mentions for text in mention.texts for found in DELIVERIES.findall(text)}


def counted(mentions: Iterable[Mention]) -> dict[str, int]:
    """How many keys there are of each kind of record."""
    return dict(sorted(Counter(mention.what for mention in mentions).items()))
