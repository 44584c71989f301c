"""A primary with replicas and a real Sentinel; replication can be held up, so that a replica lags.

Everybody reaches the primary over a line of this process, which knows the replicas' connections by their PSYNC. What
is held is never handed on: it is what a lagging replica does not have.
"""

import asyncio
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from bridge.core.http_types import Secret
from bridge.store.embedded_server import dies_with_parent, find_binary
from tests.stage import until

QUICK = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@dataclass
class Server:
    """A Redis on a port of its own."""

    folder: Path
    options: tuple[str, ...]
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    async def start(self, *more: str) -> None:
        self.folder.mkdir(exist_ok=True)
        command = [
            find_binary(),
            "--port",
            str(self.port),
            "--dir",
            str(self.folder),
            "--save",
            "",
            "--appendonly",
            "yes",
        ]
        self.process = subprocess.Popen(
            [*command, *QUICK, *self.options, *more], stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent()
        )
        await until(lambda: self.ask(Redis.ping))

    async def ask(self, question: Callable[[Redis], Any]) -> Any:
        """What it answers; None where it does not."""

        def asked() -> Any:
            with Redis(port=self.port, decode_responses=True) as client, suppress(RedisError):
                return question(client)

        return await asyncio.to_thread(asked)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


@dataclass
class Replicated:
    """The servers, and the line to the primary. `held` are the replicas whose replication stands still, by port."""

    primary: Server
    replicas: list[Server]
    line: int
    sentinel: int
    held: set[int] = field(default_factory=set)

    @property
    def url(self) -> Secret:
        return Secret(f"redis+sentinel://127.0.0.1:{self.sentinel}/main/0")

    async def in_step(self) -> bool:
        """Whether every replica has what the primary has."""

        def waits(client: Redis) -> bool:
            client.set("probe", 1)
            return int(client.wait(len(self.replicas), 100)) == len(self.replicas)

        return bool(await self.primary.ask(waits))

    async def promoted(self) -> Server:
        """The replica that Sentinel has made the primary."""

        async def leads() -> Server | None:
            for replica in self.replicas:
                if ((await replica.ask(lambda client: client.info("replication"))) or {}).get("role") == "master":
                    return replica
            return None

        found: Server = await until(leads, 40)
        return found

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to the primary."""
        replica: list[int] = []
        try:
            far, far_out = await asyncio.open_connection("127.0.0.1", self.primary.port)
        except OSError:
            writer.transport.abort()
            return

        async def ask() -> None:
            while data := await reader.read(65536):
                if b"listening-port" in data and not replica:
                    words = data.split(b"\r\n")
                    replica.append(int(words[words.index(b"listening-port") + 2]))
                far_out.write(data)

        async def answer() -> None:
            while data := await far.read(65536):
                if not self.held.intersection(replica):
                    writer.write(data)

        ways = [asyncio.create_task(ask()), asyncio.create_task(answer())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_out.transport.abort()
            writer.transport.abort()


@asynccontextmanager
async def replicated(folder: Path, replicas: int = 1, *options: str) -> AsyncIterator[Replicated]:
    """All of them running, and known to the Sentinel."""
    async with AsyncExitStack() as stack:
        primary = Server(folder / "primary", options)
        line, sentinel = free_port(), free_port()
        others = [
            Server(folder / f"replica{number}", (*options, "--replicaof", "127.0.0.1", str(line)))
            for number in range(replicas)
        ]
        all_ = Replicated(primary, others, line, sentinel)
        listening = await asyncio.start_server(all_.carry, "127.0.0.1", line)
        stack.callback(listening.close)
        for server in (primary, *others):
            stack.callback(server.kill)
            await server.start()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {sentinel}\ndir {folder}\nsentinel monitor main 127.0.0.1 {line} 1\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 5000\n"
        )
        watching = subprocess.Popen(
            [find_binary(), str(config), "--sentinel"], stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent()
        )
        stack.callback(lambda: (watching.kill(), watching.wait()))

        def known(client: Redis) -> bool:
            return int(client.sentinel_masters()["main"]["num-slaves"]) == replicas

        watcher = Server(folder, (), sentinel)
        await until(lambda: watcher.ask(known), 20)
        await until(all_.in_step, 20)
        yield all_
