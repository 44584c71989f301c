"""nginx as the example sets it up, in front of two bridges: clicks, event streams, one bridge away, what is logged."""

import asyncio
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from bridge.core.finding import Grade
from bridge.delivery.deliver import deliver
from bridge.doctor import examine
from bridge.store.tokens import Role
from bridge.web.app import create_app
from bridge.web.server import listen
from tests.deploy.test_files import DEPLOY, run, said, tool
from tests.stage import DANA, TOKEN, Stage, serving, until

pytestmark = pytest.mark.anyio

CLICKS = 40


@dataclass
class Proxy:
    """nginx, running."""

    address: str
    http: httpx.AsyncClient
    log: Path
    plain: str = ""
    """Where it listens without TLS."""


def free_port() -> int:
    with listen("127.0.0.1", 0) as found:
        return int(found.getsockname()[1])


def written(folder: Path, port: int, plain: int, bridges: list[str]) -> Path:
    """The example with other ports, another certificate and other bridges, in a file of its own for nginx."""
    text = (DEPLOY / "nginx" / "popbridge.conf").read_text()
    servers = "\n".join(f"server {address.removeprefix('http://')};" for address in bridges)
    text = re.sub(r"(?m)^ *listen \[::\].*\n", "", text)
    text = text.replace("server 127.0.0.1:8080;", servers).replace("listen 80;", f"listen 127.0.0.1:{plain};")
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    text = text.replace("/etc/ssl/popbridge", str(folder)).replace("/var/log/nginx", str(folder))
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ {temporary}\n{text} }}\n"
    )
    return file


def certificate(folder: Path) -> ssl.SSLContext:
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
    files = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
    done = run(tool("openssl", "openssl"), *new, "-addext", "subjectAltName=IP:127.0.0.1", *files)
    assert done.returncode == 0, said(done)
    return ssl.create_default_context(cafile=str(folder / "fullchain.pem"))


@asynccontextmanager
async def nginx(folder: Path, *bridges: str) -> AsyncIterator[Proxy]:
    folder.mkdir()
    binary, trusted, port, plain = tool("nginx", "nginx-light"), certificate(folder), free_port(), free_port()
    file = written(folder, port, plain, list(bridges))
    user = ["-g", "user root;"] if Path.home() == Path("/root") else []
    process = subprocess.Popen([binary, "-e", "stderr", "-c", str(file), *user], stderr=subprocess.PIPE)
    address = f"https://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(verify=trusted, trust_env=False, timeout=20) as http:

            async def answers() -> bool:
                assert process.poll() is None, process.stderr and process.stderr.read()
                try:
                    return (await http.get(f"{address}/livez")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(answers)
            yield Proxy(address, http, folder / "popbridge.log", f"http://127.0.0.1:{plain}")
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate)


def second(stage: Stage) -> Starlette:
    return create_app(stage.settings(), stage.redis_url)


async def test_clicks_go_on_when_one_of_two_bridges_is_away(stage: Stage, tmp_path: Path) -> None:
    stage.talk()
    first = stage.bridge_url
    async with serving(second(stage)) as other, nginx(tmp_path / "nginx", first, other) as proxy:
        stage.http, stage.bridge_url = proxy.http, proxy.address
        answers = [await stage.click() for _ in range(CLICKS)]
    assert {(one.status_code, one.json()["outcome"]) for one in answers} == {(200, "found")}
    async with nginx(tmp_path / "again", first, other) as proxy:
        stage.http, stage.bridge_url = proxy.http, proxy.address
        answers = await asyncio.gather(*(stage.click() for _ in range(CLICKS)))
    assert {(one.status_code, one.json()["outcome"]) for one in answers} == {(200, "found")}


async def test_a_popup_comes_through_at_once_and_the_log_holds_no_token(stage: Stage, tmp_path: Path) -> None:
    stage.talk()
    async with nginx(tmp_path / "nginx", stage.bridge_url) as proxy:
        header = await stage.token(Role.AGENT, DANA)
        async with proxy.http.stream("GET", f"{proxy.address}/desktop/events", headers=header) as events:
            lines = events.aiter_lines()
            assert await anext(lines) == "retry: 1000"
            query = {"agent": DANA, "token": TOKEN.reveal()}
            answer = (await proxy.http.get(f"{proxy.address}/clicks/acme", params=query)).json()
            popup = await stage.get(f"/api/popups/{answer['popup']['popup_id']}", await stage.token(Role.SUPERVISOR))
            for delivery in popup.json()["deliveries"]:
                await deliver(delivery["delivery_id"], stage.services)
            async with asyncio.timeout(10):
                async for line in lines:
                    if line == "event: popup":
                        break

        async def logged() -> bool:
            return "GET /clicks/acme" in proxy.log.read_text()

        await until(logged)
        assert TOKEN.reveal() not in proxy.log.read_text()
        assert (await proxy.http.get(f"{proxy.address}/metrics")).status_code == 200, "this machine may ask"


async def test_the_live_page_and_a_whole_agents_file_come_through(stage: Stage, tmp_path: Path) -> None:
    rows = "".join(f"acme,agent{number}@acme.example,main,SIP{number},Agent {number}\n" for number in range(5000))
    async with nginx(tmp_path / "nginx", stage.bridge_url) as proxy:
        admin, csv = await stage.token(Role.ADMIN), f"crm,crm_user,pbx,extension,name\n{rows}"
        async with proxy.http.stream("GET", f"{proxy.address}/console/live/events", headers=admin) as events:
            assert await anext(events.aiter_lines()) == "retry: 1000"
        address = f"{proxy.address}/api/connect/agents/preview"
        told = await proxy.http.post(address, headers=admin, json={"csv": csv, "keeps_others": True})
        assert (told.status_code, len(told.json()["added"])) == (200, 5000)
        assert (await proxy.http.post(f"{proxy.address}/clicks/acme", content=csv)).status_code == 413


async def test_a_secret_in_a_plain_address_is_neither_logged_nor_repeated_in_a_redirect(
    stage: Stage, tmp_path: Path
) -> None:
    async with nginx(tmp_path / "nginx", stage.bridge_url) as proxy:
        for path in (f"/clicks/acme?agent={DANA}&token=", "//clicks/acme?token=", "/events/main?secret="):
            answer = await proxy.http.get(f"{proxy.plain}{path}{TOKEN.reveal()}")
            assert (answer.status_code, answer.headers.get("location")) == (403, None)
        moved = await proxy.http.get(f"{proxy.plain}/desktop?lang=he")
        assert (moved.status_code, moved.headers["location"]) == (308, "https://127.0.0.1/desktop?lang=he")

        async def logged() -> bool:
            return "GET /desktop" in proxy.log.read_text()

        await until(logged)
        assert TOKEN.reveal() not in "".join(file.read_text() for file in (tmp_path / "nginx").glob("*.log"))


async def test_the_doctor_reports_a_certificate_that_is_not_trusted(stage: Stage, tmp_path: Path) -> None:
    async with nginx(tmp_path / "nginx", stage.bridge_url) as proxy:
        object.__setattr__(stage.services.settings.server, "public_url", proxy.address)
        (found,) = [one for one in await examine(stage.services, []) if one.what == "public_url"]
        assert "127.0.0.1 has a certificate that this machine does not trust" in found.message
        assert "ca_file" in found.fix
        outgoing = stage.services.settings.outgoing
        object.__setattr__(outgoing, "ca_file", tmp_path / "nginx" / "fullchain.pem")
        (found,) = [one for one in await examine(stage.services, []) if one.what == "public_url"]
    assert found.grade is Grade.OK, found
