"""Notifications to systemd, and the socket it passes. Without systemd, all of this does nothing."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

FIRST_SOCKET = 3
READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Notify the service manager that this process is ready, stopping or alive (sd_notify)."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            connection.sendto(state.encode(), path)
    except OSError as error:
        log.warning("cannot notify the service manager of %s: %s", state, error.strerror)


def socket_given(environ: Mapping[str, str] = os.environ) -> int | None:
    """The file descriptor passed to this process (socket activation); None when there is none."""
    mine = environ.get("LISTEN_PID") == str(os.getpid())
    return FIRST_SOCKET if mine and environ.get("LISTEN_FDS", "0") != "0" else None


async def beat(goes_on: Callable[[], bool] = lambda: True, environ: Mapping[str, str] = os.environ) -> None:
    """Notify the watchdog, if there is one, while the event loop runs and the work `goes_on`; for ever."""
    micros = environ.get("WATCHDOG_USEC", "")
    while micros.isdecimal():
        if goes_on():
            notify(ALIVE, environ)
        await asyncio.sleep(int(micros) / 2e6)
