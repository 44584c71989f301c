"""The doctor, over a real bridge: what works, and what each broken part is called."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from redis import Redis

from bridge.doctor import Finding, Grade, examine, worst
from bridge.messages import Secret
from bridge.store import workers
from tests.faults.proxy import redis_line
from tests.stage import CLICK_SECRET, CODE, POPUP_SECRET, TOKEN, Stage, open_stage

pytestmark = pytest.mark.anyio


@contextmanager
def configured(url: Secret, name: str, value: str) -> Iterator[None]:
    with Redis.from_url(url.reveal(), decode_responses=True) as direct:
        before = direct.config_get(name)[name]
        direct.config_set(name, value)
        try:
            yield
        finally:
            direct.config_set(name, before)


@asynccontextmanager
async def well(stage: Stage, redis_url: Secret) -> AsyncIterator[Stage]:
    """With a worker that says it lives, a public_url that leads here, private settings, a Redis that keeps."""
    (stage.folder / "popbridge.toml").chmod(0o600)
    said = workers.Said(stage.kit.clock.now().timestamp(), 0, {})
    await workers.say(stage.redis, "worker", said)
    object.__setattr__(stage.kit.settings.server, "public_url", stage.bridge_url)
    with configured(redis_url, "appendonly", "yes"):
        yield stage


async def told(stage: Stage) -> dict[str, Finding]:
    """The worst finding of each thing."""
    found = await examine(stage.kit, stage.folder / "popbridge.toml")
    text = "\n".join(map(str, found))
    for secret in (CODE, CLICK_SECRET, POPUP_SECRET, TOKEN):
        assert secret.reveal() not in text
    order = [Grade.OK, Grade.WARN, Grade.FAIL]
    return {one.what: one for one in sorted(found, key=lambda one: order.index(one.grade))}


def wrong(found: dict[str, Finding]) -> Iterator[str]:
    return (f"{one.what} {one.grade}" for one in found.values() if one.grade is not Grade.OK)


async def test_all_is_well(stage: Stage, redis_url: Secret) -> None:
    stage.talk()
    async with well(stage, redis_url):
        assert sorted(wrong(await told(stage))) == ["button acme WARN"], "neither secret has proven a click"
        await stage.click()
        found = await examine(stage.kit, stage.folder / "popbridge.toml")
    buttons = [one.told for one in found if one.what == "button acme"]
    assert buttons == ["click_secrets[0] last proved a click 0 min ago", "click_token has proven no click yet"]
    assert worst(found) is Grade.WARN
    assert stage.crm.received[-1].event is not None
    assert any((each.event or {}).get("type") == "call.test" for each in stage.crm.received)


async def test_each_broken_part_is_named_with_what_mends_it(stage: Stage, redis_url: Secret) -> None:
    async with well(stage, redis_url):
        stage.pbx.faults.code_refused = True
        stage.crm.faults.status = 401
        (stage.folder / "popbridge.toml").chmod(0o644)
        (stage.folder / "agents.csv").write_text("nonsense\n", encoding="utf-8")
        await stage.redis.delete("popbridge:workers")
        with configured(redis_url, "maxmemory-policy", "allkeys-lru"):
            found = await told(stage)
    mends = {
        "settings": "chmod",
        "agents": "popbridge check",
        "redis": "noeviction",
        "workers": "popbridge worker",
        "pbx main": "credentials",
        "crm acme": "popup_secrets",
    }
    for what, mend in mends.items():
        assert found[what].grade is not Grade.OK
        assert mend in found[what].mend, found[what]


async def test_a_crm_and_a_public_url_that_do_not_answer(stage: Stage, redis_url: Secret) -> None:
    async with well(stage, redis_url):
        listening = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        closed = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        listening.close()
        await listening.wait_closed()
        object.__setattr__(stage.kit.settings.server, "public_url", closed)
        object.__setattr__(stage.kit.settings.crm["acme"], "popup_url", closed)
        found = await told(stage)
    assert {name for name in ("public_url", "crm acme") if found[name].grade is Grade.FAIL} == {
        "public_url",
        "crm acme",
    }


async def test_redis_away_is_told_and_the_rest_is_asked(tmp_path: Path, redis_url: Secret) -> None:
    async with redis_line(redis_url) as (line, address), open_stage(tmp_path, address) as stage, well(stage, redis_url):
        line.down = True
        line.cut()
        found = await told(stage)
        line.down = False
    assert found["redis"].grade is found["workers"].grade is Grade.FAIL
    assert found["pbx main"].grade is found["crm acme"].grade is Grade.OK
