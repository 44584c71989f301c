"""Running the application under uvicorn: its own log lines, and streams that say goodbye before they are cut."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from bridge.settings import Settings

BACKLOG = 2048
GOODBYE_SECONDS = 10


class Server(uvicorn.Server):
    """uvicorn, which tells the open streams to end before it waits for them to end."""

    def __init__(self, app: Starlette) -> None:
        # access_log prints whole addresses, and those of link clicks hold a token
        super().__init__(
            uvicorn.Config(
                app, http="httptools", lifespan="on", access_log=False, log_config=None,
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything."""
        self._app.state.leaving.set()
        await super().shutdown(sockets)


def listen(settings: Settings) -> socket.socket:
    """The socket of `[server]`; port 0 takes a free one. Raises OSError when the port is taken."""
    host, port = settings.server.host, settings.server.port
    listening = socket.create_server((host, port), family=_family(host), backlog=BACKLOG)
    listening.set_inheritable(True)
    return listening


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
