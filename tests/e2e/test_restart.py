"""Restarting the web door under load, by the socket that stays: no click fails. And settings read again."""

import asyncio
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.http_types import Secret
from bridge.crm.webhook.simulator import WebhookSimulator, signed_click
from bridge.pbx.switchboard import Extension, Switchboard
from bridge.pbx.voicenter.simulator import Faults, VoicenterSimulator
from bridge.web.server import listen
from tests.stage import CLICK_SECRET, CODE, DANA, POPUP_SECRET, Stage, plain_client, serving, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
CLICKS, CLIENTS, RESTARTS = 1000, 16, 5


@dataclass
class Door:
    """One `popbridge` process after another, on one listening socket."""

    stage: Stage
    file: Path
    listening: socket.socket
    manager: socket.socket
    log: Path

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        number = self.listening.fileno()
        command = [sys.executable, "-m", "bridge", "--config", str(self.file), *words]
        environ = {**os.environ, "NOTIFY_SOCKET": str(self.manager.getsockname())}
        with self.log.open("ab") as errors:
            return subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors, pass_fds=[number], env=environ
            )

    def web(self) -> "subprocess.Popen[bytes]":
        return self.start("serve", "--fd", str(self.listening.fileno()))

    async def restarted(self, process: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
        """As systemd does it: clicks wait in the socket meanwhile."""
        await self.stopped(process)
        following = self.web()
        await self.told("READY=1")
        return following

    async def rolled(self, process: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
        """The next one takes clicks before this one stops."""
        following = self.web()
        await self.told("READY=1")
        await self.stopped(process)
        return following

    async def stopped(self, process: "subprocess.Popen[bytes]") -> None:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0, self.log.read_text()

    async def told(self, news: str) -> None:
        """Until a process tells its manager so."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60):
            while await loop.sock_recv(self.manager, 100) != news.encode():
                pass

    async def logged(self, words: str) -> None:
        async def found() -> bool:
            return words in self.log.read_text()

        await until(found, 60)


@asynccontextmanager
async def opened(folder: Path, redis_url: Secret) -> AsyncIterator[Door]:
    phone = Switchboard([Extension("SIPDana1", "Dana Cohen")])
    pbx, crm = VoicenterSimulator(phone, CODE.reveal(), Faults()), WebhookSimulator([POPUP_SECRET])
    stage = Stage(folder, redis_url, phone, pbx, crm)
    outside = Starlette(routes=[Mount("/pbx", pbx.app()), Mount("/crm", crm.app())])
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(folder / "notify"))
    manager.setblocking(False)
    listening = listen("127.0.0.1", 0)
    async with serving(outside) as address, stage.http:
        stage.pbx_url = address
        stage.bridge_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with manager, listening:
            yield Door(stage, stage.write_settings(), listening, manager, folder / "web.log")


@contextlib.contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def test_no_click_of_a_thousand_fails_during_five_restarts(tmp_path: Path, redis_url: Secret) -> None:
    async with opened(tmp_path, redis_url) as door:
        door.stage.talk()
        process = door.web()
        await door.told("READY=1")
        restarting, answered = True, []

        async def client() -> None:
            async with plain_client(timeout=30) as http:
                while restarting or len(answered) < CLICKS:
                    name = f"msg_{secrets.token_hex(8)}"
                    sent = signed_click(door.stage.bridge_url, "acme", CLICK_SECRET, {"agent": DANA}, name, time.time())
                    answer = await http.post(sent.url, headers=dict(sent.headers), content=sent.body)
                    answered.append((answer.status_code, answer.json()["outcome"]))

        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(client())
            for number in range(RESTARTS):
                before = len(answered)

                async def some_more(wanted: int = before + CLICKS // (2 * RESTARTS)) -> bool:
                    return len(answered) >= wanted

                await until(some_more, 60)
                process = await (door.restarted if number else door.rolled)(process)
            restarting = False
        with ended(process):
            assert len(answered) >= CLICKS
            assert set(answered) == {(200, "found")}
            assert '"level":"error"' not in door.log.read_text()


async def test_new_settings_are_used_and_wrong_ones_are_not(tmp_path: Path, redis_url: Secret) -> None:
    async with opened(tmp_path, redis_url) as door:
        door.stage.talk()
        process = door.web()
        with ended(process):
            await door.told("READY=1")

            async def label() -> str:
                name = f"msg_{secrets.token_hex(8)}"
                click = signed_click(door.stage.bridge_url, "acme", CLICK_SECRET, {"agent": DANA}, name, time.time())
                answer = await door.stage.http.post(click.url, headers=dict(click.headers), content=click.body)
                return str(answer.json()["popup"]["call"]["did_label"])

            assert await label() == "Sales line"
            right = door.file.read_text()
            door.file.write_text(right.replace("Sales line", "Support") + "\n[server]\ncolour = 1\n")
            process.send_signal(signal.SIGHUP)
            await door.logged("the settings stay as they were: ")
            assert await label() == "Sales line"
            door.file.write_text(right.replace("Sales line", "Support").replace("port = 0", "port = 8081"))
            process.send_signal(signal.SIGHUP)
            await door.logged("the settings were read again")
            assert await label() == "Support"
            assert "server.port has changed" in door.log.read_text()
            agents = tmp_path / "agents.csv"
            agents.write_text("crm,crm_user,pbx,extension,name\nacme\n")
            process.send_signal(signal.SIGHUP)
            await door.logged("agents.csv: line 2")
            assert await label() == "Support"


async def test_a_descriptor_that_does_not_listen_is_reported(tmp_path: Path, redis_url: Secret) -> None:
    async with opened(tmp_path, redis_url) as door:
        process = door.start("serve", "--fd", "0")
        with ended(process):
            assert await asyncio.to_thread(process.wait, 60) == 1
        assert re.search(r"file descriptor 0 is no listening socket", door.log.read_text())


async def test_a_worker_reads_its_settings_again_and_ends_in_order(tmp_path: Path, redis_url: Secret) -> None:
    async with opened(tmp_path, redis_url) as door:
        process = door.start("worker")
        with ended(process):
            await door.told("READY=1")
            process.send_signal(signal.SIGHUP)
            await door.logged("the settings were read again")
            process.send_signal(signal.SIGTERM)
            await door.told("STOPPING=1")
            assert await asyncio.to_thread(process.wait, 60) == 0


async def test_up_has_its_worker_read_the_settings_again_too(tmp_path: Path, redis_url: Secret) -> None:
    async with opened(tmp_path, redis_url) as door:
        process = door.start("up")
        with ended(process):
            await door.told("READY=1")  # one of the two, and then the other
            await door.told("READY=1")
            process.send_signal(signal.SIGHUP)

            async def both() -> bool:
                again = [line for line in door.log.read_text().splitlines() if "were read again" in line]
                return {json.loads(line)["process"] for line in again} == {"web", "worker"}

            await until(both, 60)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 60) == 0


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd-socket-activate on this machine")
@pytest.mark.parametrize("words", [["serve"], ["serve", "--fd", "3"]], ids=["by LISTEN_FDS", "by --fd"])
async def test_systemd_hands_its_socket_over(tmp_path: Path, redis_url: Secret, words: list[str]) -> None:
    async with opened(tmp_path, redis_url) as door:
        with listen("127.0.0.1", 0) as free:
            port = free.getsockname()[1]
        door.stage.bridge_url = f"http://127.0.0.1:{port}"
        door.stage.talk()
        command = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", sys.executable, "-m", "bridge"]
        with door.log.open("ab") as errors:
            process = subprocess.Popen([*command, "--config", str(door.file), *words], cwd=ROOT, stderr=errors)
        with ended(process):
            await door.logged("Listening on")
            answer = await door.stage.click()  # the first one starts the process
            assert (answer.status_code, answer.json()["outcome"]) == (200, "found")
