"""OAuth access tokens against a real vendor and a real Redis: asked for once, renewed by one, lost by none."""

import asyncio
import base64
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.core.errors import PopbridgeError, RateLimited, RequestFailed, TokenRefused
from bridge.core.http_types import Request, Secret
from bridge.core.tokens import KeptTokens
from bridge.egress.client import EgressClient, open_client
from bridge.egress.session import AccountSession
from bridge.store import keys
from bridge.store.accounts import AccountStore
from bridge.store.client import TextRedis, open_async
from tests.dump import everything_in
from tests.egress.oauth import CLIENT_SECRET, SETTINGS, Account, Vendor, open_session
from tests.stage import serving, until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
MANY = 40
NEXT_DAY = 86_400.0
KEY = keys.oauth("crm:acme")


@dataclass
class World:
    """The vendor, Redis, and what this process has of them."""

    vendor: Vendor
    url: str
    redis: TextRedis
    redis_url: Secret
    client: EgressClient
    started: list[Process] = field(default_factory=list)

    def session(self, late: float = 0.0, timeout: float = 5.0, secret: Secret = CLIENT_SECRET) -> AccountSession:
        """A session as another process has it: nothing is shared but Redis."""
        return open_session(self.client, self.redis, Account(self.url, secret), late, timeout)

    async def call(self, session: AccountSession) -> int:
        return (await session.send_authorized(Request("GET", f"{self.url}/api"))).status

    async def kept(self) -> KeptTokens:
        kept = await AccountStore(self.redis, "crm:acme", [CLIENT_SECRET]).load_tokens()
        assert kept is not None
        return kept

    async def process(self, calls: int, late: float = 0.0, timeout: float = 5.0) -> Process:
        """Another process, which is about to make these calls at the same time."""
        words = [self.redis_url.reveal(), self.url, str(calls), str(late), str(timeout)]
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.egress.caller", *words, cwd=ROOT, stdout=PIPE
        )
        self.started.append(started)
        assert started.stdout is not None
        assert await started.stdout.readline() == b"asking\n"
        return started

    async def asked_for_with(self, *grants: str) -> None:
        """Wait until the vendor was asked for tokens with these, in this order."""

        async def all_came() -> bool:
            return len(self.vendor.grants) >= len(grants)

        await until(all_came)
        assert self.vendor.grants == list(grants)


async def told_by(process: Process) -> list[int | str]:
    out, _ = await process.communicate()
    told: list[int | str] = json.loads(out)
    return told


@asynccontextmanager
async def opened(redis_url: Secret, vendor: Vendor) -> AsyncIterator[World]:
    redis = open_async(redis_url)
    async with serving(vendor.app()) as url, open_client() as client:
        world = World(vendor, url, redis, redis_url, client)
        try:
            yield world
        finally:
            vendor.gate.set()
            for process in world.started:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            await redis.aclose()


@pytest.fixture
async def world(redis_url: Secret) -> AsyncIterator[World]:
    async with opened(redis_url, Vendor()) as ready:
        yield ready


async def test_many_requests_at_once_ask_for_one_token(world: World) -> None:
    sessions = [world.session() for _ in range(4)]
    statuses = await asyncio.gather(*(world.call(session) for session in sessions for _ in range(MANY)))
    assert statuses == [200] * 4 * MANY
    assert world.vendor.grants == [SETTINGS]


async def test_many_processes_at_once_ask_for_one_token_and_renew_it_once(world: World) -> None:
    for grants, late in (([SETTINGS], 0.0), ([SETTINGS, "REFRESH-1"], NEXT_DAY)):
        world.vendor.gate.clear()
        tried = await locks_tried(world.redis)
        processes = [await world.process(8, late) for _ in range(3)]
        await world.asked_for_with(*grants)

        async def all_wait(before: int = tried) -> bool:
            return await locks_tried(world.redis) > before + 20

        await until(all_wait)
        world.vendor.gate.set()
        assert [await told_by(process) for process in processes] == [[200] * 8] * 3
        assert world.vendor.grants == grants
    assert world.vendor.most_at_once == 1
    assert [one.reveal() for one in (await world.kept()).refresh] == ["REFRESH-2", "REFRESH-1"]


async def locks_tried(redis: TextRedis) -> int:
    """How often anybody tried to write a text: those who wait for the lock do so again and again."""
    told = (await redis.info("commandstats")).get("cmdstat_set", {"calls": 0})
    assert isinstance(told, dict)
    return int(told["calls"])


async def test_a_token_is_renewed_before_it_expires_and_not_long_before(world: World) -> None:
    session = world.session()
    assert await world.call(session) == 200
    assert await world.call(world.session(late=3600 - 31)) == 200
    assert world.vendor.grants == [SETTINGS]
    assert await world.call(world.session(late=3600 - 29)) == 200
    assert world.vendor.grants == [SETTINGS, "REFRESH-1"]


async def test_a_token_that_is_refused_is_replaced_once_for_all(world: World) -> None:
    sessions = [world.session() for _ in range(4)]
    assert await asyncio.gather(*map(world.call, sessions)) == [200] * 4
    world.vendor.revoke()
    statuses = await asyncio.gather(*(world.call(session) for session in sessions for _ in range(MANY)))
    assert statuses == [200] * 4 * MANY
    assert world.vendor.grants == [SETTINGS, "REFRESH-1"]


async def test_a_token_that_is_refused_again_is_not_asked_for_without_end(world: World) -> None:
    session = world.session()
    assert await world.call(session) == 200
    world.vendor.calls.clear()
    world.vendor.gate.clear()
    world.vendor.revoke()
    calling = asyncio.create_task(world.call(session))
    await world.asked_for_with(SETTINGS, "REFRESH-1")
    world.vendor.revoke()
    world.vendor.gate.set()
    assert await calling == 401
    assert len(world.vendor.calls) == 2
    assert world.vendor.grants == [SETTINGS, "REFRESH-1"]


async def test_the_newest_refresh_token_is_used_and_the_one_before_is_kept(world: World) -> None:
    for day in range(4):
        assert await world.call(world.session(late=day * NEXT_DAY)) == 200
    assert world.vendor.grants == [SETTINGS, "REFRESH-1", "REFRESH-2", "REFRESH-3"]
    assert [one.reveal() for one in (await world.kept()).refresh] == ["REFRESH-4", "REFRESH-3"]


async def test_a_vendor_that_does_not_replace_its_refresh_token(redis_url: Secret) -> None:
    async with opened(redis_url, Vendor(rotates=False)) as world:
        for day in range(3):
            assert await world.call(world.session(late=day * NEXT_DAY)) == 200
        assert world.vendor.grants == [SETTINGS, "REFRESH-1", "REFRESH-1"]


@pytest.mark.parametrize("grace", [True, False])
async def test_a_process_that_dies_with_the_new_refresh_token_loses_nobody_the_account(
    redis_url: Secret, grace: bool
) -> None:
    """Killed after the vendor replaced it, before it was written down. The token before is still there to be used; a
    vendor that no longer takes it is asked with the settings' credentials."""
    async with opened(redis_url, Vendor(grace=grace)) as world:
        assert await world.call(world.session()) == 200
        world.vendor.gate.clear()
        dying = await world.process(1, NEXT_DAY, timeout=0.3)
        await world.asked_for_with(SETTINGS, "REFRESH-1")
        dying.send_signal(signal.SIGKILL)
        await dying.wait()
        world.vendor.gate.set()
        assert await world.call(world.session(NEXT_DAY)) == 200, "after the lock of the dead has lapsed"
        again = [SETTINGS, "REFRESH-1", "REFRESH-1"]
        assert world.vendor.grants == (again if grace else [*again, SETTINGS])


async def test_a_new_refresh_token_that_the_vendor_forgot_is_made_up_for_by_the_one_before(world: World) -> None:
    for day in range(2):
        assert await world.call(world.session(late=day * NEXT_DAY)) == 200
    world.vendor.refresh_tokens = ["REFRESH-1"]
    assert await world.call(world.session(late=2 * NEXT_DAY)) == 200
    assert world.vendor.grants == [SETTINGS, "REFRESH-1", "REFRESH-2", "REFRESH-1"]


async def test_whoever_gives_up_waiting_loses_no_refresh_token(world: World) -> None:
    """As an attempt whose time is up: the vendor has replaced the token already."""
    assert await world.call(world.session()) == 200
    world.vendor.gate.clear()
    session = world.session(NEXT_DAY)
    waiting = [asyncio.create_task(world.call(session)) for _ in range(3)]
    await world.asked_for_with(SETTINGS, "REFRESH-1")
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert all(task.cancelled() for task in waiting)
    world.vendor.gate.set()
    assert await world.call(session) == 200
    assert world.vendor.grants == [SETTINGS, "REFRESH-1"]
    assert [one.reveal() for one in (await world.kept()).refresh] == ["REFRESH-2", "REFRESH-1"]


async def test_a_lock_whose_holder_died_lapses_after_as_long_as_asking_may_take(world: World) -> None:
    memory = AccountStore(world.redis, "crm:acme", [CLIENT_SECRET])
    assert await memory.lock("somebody", 0.3)
    assert not await memory.lock("somebody else", 5.0)
    await memory.unlock("somebody else")
    assert not await memory.lock("somebody else", 5.0), "only its holder gives it back"
    assert await world.call(world.session()) == 200
    world.vendor.gate.clear()
    waiting = asyncio.create_task(world.session(NEXT_DAY, timeout=2.0).token())
    await world.asked_for_with(SETTINGS, "REFRESH-1")
    lives = await world.redis.eval("return redis.call('PTTL', KEYS[1])", 1, keys.oauth_lock("crm:acme"))
    assert 3 * 2000 < lives <= 3 * 2000 + 1000
    world.vendor.gate.set()
    await waiting


async def test_nothing_that_redis_holds_gives_a_token_away(world: World) -> None:
    for late in (0.0, NEXT_DAY):
        assert await world.call(world.session(late)) == 200
    held = everything_in(world.redis_url)
    assert KEY in held
    for text in ("ACCESS-", "REFRESH-", CLIENT_SECRET.reveal()):
        assert text not in held
        for shift in range(3):  # the same bytes in base64, wherever they stand in it
            inner = base64.b64encode(b"-" * shift + text.encode() + b"-")[4:-4].decode()
            assert inner not in held


async def test_tokens_that_other_secrets_have_encrypted_are_asked_for_anew(world: World) -> None:
    assert await world.call(world.session()) == 200
    other = Secret("the-secret-was-changed")
    assert await AccountStore(world.redis, "crm:acme", [other]).load_tokens() is None
    assert await world.call(world.session(secret=other)) == 200
    assert world.vendor.grants == [SETTINGS, SETTINGS]
    assert await AccountStore(world.redis, "crm:acme", [CLIENT_SECRET]).load_tokens() is None


async def test_one_accounts_tokens_are_of_no_use_to_another_of_the_same_secrets(world: World) -> None:
    assert await world.call(world.session()) == 200
    text = await world.redis.get(KEY)
    assert text is not None
    await world.redis.set(keys.oauth("crm:beta"), text)
    assert await AccountStore(world.redis, "crm:beta", [CLIENT_SECRET]).load_tokens() is None


@pytest.mark.parametrize("kept", ["", "gAAAAA", "{}", "\x00", "ה"])
async def test_what_is_no_token_any_more_is_asked_for_anew(world: World, kept: str) -> None:
    await world.redis.set(KEY, kept)
    assert await world.call(world.session()) == 200
    assert world.vendor.grants == [SETTINGS]


@pytest.mark.parametrize(
    ("vendor", "failure", "code"),
    [
        (Vendor(status=503), RequestFailed, "token-unavailable"),
        (Vendor(status=429), RateLimited, "rate-limited"),
        (Vendor(status=401), TokenRefused, "token-refused"),
        (Vendor(answer="<html>"), TokenRefused, "token-unreadable"),
        (Vendor(answer="[]"), TokenRefused, "token-unreadable"),
        (Vendor(answer="{}"), TokenRefused, "token-unreadable"),
        (Vendor(answer='{"access_token": "A", "expires_in": "soon"}'), TokenRefused, "token-unreadable"),
        (Vendor(answer='{"access_token": "A", "expires_in": 1e99}'), TokenRefused, "token-unreadable"),
    ],
    ids=lambda one: f"{one.status} {one.answer}" if isinstance(one, Vendor) else None,
)
async def test_a_token_service_that_gives_none(
    redis_url: Secret, vendor: Vendor, failure: type[PopbridgeError], code: str
) -> None:
    async with opened(redis_url, replace(vendor, grants=[], gate=asyncio.Event())) as world:
        with pytest.raises(failure) as raised:
            await world.call(world.session())
        assert raised.value.reason.code == code  # type: ignore[attr-defined]
        assert CLIENT_SECRET.reveal() not in str(raised.value)
        assert world.vendor.grants == [SETTINGS]
        assert await world.redis.get(keys.oauth_lock("crm:acme")) is None, "the lock is given back"
        world.vendor.status, world.vendor.answer = 200, None
        assert await world.call(world.session()) == 200


async def test_an_account_without_tokens_asks_for_none(world: World) -> None:
    memory = AccountStore(world.redis, "crm:acme", [])
    plain = AccountSession("acme", object(), None, world.client, memory, lambda: datetime.now(UTC), 5.0)
    with pytest.raises(TypeError, match="acme"):
        await plain.token()
    assert world.vendor.grants == []
