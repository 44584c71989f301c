"""How everything is, over HTTP: the series of the last hours, circuits, listeners, the doctor; and who may see what."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.core.http_types import Secret
from bridge.core.json_codec import json_text
from bridge.store import figures, health, keys, listeners
from bridge.store.tokens import Role
from tests.stage import DANA, Stage, open_stage
from tests.web.test_scopes import limited
from workers.maintenance import keep_up

pytestmark = pytest.mark.anyio


async def test_the_last_hours_and_how_it_is_now(stage: Stage) -> None:
    now = stage.services.clock.now()
    sample = health.Sample(1.0, 7, 0, 0.0, 0, 1, 0)
    await stage.redis.xadd(keys.HEALTH, {"sample": json_text(sample)})
    stage.talk()
    await stage.click()
    told = (await stage.get("/api/health", await stage.token(Role.SUPERVISOR))).json()
    assert told["series"][0]["queue"] == 7
    assert (told["series"][-1]["pending"], told["series"][-1]["workers"]) == (2, 0)
    assert told["series"][-1]["at"] >= now.timestamp() - 1
    assert told["circuits"] == {"pbx": {"main": "closed"}, "target": {"acme": "closed"}}
    assert told["listeners"] == [{"pbx": "main", "way": "off", "is_there": False}]
    assert (await stage.get("/api/health", await stage.token(Role.AGENT, DANA))).status_code == 403


async def test_a_token_of_some_crms_sees_no_common_counts(stage: Stage) -> None:
    told = (await stage.get("/api/health", await limited(stage, Role.ADMIN, "other"))).json()
    assert (told["series"], told["silent_workers"], told["may_examine"]) == (None, None, False)
    assert (told["circuits"], told["listeners"]) == ({"pbx": {}, "target": {}}, [])


async def test_calls_of_a_shared_phone_system_are_counted_for_who_sees_all_of_it(
    tmp_path: Path, redis_url: Secret
) -> None:
    extra = {"POPBRIDGE_PBX__MAIN__EVENTS": "poll"}
    async with open_stage(tmp_path, redis_url, crms={"rival": "webhook"}, extra=extra) as stage:
        at = stage.services.clock.now().timestamp()
        status = listeners.Status(at, "a worker", "a machine", "poll", heard_at=at, calls=9)
        await stage.redis.set(keys.listening("main"), json_text(status))
        for crms, calls in (((), 9), (("acme",), None), (("acme", "rival"), 9)):
            told = (await stage.get("/api/health", await limited(stage, Role.SUPERVISOR, *crms))).json()
            assert [one["calls"] for one in told["listeners"]] == [calls]


async def test_the_doctor_is_for_admins_of_every_crm_and_not_all_the_time(stage: Stage) -> None:
    async def examine(token: dict[str, str]) -> tuple[int, str]:
        answer = await stage.http.post(f"{stage.bridge_url}/api/health/doctor", headers=token)
        return answer.status_code, answer.text

    for token in (await stage.token(Role.SUPERVISOR), await limited(stage, Role.ADMIN, "acme")):
        assert (await examine(token))[0] == 403
    status, text = await examine(await stage.token(Role.ADMIN))
    assert status == 200
    assert '"what":"pbx main"' in text
    assert (await examine(await stage.token(Role.ADMIN)))[0] == 429


async def test_a_worker_keeps_the_series_and_forgets_old_figures(stage: Stage) -> None:
    old = figures.counted("2020-01-01", "acme", figures.ANSWERED)
    today = figures.counted(stage.services.settings.day_of("acme", datetime.now(UTC)), "acme", figures.ANSWERED)
    for field in (old, today):
        await stage.redis.hincrby(keys.COUNTERS, field, 1)
    upkeep = asyncio.create_task(keep_up(stage.services))
    try:
        async with asyncio.timeout(10):
            while not await health.series(stage.redis) or await stage.redis.hmget(keys.COUNTERS, [old]) != [None]:
                await asyncio.sleep(0.05)
    finally:
        upkeep.cancel()
    assert await stage.redis.hmget(keys.COUNTERS, [today]) == ["1"]
