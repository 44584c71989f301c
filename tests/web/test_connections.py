"""Connections as proxies and networks make them: idle ones, IPv6, addresses that proxies forward."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.store.tokens import Role
from bridge.web.app import create_app
from bridge.web.server import Server, listen
from tests.stage import DANA, TOKEN, Stage

pytestmark = pytest.mark.anyio

DEPLOY = Path(__file__).parents[2] / "deploy"


@asynccontextmanager
async def served(stage: Stage, host: str, trusted: tuple[str, ...] = (), idle: int = 75) -> AsyncIterator[int]:
    """The bridge as `popbridge serve` runs it; its port."""
    listening = listen(host, 0)
    server = Server(create_app(stage.settings(), stage.redis_url), trusted, idle)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            assert not running.done(), "the server did not start"
            await asyncio.sleep(0.005)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await running


@pytest.mark.parametrize(
    ("forwarded", "source"),
    [
        ("203.0.113.9", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"), ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"), ("203.0.113.9, ::ffff:10.1.2.3", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.2.3:99", "203.0.113.9"), ("nobody", ""),
    ],
)  # fmt: skip
async def test_a_proxy_over_ipv4_is_trusted_where_the_bridge_listens_on_ipv6(
    stage: Stage, forwarded: str, source: str
) -> None:
    supervisor = await stage.token(Role.SUPERVISOR)
    async with served(stage, "::", ("127.0.0.1", "10.0.0.0/8")) as port:
        headers = {"Authorization": f"Bearer {TOKEN.reveal()}", "X-Forwarded-For": forwarded}
        address = f"http://127.0.0.1:{port}/clicks/acme"
        answer = (await stage.http.post(address, json={"agent": DANA}, headers=headers)).json()
    story = (await stage.get(f"/api/clicks/{answer['click_id']}", supervisor)).json()
    assert story["click"]["source_ip"] == source


async def test_who_is_no_trusted_proxy_forwards_nothing(stage: Stage) -> None:
    async with served(stage, "::", ("10.0.0.0/8",)) as port:
        headers = {"Authorization": f"Bearer {TOKEN.reveal()}", "X-Forwarded-For": "203.0.113.9"}
        address = f"http://127.0.0.1:{port}/clicks/acme"
        answer = (await stage.http.post(address, json={"agent": DANA}, headers=headers)).json()
    story = (await stage.get(f"/api/clicks/{answer['click_id']}", await stage.token(Role.SUPERVISOR))).json()
    assert story["click"]["source_ip"] == "127.0.0.1"


async def test_an_idle_connection_ends_after_its_time_and_not_before(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    async with served(stage, "127.0.0.1", idle=1) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            idle_since = loop.time()
        async with asyncio.timeout(10):
            await reader.read()
        assert loop.time() - idle_since >= 0.9
        writer.close()


async def test_a_request_may_begin_behind_another_and_end_later(stage: Stage) -> None:
    body = b'{"agent": "nobody@acme.example"}'
    proof, length = f"Authorization: Bearer {TOKEN.reveal()}", f"Content-Length: {len(body)}"
    head = "\r\n".join(["POST /clicks/acme HTTP/1.1", "Host: x", proof, length, "", ""]).encode()
    async with served(stage, "127.0.0.1") as port, asyncio.timeout(8):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + body + head + body[:5])
        for rest in (body[5:], b""):
            answered = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in answered
            told = re.search(rb"content-length: (\d+)", answered)
            assert told is not None
            assert b"unknown-agent" in await reader.readexactly(int(told[1]))
            writer.write(rest)
        writer.close()


async def test_proxies_that_are_shipped_give_up_idle_connections_first(stage: Stage) -> None:
    """Else a proxy sends a click on a connection that is just being closed."""
    ours = stage.services.settings.server.keep_alive_seconds
    assert ours == Server(stage.app).config.timeout_keep_alive == 75
    caddy = re.search(r"keepalive (\d+)s", (DEPLOY / "caddy" / "Caddyfile").read_text())
    nginx = re.search(r"keepalive_timeout +(\d+)", (DEPLOY / "nginx" / "popbridge.conf").read_text())
    assert caddy is not None
    assert int(caddy[1]) < ours
    assert int(nginx[1] if nginx else 60) < ours, "60 s is what nginx does by itself"
