"""Two installations on one Redis: under prefixes of their own they do not touch each other, under one they refuse."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bridge.config.models import Settings
from bridge.core.errors import RedisUnfit
from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.doctor import inside
from bridge.settings import load_settings
from bridge.store import durability, installation
from bridge.store.client import open_async
from bridge.store.tokens import Role
from tests.commands import popbridge
from tests.dump import everything_in
from tests.stage import CALLER, DANA, Stage, open_stage, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]


@contextmanager
def worker_of(stage: Stage) -> Iterator[None]:
    """A real worker process of the stage's installation."""
    command = [sys.executable, "-m", "workers", "--config", str(stage.write_settings())]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **stage.extra}, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@asynccontextmanager
async def installed(folder: Path, url: Secret, prefix: str) -> AsyncIterator[Stage]:
    folder.mkdir()
    async with open_stage(folder, url, extra={"POPBRIDGE_REDIS__PREFIX": prefix}) as stage:
        with worker_of(stage):
            yield stage


async def popped(stage: Stage, number: str) -> Any:
    stage.talk(number=number)
    answer = (await stage.click()).json()
    assert answer["outcome"] == "found", answer
    await stage.crm.wait_for(answer["click_id"], 30)
    return answer


async def test_two_installations_on_one_redis_deliver_each_its_own(tmp_path: Path, redis_url: Secret) -> None:
    async with (
        installed(tmp_path / "a", redis_url, "popbridge") as ours,
        installed(tmp_path / "b", redis_url, "staging") as other,
    ):
        for stage in (ours, other, other, ours):
            await popped(stage, CALLER)
        assert (len(ours.crm.received), len(other.crm.received)) == (2, 2)
        headers = await other.token(Role.SUPERVISOR)
        for stage, expected in ((other, 200), (ours, 401)):
            assert (await stage.get("/api/audit", headers)).status_code == expected
        listed = (await other.get("/api/audit", headers)).json()["items"]
        assert len(listed) == 2
        with Redis.from_url(redis_url.reveal(), decode_responses=True) as direct:
            keys = set(direct.scan_iter(count=1000))
            heads = {key.split(":")[0] for key in keys}
            assert heads == {"popbridge", "rq", "staging"}
            assert {key for key in keys if "staging" in key and not key.startswith("staging:")} == set()
            # what RQ's own tools do to one leaves the other alone
            direct.set("rq:suspended", "1")
            assert "suspended" in str(await inside.of_workers(ours.services))
            await popped(other, "0722776773")
            direct.delete("rq:suspended")


async def test_an_erasure_under_a_prefix_finds_everything_there_and_nothing_elsewhere(
    tmp_path: Path, redis_url: Secret
) -> None:
    async with (
        installed(tmp_path / "a", redis_url, "popbridge") as ours,
        installed(tmp_path / "b", redis_url, "staging") as other,
    ):
        for stage in (ours, other):
            await popped(stage, CALLER)
        words = ("audit", "erase", "--caller", CALLER, "--yes")
        done = await popbridge(other.write_settings(), *words, environ={**other.extra})
        assert done.exit_code == 0, done.stderr
        assert CALLER[1:] in everything_in(redis_url), "the other installation's"
        with Redis.from_url(redis_url.reveal()) as direct:
            for key in direct.scan_iter("popbridge:*"):
                direct.delete(key)
        assert CALLER[1:] not in everything_in(redis_url)


async def test_pages_of_two_installations_get_each_its_own_events(tmp_path: Path, redis_url: Secret) -> None:
    async with (
        installed(tmp_path / "a", redis_url, "one") as ours,
        installed(tmp_path / "b", redis_url, "two") as other,
    ):
        heard: dict[str, list[str]] = {"one": [], "two": []}

        async def listen(stage: Stage, name: str) -> None:
            headers = await stage.token(Role.AGENT, "dana@acme.example")
            async with stage.http.stream("GET", f"{stage.bridge_url}/desktop/events", headers=headers) as stream:
                async for line in stream.aiter_lines():
                    heard[name].append(line)

        listeners = [asyncio.create_task(listen(ours, "one")), asyncio.create_task(listen(other, "two"))]
        try:
            await until(lambda: asyncio.sleep(0, all(heard.values())))
            answer = await popped(ours, CALLER)
            await until(lambda: asyncio.sleep(0, any(answer["click_id"] in line for line in heard["one"])))
            await popped(other, CALLER)
            assert not any(answer["click_id"] in line for line in heard["two"])
        finally:
            for task in listeners:
                task.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)


def settings_of(folder: Path, url: Secret, **more: str) -> Settings:
    """An installation of its own in a folder; `more`: variables of the environment."""
    folder.mkdir(exist_ok=True)
    file = folder / "popbridge.toml"
    crm = more.pop("crm", "https://crm.acme.example/popups")
    file.write_text(
        f'[redis]\nurl = "{url.reveal()}"\n[pbx.main]\nkind = "voicenter"\ncode = "ACCOUNTCODE77"\nregion = "IL"\n'
        'base_url = "https://monapisec.voicenter.co.il/comet/API"\n[crm.acme]\nkind = "webhook"\n'
        'click_token = "a-token-of-acme-1"\n'
        f'popup_url = "{crm}"\npopup_secrets = ["whsec_UG9wdXBTZWNyZXRQb3B1cFNlY3JldFBvcHVw"]\n'
    )  # fmt: skip
    (folder / "agents.csv").write_text("crm,crm_user,pbx,extension,name\n")
    return load_settings(str(file), more)


async def start(settings: Settings) -> None:
    assert settings.redis.url is not None
    await durability.check(settings, settings.redis.url)


PRODUCTION = {"POPBRIDGE_SERVER__PUBLIC_URL": "https://pop.acme.example"}
STAGING = {"POPBRIDGE_SERVER__PUBLIC_URL": "https://staging.acme.example"}
ELSEWHERE = "https://crm.other.example/popups"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PRODUCTION, STAGING),
        (PRODUCTION, {**STAGING, "crm": ELSEWHERE}),
        ({}, {"crm": ELSEWHERE}),
        (PRODUCTION, {"crm": ELSEWHERE}),
        ({"crm": ELSEWHERE}, PRODUCTION),
        (PRODUCTION, {"POPBRIDGE_SERVER__PUBLIC_URL": "https://pop.acme.example/staging"}),
        (PRODUCTION, {"POPBRIDGE_SERVER__PUBLIC_URL": "https://pop.acme.example:8443"}),
        (PRODUCTION | {"POPBRIDGE_REDIS__PREFIX": "x"}, STAGING | {"POPBRIDGE_REDIS__PREFIX": "x"}),
    ],
)
async def test_who_finds_another_installation_under_its_prefix_refuses_and_names_both(
    tmp_path: Path, redis_url: Secret, first: dict[str, str], second: dict[str, str]
) -> None:
    await start(settings_of(tmp_path / "a", redis_url, **first))
    with pytest.raises(RedisUnfit, match="another installation") as refused:
        await start(settings_of(tmp_path / "b", redis_url, **second))
    for named in (tmp_path / "a", tmp_path / "b"):
        assert str(named) in str(refused.value)
    await start(settings_of(tmp_path / "b", redis_url, **{**second, "POPBRIDGE_REDIS__PREFIX": "other"}))
    await start(settings_of(tmp_path / "a", redis_url, **first))


async def test_web_machines_without_a_disk_in_common_are_one_installation(tmp_path: Path, redis_url: Secret) -> None:
    for number in range(30):  # containers: each start is a new machine with a new folder
        await start(settings_of(tmp_path / f"m{number}", redis_url, **PRODUCTION))
    await start(settings_of(tmp_path / "m30", redis_url, POPBRIDGE_SERVER__PUBLIC_URL="http://POP.acme.example/"))
    (tmp_path / "m31").mkdir()
    (tmp_path / "m31" / "var").write_text("a file where data_dir should be")
    await start(settings_of(tmp_path / "m31", redis_url, **PRODUCTION))
    with Redis.from_url(redis_url.reveal()) as direct:
        assert len(direct.get("popbridge:installation")) < 16_000


async def test_an_installation_goes_on_when_its_data_dir_moves_or_its_settings_change(
    tmp_path: Path, redis_url: Secret
) -> None:
    await start(settings_of(tmp_path / "a", redis_url))
    shutil.move(tmp_path / "a", tmp_path / "moved")
    await start(settings_of(tmp_path / "moved", redis_url, crm=ELSEWHERE))  # the file in data_dir
    await start(settings_of(tmp_path / "moved", redis_url, crm=ELSEWHERE, **PRODUCTION))  # gets a public address
    await start(settings_of(tmp_path / "moved", redis_url, **STAGING))  # its address changes, on the same machine
    shutil.rmtree(tmp_path / "moved" / "var")
    await start(settings_of(tmp_path / "moved", redis_url, **STAGING))  # data_dir is lost
    await start(settings_of(tmp_path / "b", redis_url, **STAGING))  # and a second machine


async def test_the_same_settings_with_other_folders_and_ports_are_one_installation(
    tmp_path: Path, redis_url: Secret
) -> None:
    await start(settings_of(tmp_path / "a", redis_url, POPBRIDGE_SERVER__PORT="8081"))
    await start(settings_of(tmp_path / "b", redis_url, POPBRIDGE_SERVER__PORT="8082"))


async def test_a_copied_data_dir_on_another_machine_does_not_make_an_installation_the_same(
    tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(settings_of(tmp_path / "a", redis_url, **PRODUCTION))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr("socket.gethostname", lambda: "staging-machine")
    with pytest.raises(RedisUnfit, match="on staging-machine"):
        await start(settings_of(tmp_path / "b", redis_url, **STAGING))


@pytest.mark.parametrize("text", ["", "[]", "{}", "junk", '[{"file": 1}]', '[{"unknown": 1}]', "null", "[1]"])
async def test_a_trace_that_cannot_be_read_stops_nobody(tmp_path: Path, redis_url: Secret, text: str) -> None:
    with Redis.from_url(redis_url.reveal()) as direct:
        direct.set("popbridge:installation", text)
    await start(settings_of(tmp_path / "a", redis_url))


async def test_no_secret_is_in_the_trace(tmp_path: Path, redis_url: Secret) -> None:
    await start(settings_of(tmp_path / "a", redis_url))
    before = settings_of(tmp_path / "a", redis_url)
    with Redis.from_url(redis_url.reveal(), decode_responses=True) as direct:
        text = str(direct.get("popbridge:installation"))
    assert not [secret for secret in ("ACCOUNTCODE77", "a-token-of-acme-1", "whsec_") if secret in text]
    file = tmp_path / "a" / "popbridge.toml"
    file.write_text(file.read_text().replace("ACCOUNTCODE77", "ACCOUNTCODE78"))
    after = load_settings(str(file), {})
    assert installation.trace_of(before).accounts == installation.trace_of(after).accounts, "nor could one be guessed"


async def test_web_worker_commands_and_doctor_refuse(tmp_path: Path, redis_url: Secret) -> None:
    await start(settings_of(tmp_path / "a", redis_url, **PRODUCTION))
    settings_of(tmp_path / "b", redis_url, crm=ELSEWHERE)
    file = tmp_path / "b" / "popbridge.toml"
    processes = ("serve", "worker", "up")
    commands = (
        "token create --role admin", "token list", "audit list", "deliveries list",
        "audit erase --caller 0722776772 --yes", "clicks", "doctor",
    )  # fmt: skip
    environ = {**os.environ, "POPBRIDGE_SERVER__PORT": "0"}
    with Redis.from_url(redis_url.reveal(), decode_responses=True) as direct:
        before = {key: direct.dump(key) for key in direct.scan_iter() if not key.startswith("popbridge:tried")}
        for words in (*processes, *commands):
            if words in commands:
                typed = await popbridge(file, *words.split(), environ={"POPBRIDGE_SERVER__PORT": "0"})
                code, told = typed.exit_code, typed.output
            else:
                command = [sys.executable, "-m", "bridge", "--config", str(file), words]
                done = await asyncio.to_thread(
                    subprocess.run, command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
                )
                code, told = done.returncode, done.stdout + done.stderr
            assert (code, "another installation" in told) == (1, True), (words, told)
            assert "pop.acme.example" in told, words
            assert str(tmp_path / "b") in told, words
            assert "Traceback" not in told
        assert {key: direct.dump(key) for key in direct.scan_iter() if not key.startswith("popbridge:tried")} == before


@pytest.mark.parametrize("prefix", ["a", "Staging-2", "x.y_z", "9" * 63])
async def test_a_prefix_is_letters_digits_and_a_few_marks(tmp_path: Path, redis_url: Secret, prefix: str) -> None:
    await start(settings_of(tmp_path / "a", redis_url, POPBRIDGE_REDIS__PREFIX=prefix))
    redis = open_async(redis_url, prefix)
    with suppress(RedisUnfit):
        await installation.join(redis, settings_of(tmp_path / "a", redis_url), datetime.now(UTC))
    await redis.aclose()
    with Redis.from_url(redis_url.reveal(), decode_responses=True) as direct:
        assert set(direct.scan_iter()) == {f"{prefix}:installation"}


@asynccontextmanager
async def listened_to(folder: Path, url: Secret, prefix: str) -> AsyncIterator[Stage]:
    """An installation whose phone system sends events, and that gives its agents popups when it rings."""
    folder.mkdir()
    async with open_stage(
        folder,
        url,
        pops={DANA: "ringing"},
        main_keys={"events": "push", "event_secret": "secret-of-the-events-0123"},
        extra={"POPBRIDGE_REDIS__PREFIX": prefix},
    ) as stage:
        with worker_of(stage):
            yield stage


async def ring(stage: Stage) -> None:
    """A call rings at Dana's, and the phone system says so."""
    stage.phone.incoming([stage.make.dana], Caller(CALLER), datetime.now(UTC))
    address = f"{stage.bridge_url}/events/main?secret=secret-of-the-events-0123"
    assert (await stage.http.post(address, json={"extenUser": stage.make.dana})).status_code == 200


async def test_events_of_two_installations_make_popups_of_each_its_own(tmp_path: Path, redis_url: Secret) -> None:
    async with (
        listened_to(tmp_path / "a", redis_url, "popbridge") as ours,
        listened_to(tmp_path / "b", redis_url, "staging") as other,
    ):
        await ring(other)
        await until(lambda: asyncio.sleep(0.01, other.crm.accepted()), 30)
        assert ours.crm.accepted() == []
        await ring(ours)
        await until(lambda: asyncio.sleep(0.01, ours.crm.accepted()), 30)
        assert (len(ours.crm.accepted()), len(other.crm.accepted())) == (1, 1)
        with Redis.from_url(redis_url.reveal(), decode_responses=True) as direct:
            listeners = {key for key in direct.scan_iter(count=1000) if "listen" in key or ":told:" in key}
        assert {key.split(":")[0] for key in listeners} == {"popbridge", "staging"}, listeners
