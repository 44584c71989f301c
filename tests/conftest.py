"""What tests share: a real Redis per test process, and a stage of real parts around the bridge."""

import io
import logging
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis

from bridge.audit.archive import Archive
from bridge.core.http_types import Secret
from bridge.store.embedded_server import dies_with_parent, find_binary
from tests import postgres as postgres_server
from tests.audit import entries
from tests.postgres import Postgres
from tests.stage import Stage, listening, open_stage

pytest_plugins = ("tests.coverage_summary", "tests.selection")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def few_authorities() -> Iterator[None]:
    """Nobody trusts the authorities of this machine: no test asks anybody on the internet, and to read them takes
    longer than most tests. Those that a test names are read."""
    read = ssl.SSLContext.load_default_certs

    def read_named(context: ssl.SSLContext, purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH) -> None:
        if os.environ.keys() & {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
            read(context, purpose)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "load_default_certs", read_named)
        yield


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


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """Every log line of every logger, at the lowest level, exceptions included."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    handler.addFilter(lambda record: not record.name.startswith(("httpcore", "httpx")))  # the test's own client
    with listening(handler, logging.DEBUG):
        yield text


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """TLS under a name and by an issuer that nobody trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=somebody.else"]
    command += ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    return context


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this test process's own."""
    with postgres_server.running() as server:
        yield server


def address_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> Secret:
    """The address of an empty archive on either database."""
    if kind == "sqlite":
        return Secret(f"sqlite:///{folder / 'audit.db'}")
    found: Secret = request.getfixturevalue("postgres").new_database()
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    """An empty archive, on either database."""
    made = Archive(address_of(request.param, tmp_path, request))
    yield made
    made.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """300 clicks, to be read only: one archive for all tests of a module."""
    made = Archive(address_of(request.param, tmp_path_factory.mktemp("filled"), request))
    made.insert(list(entries.some(300)))
    yield made
    made.close()
