"""From the stream into the tables: nothing that stands in the stream holds up what stands behind it."""

import json
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from redis import Redis

from bridge.audit import query
from bridge.audit.archive import Archive
from bridge.audit.schema import LONGEST
from bridge.audit.search import Search
from bridge.audit.verify import verify
from bridge.core.http_types import Secret
from bridge.store import keys
from bridge.store.client import StreamEntry, TextRedis, open_async
from tests.audit import entries

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
async def redis(redis_url: Secret) -> AsyncIterator[TextRedis]:
    client = open_async(redis_url)
    yield client
    await client.aclose()


def long_text(characters: int) -> str:
    """What no database can compress."""
    chance = random.Random(4)
    return "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(characters))


async def archived(archive: Archive, redis: TextRedis, **asked: str) -> list[str]:
    page = await query.entries(archive, redis, Search.read(asked, ["IL"], NOW), 50, None)
    assert await redis.xlen(keys.AUDIT) == 0
    assert verify(archive).findings == []
    return [line["click_id"] for line in page.items]


@pytest.mark.parametrize("name", ["crm_user", "extension", "ivrid", "caller"])
async def test_a_very_long_value_is_kept_as_far_as_it_is_searched(
    archive: Archive, redis: TextRedis, name: str
) -> None:
    text = long_text(5000)
    for number, changed in ((1, {name: text, "caller_e164": None}), (2, {})):
        await redis.xadd(keys.AUDIT, entries.lookup(number, **changed)[1])
    assert await archived(archive, redis) == [f"clk_{number:032x}" for number in (2, 1)]
    assert await archived(archive, redis, **{name: text}) == [f"clk_{1:032x}"]
    assert await archived(archive, redis, **{name: text[:LONGEST]}) == [f"clk_{1:032x}"]


@pytest.mark.parametrize(
    "changed",
    [
        {"total_ms": float("nan")},
        {"pbx_ms": float("inf")},
        {"pbx_ms": 10**400},
        {"time": "2026-11-22T10:00:00.000000000Z"},
        {"time": "yesterday"},
        {"click_id": long_text(1000)},
        {"popup_id": {"a": 1}},
    ],
    ids=str,
)
async def test_what_no_database_takes_is_put_aside(
    archive: Archive, redis: TextRedis, changed: dict[str, object]
) -> None:
    for number, wrong in ((1, changed), (2, {})):
        await redis.xadd(keys.AUDIT, entries.lookup(number, **wrong)[1])
    assert await archived(archive, redis) == [f"clk_{2:032x}"]
    assert await redis.xlen(keys.AUDIT_ASIDE) == 1


@pytest.mark.parametrize("line", ["[" * 100_000, "", "null", json.dumps({"details": 3})])
async def test_what_is_no_entry_at_all_is_put_aside(archive: Archive, redis: TextRedis, line: str) -> None:
    await redis.xadd(keys.AUDIT, {"kind": "read", "line": line})
    await redis.xadd(keys.AUDIT, entries.lookup(2)[1])
    assert await archived(archive, redis) == [f"clk_{2:032x}"]


async def test_only_what_is_archived_is_cut_from_the_stream(
    archive: Archive, redis: TextRedis, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Redis that lost its end while lines were archived takes new ones, under older ids if its clock is behind."""
    await redis.xadd(keys.AUDIT, entries.lookup(1)[1])
    insert = archive.insert

    def insert_while_redis_restarts(found: Sequence[StreamEntry]) -> list[StreamEntry]:
        monkeypatch.setattr(archive, "insert", insert)
        with Redis.from_url(redis_url.reveal()) as direct:
            direct.delete(keys.AUDIT)
            direct.xadd(keys.AUDIT, dict(entries.lookup(2)[1]), id="5-1")
        return insert(found)

    monkeypatch.setattr(archive, "insert", insert_while_redis_restarts)
    assert await archived(archive, redis) == [f"clk_{number:032x}" for number in (2, 1)]
