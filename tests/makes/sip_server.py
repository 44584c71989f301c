"""A real Kamailio, and phones and callers that are SIPp's, for tests; without either the tests are skipped."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bridge.pbx.kamailio
from bridge.core.http_types import Secret

SIP = Path(__file__).parent / "sip"
SNIPPET = Path(bridge.pbx.kamailio.__file__).parent / "popbridge.cfg"
KAMAILIO = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
SIPP = shutil.which("sipp")
MISSING = "" if KAMAILIO and SIPP else "needs a Kamailio and SIPp; as root: apt-get install -y kamailio sip-tester"
USER, PASSWORD = "popbridge", Secret("Invented42")
HOME, OUTSIDE = "sip.example.com", "carrier.example"
FOREVER_MS = 60_000


def free_port() -> int:
    """A port that nobody has at the moment, for both TCP and UDP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port = int(udp.getsockname()[1])
            with suppress(OSError):
                tcp.bind(("127.0.0.1", port))
                return port


@dataclass
class SipServer:
    """One running proxy, and everything that talks to it."""

    folder: Path
    sip: int
    rpc: int
    gateway: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its `base_url`."""
        return f"http://127.0.0.1:{self.rpc}"

    def section(self, **changed: Any) -> dict[str, Any]:
        """The keys of `[pbx.NAME]` that lead to it."""
        keys = {"base_url": self.url, "username": USER, "password": PASSWORD.reveal(), "domains": [HOME]}
        return {"region": "IL", **keys, "variables": ["ticket"], **changed}

    async def phone(self, *aors: str, rings_ms: int = FOREVER_MS, extension: str | None = None) -> None:
        """A phone that is registered for these, rings for a while, then answers."""
        port, name = free_port(), extension or aors[0]
        self._sipp("phone.xml", port, "-d", str(rings_ms), "-key", "extension", name)
        for aor in aors:
            asked = {"domain": HOME, "aor": aor, "extension": name, "phone": str(port)}
            done = self._sipp("register.xml", free_port(), *self._to(asked))
            assert await asyncio.to_thread(done.wait, 10) == 0

    def trunk(self, rings_ms: int = FOREVER_MS) -> None:
        """The way out, behind which somebody answers after a while."""
        self._sipp("phone.xml", self.gateway, "-d", str(rings_ms), "-key", "extension", "gateway")

    def call(
        self, dialled: str, number: str, home: str = OUTSIDE, name: str | bytes = "", talks_ms: int = FOREVER_MS
    ) -> subprocess.Popen[bytes]:
        """Somebody calls; they hang up once they have talked for a while."""
        asked = {"domain": HOME, "dialled": dialled, "number": number, "home": home, "display": name}
        return self._sipp("call.xml", free_port(), "-d", str(talks_ms), *self._to(asked))

    def _to(self, asked: dict[str, Any]) -> list[str | bytes]:
        keys = [part for name, value in asked.items() for part in ("-key", name, value)]
        return [f"127.0.0.1:{self.sip}", "-m", "1", *keys]

    def _sipp(self, scenario: str, port: int, *options: str | bytes) -> subprocess.Popen[bytes]:
        given = ("-sf", str(SIP / scenario), "-i", "127.0.0.1", "-p", str(port), "-nostdin", "-timeout", "120")
        with (self.folder / f"{scenario}-{port}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(SIPP), *given, *options], cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def hang_up_all(self) -> None:
        """Everybody is gone, without a word to the proxy."""
        for process in self.processes:
            _end(process)
        self.processes.clear()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children: it leads a group of its own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@asynccontextmanager
async def sip_server(folder: Path) -> AsyncIterator[SipServer]:
    """A proxy with no call and no phone, while the block runs."""
    server = SipServer(folder, free_port(), free_port(), free_port())
    proof = b64encode(f"{USER}:{PASSWORD.reveal()}".encode()).decode()
    modules = next(path for path in Path("/usr/lib").glob("*/kamailio/modules"))
    gaps = {"PROOF": f"Basic {proof}", "GATEWAY": server.gateway, "MODULES": f"{modules}/", "POPBRIDGE": SNIPPET}
    text = (SIP / "kamailio.cfg").read_text(encoding="utf-8")
    for gap, value in gaps.items():
        text = text.replace(f"@{gap}@", str(value))
    settings = folder / "kamailio.cfg"
    settings.write_text(text, encoding="utf-8")
    command = [str(KAMAILIO), "-f", str(settings), "-DD", "-E", "-m", "32", "-M", "8", "-Y", str(folder)]
    command += ["-l", f"udp:127.0.0.1:{server.sip}", "-l", f"tcp:127.0.0.1:{server.rpc}"]
    with (folder / "kamailio.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        await _listens(server, process)
        yield server
    finally:
        server.hang_up_all()
        _end(process)


async def _listens(server: SipServer, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(20):
        while True:
            assert process.poll() is None, (server.folder / "kamailio.log").read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", server.rpc)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
