"""What adapters remember: for as long as they said, for all processes; and erased with the person whom it names."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bridge.audit import erase, person_export
from bridge.audit.subject import AgentSubject, CallerSubject, Subject
from bridge.core.http_types import Secret
from bridge.store import keys
from bridge.store.accounts import AccountStore
from bridge.store.client import TextRedis, open_async
from tests.audit.test_commands import popbridge, told
from tests.dump import everything_in
from tests.stage import DANA, OMER, Stage, until

pytestmark = pytest.mark.anyio

NUMBER, OTHER = "0541112233", "0527654321"
HOUR = timedelta(hours=1)
CALLER = CallerSubject.of(NUMBER, ["IL"])


@pytest.fixture
async def redis(redis_url: Secret) -> AsyncIterator[TextRedis]:
    client = open_async(redis_url)
    yield client
    await client.aclose()


async def test_it_is_there_for_every_process_of_that_account_alone(redis: TextRedis, redis_url: Secret) -> None:
    other_process = open_async(redis_url)
    await AccountStore(redis, "crm:acme", [Secret("a")]).remember("call c0ffee01", "42", HOUR)
    assert await AccountStore(other_process, "crm:acme", [Secret("b")]).recall("call c0ffee01") == "42"
    for account, key in (("crm:beta", "call c0ffee01"), ("pbx:acme", "call c0ffee01"), ("crm:acme", "call c0ffee02")):
        assert await AccountStore(other_process, account, []).recall(key) is None
    await AccountStore(other_process, "crm:acme", []).remember("call c0ffee01", "43", HOUR)
    assert await AccountStore(redis, "crm:acme", []).recall("call c0ffee01") == "43"
    assert await AccountStore(redis, "crm:acme", [], "another-make").recall("call c0ffee01") is None
    await other_process.aclose()


async def test_it_is_gone_when_its_time_is_up(redis: TextRedis) -> None:
    memory = AccountStore(redis, "crm:acme", [])
    await memory.remember("a", "1", timedelta(milliseconds=300))
    await memory.remember("b", "2", timedelta(0))
    await memory.remember("c", "3", HOUR)

    async def all_but_one() -> bool:
        return [await memory.recall(key) for key in "abc"] == [None, None, "3"]

    await until(all_but_one)
    lives = await redis.eval("return redis.call('PTTL', KEYS[1])", 1, keys.remembered("crm:acme", "c"))
    assert 3_500_000 < lives <= 3_600_000


@pytest.mark.parametrize("text", ["not json", "[]", '"x"', "{}", '{"key": "other", "value": "1"}', '{"key": "a"}'])
async def test_what_is_not_its_own_is_not_recalled(redis: TextRedis, text: str) -> None:
    await redis.set(keys.remembered("crm:acme", "a"), text)
    assert await AccountStore(redis, "crm:acme", []).recall("a") is None


@pytest.mark.parametrize(
    ("subject", "key", "value"),
    [
        (CALLER, f"contact {NUMBER}", "42"),
        (CALLER, "contact +972541112233", "42"),
        (CALLER, "ticket pop_1", "054-111-2233"),
        (CALLER, "ticket pop_1", json.dumps({"phone": "+972 54 111 2233"})),
        (AgentSubject("acme", DANA), f"agent {DANA}", "42"),
        (AgentSubject("acme", "Dana Cohen"), "agent Dana Cohen", "42"),
        (AgentSubject("acme", DANA), "ticket pop_1", DANA),
    ],
)
async def test_it_is_erased_with_the_person_whom_it_names(stage: Stage, subject: Subject, key: str, value: str) -> None:
    session, services = stage.services.crm_sessions["acme"], stage.services
    await session.remember(key, value, HOUR)
    await session.remember(f"contact {OTHER}", "43", HOUR)
    await session.remember(f"agent {OMER}", "44", HOUR)
    held = await person_export.everything_about(services.archive, stage.redis, subject)
    assert [(one["kind"], one["holds"][0]["key"], one["holds"][0]["value"]) for one in held["redis"]] == [
        ("remembered", key, value)
    ]
    receipt = await erase.erase(services.archive, stage.redis, subject, "a test", datetime.now(UTC))
    assert receipt.redis == {"remembered": 1}
    assert await session.recall(key) is None
    assert [await session.recall(f"contact {OTHER}"), await session.recall(f"agent {OMER}")] == ["43", "44"]


async def test_an_agent_of_that_name_in_another_crm_stays(stage: Stage) -> None:
    beta = AccountStore(stage.redis, "crm:beta", [])
    await beta.remember(f"agent {DANA}", "42", HOUR)
    acme = AgentSubject("acme", DANA)
    receipt = await erase.erase(stage.services.archive, stage.redis, acme, "a test", datetime.now(UTC))
    assert receipt.redis == {}
    assert await beta.recall(f"agent {DANA}") == "42"


async def test_the_commands_list_it_and_erase_it(stage: Stage) -> None:
    session = stage.services.crm_sessions["acme"]
    await session.remember(f"contact +972{NUMBER[1:]}", "42", HOUR)
    await session.remember(f"agent {DANA}", "43", HOUR)
    for option, who in (("--caller", (NUMBER,)), ("--crm-user", (f"acme:{DANA}",))):
        exported = await told(stage, "privacy", "export", option, *who)
        assert [one["kind"] for one in exported["redis"]] == ["remembered"]
        await popbridge(stage, "audit", "erase", option, *who, "--yes")
    left = everything_in(stage.redis_url)
    assert [trace for trace in ("541112233", DANA, "remembered") if trace in left] == []
