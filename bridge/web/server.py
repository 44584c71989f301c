"""Running the application under uvicorn: its own log lines, and streams that say goodbye before they are cut."""

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from bridge.observability import sd_notify
from bridge.web.http_protocol import BoundedProtocol

BACKLOG = 2048
GOODBYE_SECONDS = 10
ON_ITS_WAY_SECONDS, LOOK_SECONDS = 1.0, 0.02


class Server(uvicorn.Server):
    """uvicorn, which tells the open streams to end before it waits for them to end."""

    def __init__(self, app: Starlette, trusted_proxies: Sequence[str] = (), keep_alive_seconds: int = 75) -> None:
        # access_log prints whole addresses, and those of link clicks hold a token
        super().__init__(
            uvicorn.Config(
                app, http=BoundedProtocol, lifespan="on", access_log=False, log_config=None,
                timeout_keep_alive=keep_alive_seconds,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=list(trusted_proxies),
                server_header=False, timeout_graceful_shutdown=GOODBYE_SECONDS,
            )
        )  # fmt: skip
        self._app = app

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the serving and nothing else: uvicorn's own way raises them again afterwards, which
        would kill the process before its worker and its Redis are stopped."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Ready is who can answer."""
        await super().startup(sockets)
        sd_notify.notify(sd_notify.READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, which wait for the next process; end the streams; then everything.

        In between each connection has a moment to bring what is on its way, and is answered as its last: whoever sends
        on a connection that is just being closed would see a failure.
        """
        sd_notify.notify(sd_notify.STOPPING)
        for server in self.servers:
            server.close()
        self._app.state.leaving.set()
        loop = asyncio.get_running_loop()
        until = loop.time() + ON_ITS_WAY_SECONDS
        while self.server_state.connections and not self.force_exit and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)  # uvicorn tells nobody when one ends
        await super().shutdown(sockets)


def inherited(number: int) -> socket.socket:
    """The listening socket that this process was given as file descriptor `number`. Raises OSError when it is none."""
    given = socket.socket(fileno=number)
    if not given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        given.detach()
        raise OSError(errno.ENOTSUP, "it does not listen")
    given.setblocking(False)
    return given


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError when the port is taken.

    It names TCP: asyncio switches off Nagle's algorithm only on sockets that do, and with it each answer would wait
    40 ms for the client's acknowledgement of its headers.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
