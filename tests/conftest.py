"""What tests share: a real Redis per test process, and a stage of real parts around the bridge."""

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis

from bridge.audit.archive import Archive
from bridge.messages import Secret
from bridge.store.embedded import dies_with_parent, find_binary
from tests import postgres as postgres_server
from tests.postgres import Postgres
from tests.stage import Stage, open_stage


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Secret]:
    """A server of this test process's own, on a socket."""
    with tempfile.TemporaryDirectory(prefix="popbridge-test-") as folder:
        sock = Path(folder) / "redis.sock"
        command = [find_binary(), "--port", "0", "--unixsocket", str(sock), "--dir", folder, "--save", ""]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent())
        try:
            deadline = time.monotonic() + 10
            while not sock.exists():
                assert time.monotonic() < deadline, "redis did not start"
                time.sleep(0.01)
            yield Secret(f"unix://{sock}")
        finally:
            process.terminate()
            process.wait()


@pytest.fixture
def redis_url(redis_server: Secret) -> Secret:
    """The server, emptied."""
    with Redis.from_url(redis_server.reveal()) as client:
        client.flushall()
    return redis_server


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """A bridge between a phone system and a CRM, with Dana and Omer idle."""
    async with open_stage(tmp_path, redis_url) as ready:
        yield ready


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this test process's own; tests that need one are skipped where there is none."""
    if reason := postgres_server.why_not():
        pytest.skip(reason)
    with postgres_server.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    """An empty archive, on either database."""
    if request.param == "sqlite":
        url = Secret(f"sqlite:///{tmp_path / 'audit.db'}")
    else:
        url = request.getfixturevalue("postgres").new_database()
    made = Archive(url)
    yield made
    made.close()
