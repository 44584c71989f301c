"""The subscriptions that RingCentral's and Webex's events come by: made, renewed, made anew, and never twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.core import background
from bridge.core.errors import PbxRefused, PbxUnreachable
from bridge.core.http_types import Reply, Secret
from bridge.core.model import Caller
from bridge.doctor.listening import of_listener
from bridge.events import subscriptions
from bridge.events.lease import keep_listening
from bridge.pbx.contract import Subscribed
from bridge.pbx.ringcentral import ADAPTER
from bridge.pbx.ringcentral.kept import LIMITS, WINDOW_SECONDS
from bridge.pbx.ringcentral.subscriptions import LIFE, MOST_AT_ONCE
from bridge.pbx.simulated_post import Answered
from bridge.pbx.switchboard import Extension
from bridge.pbx.webex import webhooks
from bridge.store import listeners
from tests.makes.test_ringcentral import PUSH, World
from tests.stage import CALLER, DANA, DID, OMER, Stage, open_stage, simulated, until

ADDRESS = "https://popbridge.example.com/events/main"


class Account(World):
    """A simulated RingCentral account whose events come to a bridge that answers as ours does."""

    def __init__(self, **changed: Any) -> None:
        super().__init__(**PUSH, **changed)
        self.kept = self.fake.subscriptions
        self.is_reachable, self.is_too_long = True, False
        self.kept.post = self._answered

    async def _answered(self, _: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answered | None:
        echo = {"content-type": "application/json", "validation-token": headers.get("Validation-Token", "")}
        return Answered(200, echo, 2000 if self.is_too_long else 200) if self.is_reachable else None

    def subscribe(self, *extensions: str) -> Subscribed:
        wanted = frozenset(extensions or ("10", "101"))
        return asyncio.run(ADAPTER.subscribe(self.account, self.session, ADDRESS, wanted))

    def extensions_of(self, *owners: str) -> frozenset[str]:
        return asyncio.run(ADAPTER.extensions_of(self.account, self.session, frozenset(owners)))

    @property
    def made(self) -> list[str]:
        return sorted(row["deliveryMode"]["address"].rpartition("=")[2] for row in self.kept.rows.values())


def test_each_extension_gets_one_and_no_second() -> None:
    there = Account()
    assert there.subscribe() == Subscribed(2, 0, made=2)
    assert there.subscribe() == Subscribed(2)
    assert there.made == ["10", "101"]
    ids = {row["eventFilters"][0].split("/")[6] for row in there.kept.rows.values()}
    assert ids == {"62000001", "62000002"}
    assert {row["deliveryMode"]["verificationToken"] for row in there.kept.rows.values()} == {PUSH["event_secret"]}
    assert there.subscribe("10", "101", "11") == Subscribed(3, 0, made=1)


def test_they_are_renewed_before_they_run_out_and_made_again_when_they_did() -> None:
    there = Account()
    there.subscribe()
    there.later(LIFE.total_seconds() * 0.6)
    assert there.subscribe() == Subscribed(2, 0, renewed=2)
    there.later(LIFE.total_seconds() * 0.6)
    assert there.subscribe() == Subscribed(2, 0, renewed=2)
    assert there.kept.tests == 2
    there.later(LIFE.total_seconds() + 1)
    assert there.subscribe() == Subscribed(2, 0, made=2)


def test_those_of_agents_who_have_left_run_out() -> None:
    there = Account()
    there.subscribe()
    there.later(LIFE.total_seconds() * 0.6)
    there.subscribe("10")
    there.later(LIFE.total_seconds() * 0.6)
    there.subscribe("10")
    assert there.made == ["10"]


@pytest.mark.parametrize("change", [{"status": "Blacklisted"}, {"eventFilters": ["/restapi/v1.0/glip/posts"]}], ids=str)
def test_one_that_serves_nobody_any_more_is_made_anew(change: dict[str, Any]) -> None:
    there = Account()
    there.subscribe()
    next(iter(there.kept.rows.values())).update(change)
    assert there.subscribe() == Subscribed(2, 0, made=1)
    assert there.made == ["10", "101"]
    assert {row["status"] for row in there.kept.rows.values()} == {"Active"}


def test_one_that_was_removed_is_made_again() -> None:
    there = Account()
    there.subscribe()
    there.kept.rows.popitem()
    assert there.subscribe() == Subscribed(2, 0, made=1)


def test_what_an_admin_has_made_is_left_as_it_is() -> None:
    there = Account()
    event = "/restapi/v1.0/account/~/extension/62000001/presence?detailedTelephonyState=true&sipData=true"
    mode = {"transportType": "WebHook", "address": f"{ADDRESS}?extension=10", "verificationToken": "x"}
    asyncio.run(there.kept.make({"eventFilters": [event], "expiresIn": 315_360_000, "deliveryMode": mode}))
    elsewhere = {**mode, "address": "https://other.example.com/events/main?extension=101"}
    asyncio.run(there.kept.make({"eventFilters": [event], "deliveryMode": elsewhere}))
    assert there.subscribe() == Subscribed(2, 0, made=1)
    assert there.subscribe() == Subscribed(2)
    assert there.made == ["10", "101", "101"]


def test_an_address_that_cannot_be_reached_is_a_refusal_with_its_words() -> None:
    there = Account()
    there.is_reachable = False
    with pytest.raises(PbxRefused, match=r"not reachable.*public_url"):
        there.subscribe()
    there.is_reachable, there.is_too_long = True, True
    with pytest.raises(PbxRefused, match="invalid"):
        there.subscribe()


def test_an_extension_that_does_not_exist_is_told() -> None:
    found = Account().subscribe("10", "999")
    assert (found.in_force, found.missing) == (1, 1)
    assert found.problem is not None
    assert found.problem.code == "ringcentral.no-such-extensions"


def test_many_are_made_without_breaking_a_limit() -> None:
    there = Account(desks=[Extension(str(1000 + number), "") for number in range(70)])
    wanted = [str(1000 + number) for number in range(70)]
    rounds = 0
    while (found := there.subscribe(*wanted)).missing:
        rounds += 1
        assert found.made == MOST_AT_ONCE
        assert there.fake.counted["medium"].count <= LIMITS["medium"]
        there.later(WINDOW_SECONDS + 1)
    assert rounds == 3
    assert len(there.made) == 70


def test_without_a_pause_the_limit_stops_it_before_the_vendor_does() -> None:
    there = Account(desks=[Extension(str(1000 + number), "") for number in range(70)])
    wanted = [str(1000 + number) for number in range(70)]
    there.subscribe(*wanted)
    with pytest.raises(PbxUnreachable, match="plan group medium"):
        there.subscribe(*wanted)
    assert there.fake.counted["medium"].count == LIMITS["medium"]


def test_ids_of_extensions_are_looked_up_once() -> None:
    there = Account()
    for _ in range(3):
        assert there.extensions_of("62000002", "7") == {"101"}
    assert there.fake.counted["medium"].count == 1


def test_an_id_that_nobody_had_is_looked_up_again_after_ten_minutes() -> None:
    there = Account(desks=[Extension("10", ""), Extension("101", "")])
    assert there.extensions_of("62000003") == set()
    there.board.extensions["102"] = Extension("102", "")
    there.later(9 * 60)
    assert there.extensions_of("62000003") == set()
    there.later(60)
    assert there.extensions_of("62000003") == {"102"}


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener looks after events and subscriptions without long pauses."""
    monkeypatch.setattr("bridge.events.lease.HOLD_SECONDS", 0.1)
    monkeypatch.setattr(subscriptions, "CHECK_SECONDS", 0.2)


often = pytest.mark.usefixtures("looks_often")


@asynccontextmanager
async def subscribing(folder: Path, redis_url: Secret, kind: str, **keys: Any) -> AsyncIterator[Stage]:
    """A running product that keeps its subscriptions by itself."""
    make = simulated(kind, Secret("made-up-secret-of-events-0123"))
    opened = open_stage(folder, redis_url, make, main_keys={**PUSH, **keys}, pops={DANA: "ringing", OMER: "ringing"})
    async with opened as stage:
        server = stage.services.settings.server.model_copy(update={"public_url": stage.bridge_url})
        settings = stage.services.settings.model_copy(update={"server": server})
        listening = asyncio.create_task(keep_listening(replace(stage.services, settings=settings), "main"))
        try:
            yield stage
        finally:
            await background.end(listening)


async def status(stage: Stage) -> listeners.Status:
    async def known() -> listeners.Status | None:
        return await listeners.status(stage.redis, "main")

    found: listeners.Status = await until(known)
    return found


async def has_popped(stage: Stage) -> Any:
    async def popped() -> Any:
        return await stage.redis.keys("*popped*")

    return await until(popped)


async def is_subscribed(stage: Stage, count: int) -> Any:
    async def known() -> bool:
        found = await listeners.status(stage.redis, "main")
        return found is not None and found.subscribed == count and not found.missing

    return await until(known)


@pytest.mark.anyio
@often
async def test_the_running_product_makes_them_and_an_event_pops(tmp_path: Path, redis_url: Secret) -> None:
    async with subscribing(tmp_path, redis_url, "ringcentral") as stage:
        await is_subscribed(stage, 2)
        kept = stage.pbx.subscriptions
        assert (len(kept.rows), kept.tests) == (2, 2)
        stage.phone.incoming([stage.make.dana], Caller(CALLER), datetime.now(UTC), DID)
        await stage.pbx.tell(stage.make.dana)
        assert {row["status"] for row in kept.rows.values()} == {"Active"}
        await has_popped(stage)
        kept.rows.clear()

        async def made_again() -> bool:
            return len(kept.rows) == 2

        await until(made_again)


@pytest.mark.anyio
@often
async def test_an_event_that_nobody_takes_blacklists_it_and_it_is_made_anew(tmp_path: Path, redis_url: Secret) -> None:
    async with subscribing(tmp_path, redis_url, "ringcentral") as stage:
        await is_subscribed(stage, 2)
        kept = stage.pbx.subscriptions
        before = set(kept.rows)
        for row in kept.rows.values():
            row["deliveryMode"]["verificationToken"] = "of somebody else"
        await stage.pbx.tell(stage.make.dana)

        async def another() -> bool:
            return len(set(kept.rows) - before) == 1 and {row["status"] for row in kept.rows.values()} == {"Active"}

        await until(another)


@pytest.mark.anyio
async def test_who_makes_them_by_hand_is_left_alone(tmp_path: Path, redis_url: Secret) -> None:
    async with subscribing(tmp_path, redis_url, "ringcentral", subscribe=False) as stage:
        assert not stage.services.lookup.systems["main"].is_to_subscribe
        assert (await status(stage)).subscribed == 0
        assert stage.pbx.subscriptions.rows == {}


@pytest.mark.anyio
@often
async def test_what_keeps_them_from_being_made_stands_in_the_doctor(tmp_path: Path, redis_url: Secret) -> None:
    make = simulated("ringcentral", Secret("made-up-secret-of-events-0123"))
    async with open_stage(tmp_path, redis_url, make, main_keys=PUSH, pops={DANA: "ringing"}) as stage:
        listening = asyncio.create_task(keep_listening(stage.services, "main"))  # public_url leads nowhere
        try:

            async def told() -> Any:
                found = await of_listener(stage.services, stage.services.lookup.systems["main"])
                return [one for one in found if "public_url" in one.message + one.fix]

            (finding,) = await until(told)
            assert finding.grade == "WARN"
        finally:
            await background.end(listening)


@pytest.mark.anyio
@often
async def test_webex_gets_one_webhook_that_is_kept_active_and_an_event_pops(tmp_path: Path, redis_url: Secret) -> None:
    async with subscribing(tmp_path, redis_url, "webex") as stage:
        await is_subscribed(stage, 2)
        (webhook,) = stage.pbx.webhooks.values()
        assert (webhook["resource"], webhook["event"], webhook["ownedBy"]) == ("telephony_calls", "all", "org")
        stage.phone.incoming([stage.make.dana], Caller(CALLER), datetime.now(UTC), DID)
        asked = stage.systems["main"].asked
        await stage.pbx.tell(stage.make.dana)
        assert webhook["status"] == "active", "it was taken"
        await has_popped(stage)
        assert stage.systems["main"].asked <= asked + 10
        webhook["status"] = "inactive"

        async def is_active() -> bool:
            return bool(webhook["status"] == "active")

        await until(is_active)
        stage.pbx.webhooks.clear()

        async def is_made_again() -> bool:
            return len(stage.pbx.webhooks) == 1

        await until(is_made_again)


def test_webex_webhooks_of_others_and_of_admins_are_told_apart() -> None:
    there = "https://popbridge.example.com/events/main"
    rows = [
        {"id": "1", "resource": "messages", "event": "all", "targetUrl": there, "status": "active"},
        {"id": "2", "resource": "telephony_calls", "event": "all", "targetUrl": "http://[x", "status": "active"},
        {"id": "3", "resource": "telephony_calls", "event": "all", "targetUrl": f"{there}2", "status": "active"},
        {"id": "4", "resource": "telephony_calls", "event": "all", "targetUrl": there, "status": "inactive"},
        {"id": "5", "resource": "telephony_calls", "event": "all", "targetUrl": f"{there}/?x=1", "status": "active"},
    ]
    reply = Reply(200, {}, json.dumps({"items": rows}).encode(), 1.0)
    assert [one.its_id for one in webhooks.read_list(reply, there)] == ["5", "4"]


@pytest.mark.parametrize(
    ("public", "there", "is_told"),
    [
        ("http://127.0.0.1:8080", "https://platform.ringcentral.com", True),
        ("https://popbridge.example.com", "https://platform.ringcentral.com", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:9000", False),
    ],
)
def test_a_public_address_that_is_this_machine_serves_no_phone_system_elsewhere(
    public: str, there: str, is_told: bool
) -> None:
    services: Any = SimpleNamespace(settings=SimpleNamespace(server=SimpleNamespace(public_url=public)))
    system: Any = SimpleNamespace(account=SimpleNamespace(base_url=there))
    assert (subscriptions._unreachable(services, system) is not None) is is_told
