"""`popbridge up` as an operator starts it: real processes, killed for real."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.http_types import Secret
from bridge.crm.webhook.simulator import WebhookSimulator, signed_click
from bridge.pbx.switchboard import Extension, Switchboard
from bridge.pbx.voicenter.simulator import Faults, VoicenterSimulator
from bridge.store import embedded
from tests.commands import popbridge
from tests.stage import CLICK_SECRET, CODE, DANA, POPUP_SECRET, Stage, serving, until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


async def by_itself(file: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command in a process of its own, run to its end while the phone system and the CRM go on."""
    command = [sys.executable, "-m", "bridge", "--config", str(file), *words]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def processes(words: str) -> list[int]:
    """Ids of the running processes whose command line holds `words`."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            with suppress(OSError):
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found += [int(folder.name)] if words in line else []
    return found


@dataclass
class Up:
    """A running `popbridge up` between a phone system and a CRM."""

    stage: Stage
    file: Path
    process: "subprocess.Popen[bytes]"

    async def ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return (await self.stage.get("/readyz")).status_code == 200
        return False

    async def click(self, message_id: str) -> Any:
        request = signed_click(self.stage.bridge_url, "acme", CLICK_SECRET, {"agent": DANA}, message_id, time.time())
        headers = {**request.headers, "x-forwarded-for": "203.0.113.9"}
        return (await self.stage.http.post(request.url, headers=headers, content=request.body)).json()

    async def shown(self, message_id: str) -> None:
        """A click whose popup reaches the CRM."""
        answer = await self.click(message_id)
        assert answer["outcome"] == "found"
        await self.stage.crm.wait_for(answer["click_id"], 20)

    def workers(self) -> list[int]:
        return processes(f"workers --config {self.file}")

    def redises(self) -> list[int]:
        return processes(f"unixsocket:{self.file.parent}/var/redis/redis.sock")

    async def gone(self) -> bool:
        return not self.workers() and not self.redises()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Up]:
    phone = Switchboard([Extension("SIPDana1", "Dana Cohen"), Extension("SIPOmer1", "Omer")])
    pbx, crm = VoicenterSimulator(phone, CODE.reveal(), Faults()), WebhookSimulator([POPUP_SECRET])
    stage = Stage(folder, Secret("left-out"), phone, pbx, crm)
    outside = Starlette(routes=[Mount("/pbx", pbx.app()), Mount("/crm", crm.app())])
    folder.mkdir(exist_ok=True)
    log = folder / f"up-{time.monotonic_ns()}.log"
    async with serving(outside) as address, stage.http:
        stage.pbx_url = address
        file = stage.write_settings()
        file.write_text(file.read_text().replace('[redis]\nurl = "left-out"\n', ""))
        command = [sys.executable, "-m", "bridge", "--config", str(file), "up"]
        with log.open("wb") as errors:
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
        up = Up(stage, file, process)

        async def listens() -> bool:
            assert process.poll() is None, log.read_text()
            told = re.findall(r"listens on (http://[^\s\"]+)", log.read_text())
            stage.bridge_url = told[0] if told else ""
            return bool(told)

        try:
            await until(listens, 20)
            await until(up.ready, 20)
            yield up
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 30)


async def test_a_click_becomes_a_popup_and_everything_stops_with_it(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        up.stage.talk()
        await up.shown("msg_1")

        async def counted() -> bool:
            return "popbridge_workers 1.0" in (await up.stage.get("/metrics")).text

        await until(counted)
        listed = await popbridge(up.file, "audit", "list", "--json")
        (line,) = json.loads(listed.stdout)["items"]
        assert (line["outcome"], line["crm_user"]) == ("found", DANA)
        assert line["source_ip"] == "127.0.0.1", "what a proxy says is believed only of trusted ones"
        looked = json.loads((await popbridge(up.file, "lookup", "SIPDana1", "--json")).stdout)
        assert (looked["outcome"], looked["chosen"]["state"]) == ("found", "talking")
        assert (await popbridge(up.file, "lookup", "SIPOmer1")).exit_code == 1
        up.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(up.process.wait, 20) == 0
        await until(up.gone)
    again = await by_itself(up.file, "audit", "list", "--json")
    assert len(json.loads(again.stdout)["items"]) == 1, "what was written is there the next time"
    await until(up.gone)


async def test_a_killed_part_comes_back_and_killing_all_leaves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        up.stage.talk()
        await up.shown("msg_1")
        for pid in up.workers():
            os.kill(pid, signal.SIGKILL)
        await up.shown("msg_2")
        for pid in up.redises():
            os.kill(pid, signal.SIGKILL)
        await until(up.ready, 20)
        await up.shown("msg_3")
        assert (await up.click("msg_1"))["duplicate"] is True, "what was accepted before is remembered"
        up.process.kill()
        await until(up.gone, 20)


async def test_redis_is_taken_over_from_a_command_that_had_started_it(tmp_path: Path) -> None:
    async with embedded.running(tmp_path / "var"), running(tmp_path) as up:
        up.stage.talk()
        await up.shown("msg_1")
        os.kill(up.redises()[0], signal.SIGKILL)
        await until(up.ready, 20)
        await up.shown("msg_2")
    async with running(tmp_path / "again") as up, running(tmp_path / "again") as second:
        up.process.terminate()
        await asyncio.to_thread(up.process.wait, 20)
        await until(second.ready, 20)
        second.stage.talk()
        await second.shown("msg_3")


async def test_tokens_from_the_command_line_open_the_api(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        made = await popbridge(up.file, "token", "create", "--role", "supervisor", "--json")
        token = json.loads(made.stdout)
        assert set(token) == {"id", "token", "role", "expires_at"}
        header = {"Authorization": f"Bearer {token['token']}"}
        assert (await up.stage.get("/api/audit", header)).status_code == 200
        assert token["id"] in (await popbridge(up.file, "token", "list")).stdout
        assert token["token"] not in (await popbridge(up.file, "token", "list", "--json")).stdout
        assert (await popbridge(up.file, "token", "revoke", token["id"])).exit_code == 0
        assert (await up.stage.get("/api/audit", header)).status_code == 401
        assert (await popbridge(up.file, "token", "revoke", token["id"])).exit_code == 1
        agent = await popbridge(up.file, "token", "create", "--role", "agent", "--agent", f"acme:{DANA}")
        assert agent.exit_code == 0
        assert (await popbridge(up.file, "token", "create", "--role", "agent")).exit_code == 2
        assert (await popbridge(up.file, "token", "create", "--role", "agent", "--agent", "acme:x")).exit_code == 1


async def test_wrong_settings_are_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "popbridge.toml"
    file.write_text('[server]\nport = "x"\ncolour = 1\n[pbx.main]\nkind = "voicenter"\n')
    (tmp_path / "agents.csv").write_text("crm,crm_user,pbx,extension,name\nacme,x,main\n")
    for command in (["check"], ["audit", "list"], ["lookup", "1"]):
        told = await popbridge(file, *command)
        assert told.exit_code == (1 if command == ["check"] else 2), command
        assert len([line for line in told.stderr.splitlines() if str(file) in line]) == 3, told.stderr
        assert ("agents.csv: line 2" in told.stderr) == (command == ["check"]), "check tells those of the agents too"
        assert "Traceback" not in told.stderr
    for started in ("up", "serve", "worker"):
        ended = await by_itself(file, started)
        assert (ended.returncode, ended.stderr.count(str(file)), "Traceback" in ended.stderr) == (2, 3, False), started
