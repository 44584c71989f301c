"""Processes that are started, pinned to a core, and stopped whatever happens."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from bridge.store.embedded_server import dies_with_parent, find_binary
from tests.bench import machine

ROOT = Path(__file__).parents[2]
START_SECONDS = 20.0
STOP_SECONDS = 3.0
LAST_CHARACTERS = 2000


class BenchFailed(Exception):
    """Nothing was measured; the text says why."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_until(condition: Callable[[], object], what: str, seconds: float = START_SECONDS) -> None:
    """Ask a few times a second. Raises `BenchFailed` when it stays untrue."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchFailed(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def _before_start(core: int | None) -> Callable[[], None]:
    tied = dies_with_parent()

    def prepare() -> None:
        machine.pin(core)
        if tied is not None:
            tied()

    return prepare


@contextmanager
def running(
    command: Sequence[str], core: int | None, log: Path, environ: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process on `core` for as long as the block lasts, then it and all that it started is gone.

    What it says is in `log`; its end is shown if the block fails.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=_before_start(core),
            start_new_session=True,
        )
    try:
        yield process
    except BenchFailed as failure:
        raise BenchFailed(f"{failure}\n{log.read_text(errors='replace')[-LAST_CHARACTERS:]}") from None
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def told_by(command: Sequence[str], core: int | None, environ: Mapping[str, str], seconds: float) -> Any:
    """What a process that ends by itself prints, as JSON."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            preexec_fn=_before_start(core),
        )
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"{' '.join(command[-4:])}: did not end within {seconds:g} s") from None
    if done.returncode:
        raise BenchFailed(done.stderr.decode(errors="replace")[-LAST_CHARACTERS:])
    return json.loads(done.stdout)


@dataclass(frozen=True, slots=True)
class Server:
    """A Redis of one measurement alone."""

    port: int
    pid: int
    client: "Redis"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def redis_server(folder: Path, core: int | None) -> Iterator[Server]:
    """A new, empty one, append-only as popbridge wants it, for whoever is measured."""
    port = free_port()
    folder.mkdir(parents=True)
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(folder),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "auto-aof-rewrite-percentage": "0",
    }
    command = [find_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]
    with running(command, core, folder / "redis.log") as process, Redis(port=port) as client:
        wait_until(lambda: _answers(client), "redis starts")
        yield Server(port, process.pid, client)


def _answers(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def module(name: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The command that runs a module of this folder or of popbridge."""
    return [python, "-m", name, *arguments]
