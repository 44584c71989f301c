"""A real PostgreSQL for tests: in a temporary folder, on a socket, as a user without rights; gone with the tests."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bridge.core.http_types import Secret
from bridge.store.embedded_server import dies_with_parent

ROLE = "popbridge"
START_SECONDS = 30.0


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    binaries: Path
    folder: Path

    def new_database(self) -> Secret:
        """The address of an empty database."""
        name = f"test_{secrets.token_hex(6)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> Secret:
        """As it stands in the settings."""
        return Secret(f"postgresql+psycopg://{ROLE}@/{database}?host={self.folder}")

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """A connection of an administrator's."""
        return psycopg.connect(host=str(self.folder), user=ROLE, dbname=database, autocommit=True)

    def run(self, program: str, *words: str) -> str:
        """A program of PostgreSQL's, such as pg_dump, run to its end; what it printed."""
        command = [str(self.binaries / program), "-h", str(self.folder), "-U", ROLE, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def files_hold(self, text: str) -> bool:
        """Whether any data file holds `text` (the write-ahead log, which is reused in its turn, is left out)."""
        with self.connect() as connection:
            connection.execute("CHECKPOINT")
        return any(
            text.encode() in file.read_bytes() for file in (self.folder / "data/base").rglob("*") if file.is_file()
        )


def find_binaries() -> Path | None:
    """Where initdb and postgres are: on PATH, or where Debian keeps them."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def why_not() -> str | None:
    """Why there can be none here; None when there can be one."""
    if find_binaries() is None:
        return "no PostgreSQL here: tests on it are left out; as root: apt-get install -y postgresql"
    return None


def _someone_else() -> dict[str, object]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def running() -> Iterator[Postgres]:
    """A server for as long as the block lasts."""
    binaries = find_binaries()
    assert binaries is not None
    someone = _someone_else()
    with tempfile.TemporaryDirectory(prefix="popbridge-pg-") as name:
        folder = Path(name)
        if someone:
            os.chown(folder, someone["user"], someone["group"])  # type: ignore[arg-type]
        data = folder / "data"
        make = [binaries / "initdb", "-D", data, "-U", ROLE, "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **someone)  # type: ignore[call-overload]
        options = {"listen_addresses": "", "unix_socket_directories": folder, "fsync": "off", "max_connections": "100"}
        arguments = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # type: ignore[call-overload]
                [binaries / "postgres", "-D", data, *arguments],
                cwd=folder,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_parent(),
                **someone,
            )
        server = Postgres(binaries, folder)
        try:
            _await(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # does not wait for clients
            process.wait()


def _await(server: Postgres, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None, (server.folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.02)
