"""An account's rate limits: kept by all processes together, exactly, by Redis' clock."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from bridge.core.errors import RateLimited
from bridge.core.http_types import Request, Secret
from bridge.core.tokens import RateLimit
from bridge.egress.client import open_client
from bridge.egress.session import AccountSession
from bridge.store import keys
from bridge.store.accounts import AccountStore
from bridge.store.client import TextRedis, open_async
from tests.egress.oauth import Account, Adapter, Vendor, open_session
from tests.stage import serving

pytestmark = pytest.mark.anyio

MOST, PERIOD = 5, 0.2
HOUR = 3600.0


@pytest.fixture
async def redis(redis_url: Secret) -> AsyncIterator[TextRedis]:
    client = open_async(redis_url)
    yield client
    await client.aclose()


async def test_never_more_than_the_limit_in_any_period_however_many_ask(redis_url: Secret) -> None:
    limit = RateLimit(MOST, PERIOD)
    granted: list[tuple[float, float]] = []

    async def ask(memory: AccountStore) -> None:
        """Until 60 were let through; each with when it was asked for and when it was granted."""
        while len(granted) < 60:
            asked_at = time.monotonic()
            wait = await memory.take_turn([limit])
            if wait == 0:
                granted.append((asked_at, time.monotonic()))
            else:
                assert 0 < wait <= PERIOD
                await asyncio.sleep(wait)

    async with AsyncExitStack() as stack:
        clients = [open_async(redis_url) for _ in range(4)]
        for client in clients:
            stack.push_async_callback(client.aclose)
        await asyncio.gather(*(ask(AccountStore(client, "crm:acme", [])) for client in clients for _ in range(10)))
    firsts, lasts = sorted(asked for asked, _ in granted), sorted(told for _, told in granted)
    spans = [last - first for first, last in zip(firsts, lasts[MOST:], strict=False)]
    assert len(spans) >= 55
    assert min(spans) >= PERIOD, "one more than the limit within one period"


async def test_the_wait_that_is_told_is_long_enough_and_not_too_long(redis: TextRedis) -> None:
    memory, limit = AccountStore(redis, "crm:acme", []), RateLimit(2, 1.0)
    assert [await memory.take_turn([limit]) for _ in range(2)] == [0.0, 0.0]
    times = [int(one) for one in await redis.eval("return redis.call('LRANGE', KEYS[1], 0, -1)", 1, key_of(limit))]
    seconds, micros = await redis.time()
    passed = (seconds * 1_000_000 + micros - times[-1]) / 1_000_000
    wait = await memory.take_turn([limit])
    assert 1 - passed - 0.5 < wait <= 1 - passed
    await asyncio.sleep(wait)
    assert await memory.take_turn([limit]) == 0.0


def key_of(limit: RateLimit) -> str:
    return keys.requests("crm:acme", f"{limit.requests}/{limit.seconds:g}")


async def test_what_one_limit_refuses_is_counted_under_none(redis: TextRedis) -> None:
    memory = AccountStore(redis, "crm:acme", [])
    narrow, wide = RateLimit(2, HOUR), RateLimit(5, HOUR)
    assert [await memory.take_turn([wide, narrow]) for _ in range(2)] == [0.0, 0.0]
    for _ in range(10):
        assert await memory.take_turn([wide, narrow]) > HOUR - 60
    assert (await redis.llen(key_of(narrow)), await redis.llen(key_of(wide))) == (2, 2)


async def test_a_turn_that_is_worth_waiting_for_is_kept_and_others_come_behind_it(redis: TextRedis) -> None:
    memory, limit = AccountStore(redis, "crm:acme", []), RateLimit(2, 10.0)
    assert [await memory.take_turn([limit]) for _ in range(2)] == [0.0, 0.0]
    kept = [await memory.take_turn([limit], patience=30.0) for _ in range(3)]
    assert 9 < kept[0] <= kept[1] <= 10
    assert 19 < kept[2] <= 20
    assert 19 < await memory.take_turn([limit]) <= 20, "whoever does not wait comes behind, and keeps nothing"
    assert 19 < await memory.take_turn([limit], patience=30.0) <= 20


async def test_each_account_has_its_own_and_it_is_forgotten(redis: TextRedis) -> None:
    limit = RateLimit(1, HOUR)
    for account in ("crm:acme", "crm:beta", "pbx:acme"):
        assert await AccountStore(redis, account, []).take_turn([limit]) == 0.0
    assert await AccountStore(redis, "crm:acme", []).take_turn([limit]) > 0
    lives = await redis.eval("return redis.call('PTTL', KEYS[1])", 1, key_of(limit))
    assert HOUR * 1000 < lives + 1000 <= (HOUR + 2) * 1000


@pytest.mark.parametrize("own", [None, RateLimit(2, HOUR)], ids=["vendor's", "settings'"])
async def test_a_request_over_the_limit_is_not_sent(redis: TextRedis, own: RateLimit | None) -> None:
    """Of two sessions, as of two processes; the vendor's own limit, and one in the settings that is lower."""
    vendor = Vendor()
    async with serving(vendor.app()) as url, open_client() as client:
        account, adapter = Account(url, limit=RateLimit(2 if own is None else 4, HOUR)), Adapter()
        now = open_session(client, redis, account)._now
        sessions = [
            AccountSession("acme", adapter, account, client, AccountStore(redis, "crm:acme", []), now, 5.0, own)
            for _ in range(2)
        ]
        request = Request("GET", f"{url}/api")
        assert [(await session.send(request)).status for session in sessions] == [401, 401]
        for session in sessions:
            with pytest.raises(RateLimited) as refused:
                await session.send(request)
            assert HOUR - 60 < refused.value.after <= HOUR
        assert len(vendor.calls) == 2


async def test_an_attempt_that_has_begun_ends_however_many_want_to_begin(redis: TextRedis) -> None:
    """Were it refused in the middle, all would start over again and again, and none would end."""
    vendor, ended = Vendor(), []
    async with serving(vendor.app()) as url, open_client() as client:
        session = open_session(client, redis, Account(url, limit=RateLimit(4, 0.2)))
        request = Request("GET", f"{url}/api")

        async def attempt(number: int) -> None:
            one = session.attempt()
            while True:
                try:
                    await one.send(request)
                    break
                except RateLimited as refused:  # nothing was sent: it loses nothing
                    await asyncio.sleep(refused.after)
            for _ in range(3):
                await one.send(request)
            ended.append(number)

        await asyncio.gather(*(attempt(number) for number in range(12)))
    assert sorted(ended) == list(range(12))
    assert len(vendor.calls) == 12 * 4
