"""What is told of a Redis that may lose popups, and one behind Sentinel whose master dies."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from bridge.core.errors import RedisUnfit
from bridge.core.http_types import Secret
from bridge.settings import load_settings
from bridge.store import durability, keys
from bridge.store.client import open_async, open_sync
from bridge.store.embedded_server import dies_with_parent, find_binary
from tests.stage import open_stage, until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def server(folder: Path, *options: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """A server on a port of its own."""
    port = free_port()
    command = [find_binary(), "--port", str(port), "--dir", str(folder), "--save", "", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent())
    try:
        with Redis(port=port) as client:
            wait_for(client)
        yield port, process
    finally:
        process.kill()
        process.wait()


def wait_for(client: "Redis") -> None:
    import time

    deadline = time.monotonic() + 10
    while True:
        try:
            client.ping()
            return
        except RedisError:
            assert time.monotonic() < deadline, "redis did not start"
            time.sleep(0.02)


async def told(port: int) -> list[durability.Weakness]:
    redis = open_async(Secret(f"redis://127.0.0.1:{port}/0"))
    try:
        return await durability.findings(redis, datetime.now(UTC))
    finally:
        await redis.aclose()


async def test_a_server_that_keeps_everything_is_not_complained_of(tmp_path: Path) -> None:
    with server(tmp_path, "--appendonly", "yes") as (port, _):
        assert await told(port) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--appendonly", "no"], "appendonly is off"),
        (["--appendonly", "yes", "--appendfsync", "no"], "appendfsync is 'no'"),
        (["--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"], "maxmemory-policy is 'allkeys-lru'"),
    ],
)
async def test_what_may_be_lost_is_reported_with_its_fix(tmp_path: Path, options: list[str], words: str) -> None:
    with server(tmp_path, *options) as (port, _):
        (finding,) = await told(port)
        assert words in str(finding)
        with Redis(port=port) as client:
            for command in str(finding.advice).split(" && ")[:1]:
                client.execute_command(*command.split()[1:])
        assert await told(port) == [], "the command fixes it"


async def test_a_clock_that_differs_is_reported(tmp_path: Path) -> None:
    with server(tmp_path, "--appendonly", "yes") as (port, _):
        redis = open_async(Secret(f"redis://127.0.0.1:{port}/0"))
        (finding,) = await durability.findings(redis, datetime(2020, 1, 1, tzinfo=UTC))
        assert "clocks" in str(finding)
        await redis.aclose()


def settings_with(folder: Path, url: str, strict: bool) -> Path:
    file = folder / "popbridge.toml"
    file.write_text(f'[server]\nport = 0\n[redis]\nurl = "{url}"\nstrict_durability = {str(strict).lower()}\n')
    return file


@pytest.mark.parametrize("command", [["serve"], ["worker"]])
async def test_strict_durability_refuses_to_start(tmp_path: Path, command: list[str]) -> None:
    with server(tmp_path, "--appendonly", "no") as (port, _):
        file = settings_with(tmp_path, f"redis://127.0.0.1:{port}/0", strict=True)
        run = [sys.executable, "-m", "bridge", "--config", str(file), *command]
        ended = await asyncio.to_thread(subprocess.run, run, cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert ended.returncode == 1
        assert "CONFIG SET appendonly yes" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("hidden", [(), ("--rename-command", "CONFIG", "")], ids=["", "CONFIG hidden"])
async def test_a_cluster_is_refused_with_a_clear_line(tmp_path: Path, hidden: tuple[str, ...]) -> None:
    with server(tmp_path, "--appendonly", "yes", "--cluster-enabled", "yes", *hidden) as (port, _):
        settings = load_settings(str(settings_with(tmp_path, f"redis://127.0.0.1:{port}/0", strict=False)), {})
        assert settings.redis.url is not None
        with pytest.raises(RedisUnfit, match="Redis Cluster"):
            await durability.check(settings, settings.redis.url)


async def test_sentinel_brings_the_bridge_to_the_new_master(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("one", "two", "watch")]
        for folder in folders:
            folder.mkdir()
        master, process = stack.enter_context(server(folders[0], "--appendonly", "yes"))
        replica, _ = stack.enter_context(
            server(folders[1], "--appendonly", "yes", "--replicaof", "127.0.0.1", str(master))
        )
        port = free_port()
        config = folders[2] / "sentinel.conf"
        config.write_text(
            f"port {port}\ndir {folders[2]}\nsentinel monitor main 127.0.0.1 {master} 1\n"
            "sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n"
        )
        command = [find_binary(), str(config), "--sentinel"]
        watching = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent())
        stack.callback(lambda: (watching.kill(), watching.wait()))
        with Redis(port=port) as client:
            await asyncio.to_thread(wait_for, client)
            await until(lambda: asyncio.to_thread(knows_replica, client), 20)
        url = Secret(f"redis+sentinel://127.0.0.1:{port}/main/0")
        with open_sync(url) as sync:
            assert sync.ping()
        async with open_stage(tmp_path, url) as stage:
            stage.talk()
            assert (await stage.click(message_id="msg_before")).json()["outcome"] == "found"
            with Redis(port=replica) as client:
                await until(lambda: asyncio.to_thread(client.exists, keys.accepted("acme", "webhook-id:msg_before")))
            process.send_signal(signal.SIGKILL)

            async def works_again() -> bool:
                return (await stage.click()).status_code == 200

            await until(works_again, 40)
            assert (await stage.click(message_id="msg_before")).json()["duplicate"] is True


def knows_replica(client: "Redis") -> bool:
    (found,) = client.sentinel_masters().values()
    return int(found["num-slaves"]) == 1
