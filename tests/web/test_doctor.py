"""The doctor, over a real bridge: what works, and what each broken part is called."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy.exc import OperationalError

from bridge.audit.archive import Archive
from bridge.config.unchecked import private_files
from bridge.core.finding import Finding, Grade, worst
from bridge.core.http_types import Secret
from bridge.core.reasons import say
from bridge.doctor import examine, inside, outside
from bridge.observability import service_manager
from bridge.store import workers
from bridge.web.server import listen
from tests.faults.proxy import redis_line
from tests.stage import CLICK_SECRET, CODE, POPUP_SECRET, TOKEN, Stage, open_stage

HEBREW = re.compile("[א-ת]")
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs here, as on the machines that the runbook is for."""
    monkeypatch.setattr(service_manager, "RUNNING", tmp_path)


@contextmanager
def configured(url: Secret, name: str, value: str) -> Iterator[None]:
    with Redis.from_url(url.reveal(), decode_responses=True) as direct:
        before = direct.config_get(name)[name]
        direct.config_set(name, value)
        try:
            yield
        finally:
            direct.config_set(name, before)


@contextmanager
def replica(url: Secret) -> Iterator[None]:
    """Of a primary that never answers."""
    with Redis.from_url(url.reveal(), decode_responses=True) as direct:
        direct.replicaof("127.0.0.1", "1")
        try:
            yield
        finally:
            direct.replicaof("NO", "ONE")


@asynccontextmanager
async def well(stage: Stage, redis_url: Secret) -> AsyncIterator[Stage]:
    """With a worker that says it lives, a public_url that leads here, private settings, a Redis that keeps."""
    (stage.folder / "popbridge.toml").chmod(0o600)
    said = workers.Status(stage.services.clock.now().timestamp(), 0, {})
    await workers.report(stage.redis, "worker", said)
    object.__setattr__(stage.services.settings.server, "public_url", stage.bridge_url)
    with configured(redis_url, "appendonly", "yes"):
        yield stage


async def told(stage: Stage) -> dict[str, Finding]:
    """The worst finding of each thing."""
    found = await examine(stage.services, [stage.folder / "popbridge.toml"])
    text = "\n".join(map(str, found))
    for secret in (CODE, CLICK_SECRET, POPUP_SECRET, TOKEN):
        assert secret.reveal() not in text
    assert [one.what for one in found if not is_hebrew(one)] == []
    order = [Grade.OK, Grade.WARN, Grade.FAIL]
    return {one.what: one for one in sorted(found, key=lambda one: order.index(one.grade))}


def is_hebrew(one: Finding) -> bool:
    """Whether it is said in Hebrew, its fix too unless that is a command alone."""
    said, fix = say(one.reason, "he"), say(one.advice, "he") if one.advice else ""
    return HEBREW.search(said) is not None and (HEBREW.search(fix) is not None or fix == one.fix)


def wrong(found: dict[str, Finding]) -> Iterator[str]:
    return (f"{one.what} {one.grade}" for one in found.values() if one.grade is not Grade.OK)


async def test_all_is_well(stage: Stage, redis_url: Secret) -> None:
    stage.talk()
    async with well(stage, redis_url):
        assert sorted(wrong(await told(stage))) == ["button acme WARN"], "neither secret has proven a click"
        await stage.click()
        found = await examine(stage.services, [stage.folder / "popbridge.toml"])
    buttons = [one.message for one in found if one.what == "button acme"]
    assert buttons == [
        "click_secrets[0] last authenticated a click 0 min ago",
        "click_token has not authenticated a click yet; another one of its secrets has",
    ]
    assert worst(found) is Grade.OK
    assert stage.crm.received[-1].event is not None
    assert any((each.event or {}).get("type") == "call.test" for each in stage.crm.received)


async def test_each_broken_part_is_named_with_its_fix(stage: Stage, redis_url: Secret) -> None:
    async with well(stage, redis_url):
        stage.pbx.faults.code_refused = True
        stage.crm.faults.status = 401
        (stage.folder / "agents.csv").write_text("nonsense\n", encoding="utf-8")
        await stage.redis.delete("popbridge:workers")
        with configured(redis_url, "maxmemory-policy", "allkeys-lru"):
            found = await told(stage)
    fixes = {
        "agents": "popbridge check",
        "redis": "noeviction",
        "workers": "systemctl start popbridge-worker@1",
        "pbx main": "credentials",
        "crm acme": "popup_secrets",
    }
    for what, fix in fixes.items():
        assert found[what].grade is not Grade.OK
        assert fix in found[what].fix, found[what]


async def test_a_crm_and_a_public_url_that_do_not_answer(stage: Stage, redis_url: Secret) -> None:
    async with well(stage, redis_url):
        listening = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        closed = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        listening.close()
        await listening.wait_closed()
        object.__setattr__(stage.services.settings.server, "public_url", closed)
        object.__setattr__(stage.services.settings.crm["acme"], "popup_url", closed)
        found = await told(stage)
    assert {name for name in ("public_url", "crm acme") if found[name].grade is Grade.FAIL} == {
        "public_url",
        "crm acme",
    }


async def test_redis_away_is_reported_and_the_rest_is_tested(tmp_path: Path, redis_url: Secret) -> None:
    async with redis_line(redis_url) as (line, address), open_stage(tmp_path, address) as stage, well(stage, redis_url):
        line.down = True
        line.cut()
        found = await told(stage)
        line.down = False
    assert found["redis"].grade is found["workers"].grade is Grade.FAIL
    assert found["pbx main"].grade is found["crm acme"].grade is Grade.OK
    assert "redis-server" in found["redis"].fix


async def test_a_test_that_breaks_does_not_hide_the_others(
    stage: Stage, redis_url: Secret, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> list[Finding]:
        raise TypeError("unhashable type: 'list'")

    monkeypatch.setattr(outside, "of_pbx", broken)
    async with well(stage, redis_url):
        found = await told(stage)
    assert (found["pbx main"].grade, found["pbx main"].reason.code) == (Grade.FAIL, "found-test-broken")
    assert found["crm acme"].grade is Grade.OK
    assert "the doctor's test of pbx main has failed" in caplog.text


async def test_without_redis_it_says_that_nobody_knows_who_listens(tmp_path: Path, redis_url: Secret) -> None:
    keys = {"events": "poll"}
    async with redis_line(redis_url) as (line, address), open_stage(tmp_path, address, main_keys=keys) as stage:
        line.down = True
        line.cut()
        found = await told(stage)
        line.down = False
    assert found["events of main"].reason.code == "found-unknown"
    assert found["pbx main"].grade is Grade.OK


async def test_a_public_url_of_another_server_is_reported(stage: Stage, redis_url: Secret) -> None:
    async with well(stage, redis_url):
        object.__setattr__(stage.services.settings.server, "public_url", f"{stage.pbx_url}/elsewhere")
        found = (await told(stage))["public_url"]
    assert (found.grade, found.message) == (Grade.FAIL, "answers 404 to /livez")
    assert found.fix.startswith("[server] public_url must be")


@pytest.mark.parametrize(("name", "value", "fix"), [("maxmemory", "1mb", "maxmemory"), ("replicaof", "", "primary")])
async def test_a_redis_that_takes_nothing_is_reported(
    stage: Stage, redis_url: Secret, name: str, value: str, fix: str
) -> None:
    async with well(stage, redis_url):
        with configured(redis_url, name, value) if value else replica(redis_url):
            found = (await told(stage))["redis"]
            ready = await stage.get("/readyz")
    assert (found.grade, ready.status_code) == (Grade.FAIL, 503)
    assert "it takes no writes" in found.message
    assert fix in found.fix
    assert "takes no writes" in ready.json()["checks"]["redis"]
    assert (await stage.get("/readyz")).status_code == 200


async def test_secrets_that_everybody_may_read_are_named(stage: Stage) -> None:
    environ = {"POPBRIDGE_REDIS__URL_FILE": "/nowhere/redis"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, secret = folder / "popbridge.toml", folder / "secrets" / "click"
        file.write_text('[crm.acme]\nclick_secrets_file = "secrets/click"\n')
        secret.parent.mkdir()
        secret.write_text(CLICK_SECRET.reveal())
        assert private_files(file, environ) == [file, secret, Path("/nowhere/redis")]
        for one, mode in ((folder, 0o755), (file, 0o640), (secret.parent, 0o755), (secret, 0o644)):
            one.chmod(mode)
        (found, *_) = await examine(stage.services, private_files(file, environ))
        assert (found.grade, found.fix) == (Grade.WARN, f"chmod o-rwx {secret}")
        assert found.message == "every user of this machine can read click"
        secret.parent.chmod(0o750)
        file.chmod(0o644)
        (found, *_) = await examine(stage.services, private_files(file, environ))
        assert found.fix == f"chmod o-rwx {file}", "the secret's folder keeps others out"


async def test_a_worker_that_fell_silent_is_reported_and_one_that_ended_is_not(stage: Stage, redis_url: Secret) -> None:
    async with well(stage, redis_url):
        long_ago = stage.services.clock.now().timestamp() - 60
        await workers.report(stage.redis, "killed", workers.Status(long_ago, 3, {}))
        found = (await told(stage))["workers"]
        assert (found.grade, found.message) == (Grade.WARN, "1 died or hung in the last 10 min")
        await workers.remove(stage.redis, "killed")
        assert (await told(stage))["workers"].message == "1 alive, 0 jobs in flight"


async def test_a_public_url_within_the_own_network_is_asked_and_a_crm_there_must_be_named(
    stage: Stage, redis_url: Secret
) -> None:
    async with well(stage, redis_url):
        with listen("127.0.0.2", 0) as taken:
            inside = f"http://127.0.0.2:{taken.getsockname()[1]}"
        object.__setattr__(stage.services.settings.server, "public_url", inside)
        object.__setattr__(stage.services.settings.crm["acme"], "popup_url", inside)
        found = await told(stage)
    assert found["public_url"].message == "could not connect to 127.0.0.2"
    assert "systemctl start popbridge-web nginx" in found["public_url"].fix
    assert "private_networks" in found["crm acme"].message
    assert "private_networks" in found["crm acme"].fix


async def test_why_postgresql_refuses_is_reported(
    stage: Stage, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = OperationalError("", {}, Exception('connection failed: FATAL:  role "root" does not exist'))

    def works(_: Archive) -> bool:
        raise refused

    async with well(stage, redis_url):
        monkeypatch.setattr(Archive, "works", works)
        monkeypatch.setattr(Archive, "is_sqlite", False)
        found = (await told(stage))["audit"]
    assert found.message == 'the archive\'s database cannot be used (OperationalError: role "root" does not exist)'
    assert found.fix.startswith("systemctl start postgresql;")


@pytest.mark.parametrize("written", ["SIPomer1", "SIPOmer1.0", "'SIPOmer1", "SIP Omer1", "0SIPOmer1"])
async def test_an_extension_that_nearly_is_one_of_the_phone_systems_is_told(stage: Stage, written: str) -> None:
    file = stage.folder / "agents.csv"
    file.write_text(file.read_text(encoding="utf-8").replace(",SIPOmer1,", f",{written},"), encoding="utf-8")
    finding = (await told(stage))["agents on main"]
    assert finding.grade is Grade.WARN
    assert f"{written!r} (is it 'SIPOmer1'?)" in finding.message
    assert "agents.csv" in finding.fix


async def test_an_extension_that_the_phone_system_does_not_have_is_told(stage: Stage) -> None:
    finding = (await told(stage))["agents on main"]
    assert (finding.grade, finding.message) == (
        Grade.OK,
        "1 of 3 extensions of agents are not among the phone system's: 'SIPNone'",
    )


async def test_without_systemd_nothing_is_started_by_it(
    stage: Stage, redis_url: Secret, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service_manager, "RUNNING", tmp_path / "none")
    found = await examine(stage.services, [])
    assert [one.what for one in found if "systemctl" in one.fix or "journalctl" in one.fix] == []
    assert {one.fix for one in found if one.what == "workers"} == {"popbridge worker"}


async def test_rows_that_may_be_wrong_are_told(stage: Stage) -> None:
    with (stage.folder / "agents.csv").open("a", encoding="utf-8") as file:
        file.write(f"acme,second@acme.example,main,{stage.make.dana},Second\n")
    (finding,) = await inside.of_agents(stage.services)
    assert finding.grade is Grade.WARN
    assert finding.message.startswith("4 agents; 1 row may be wrong: agents.csv: line 5: ")
