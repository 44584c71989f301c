"""What systemd is told, and the socket it hands over. Where there is no systemd, all of it does nothing."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

FIRST_SOCKET = 3
READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"


def tell(news: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell the service's manager that it is ready, stopping or alive (sd_notify)."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.sendto(news.encode(), path)
    except OSError as error:
        log.warning("the service's manager cannot be told %s: %s", news, error.strerror)


def socket_given(environ: Mapping[str, str] = os.environ) -> int | None:
    """The number of the socket that was opened for this process (socket activation); None when none was."""
    mine = environ.get("LISTEN_PID") == str(os.getpid())
    return FIRST_SOCKET if mine and environ.get("LISTEN_FDS", "0") != "0" else None


async def beat(goes_on: Callable[[], bool] = lambda: True, environ: Mapping[str, str] = os.environ) -> None:
    """Tell the watchdog, where there is one, that the event loop turns and the work `goes_on`; for ever."""
    micros = environ.get("WATCHDOG_USEC", "")
    while micros.isdecimal():
        if goes_on():
            tell(ALIVE, environ)
        await asyncio.sleep(int(micros) / 2e6)
