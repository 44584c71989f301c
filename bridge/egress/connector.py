"""Connections that only lead where they may, and that remember how each response began."""

import functools
import socket
import ssl
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from bridge.egress import response_head
from bridge.egress.allowed_addresses import Reach

KEEP_IDLE_SECONDS = 60.0
"""Longer than the usual gap between two clicks, so that a click seldom pays for a new TLS handshake."""


class AddressRefused(OSError):
    """The name leads to an address that may not be dialled."""


class _Remembers(ResponseHandler):
    """aiohttp's protocol of one connection. What it refuses to read is read leniently afterwards, see `head_in`."""

    _began = b""

    def set_response_params(self, **options: Any) -> None:
        """Before each request."""
        self._began = b""
        super().set_response_params(**options)

    def data_received(self, data: bytes) -> None:
        """From the other side."""
        if len(self._began) < response_head.KEPT_BYTES:
            self._began += data[: response_head.KEPT_BYTES]
        super().data_received(data)
        if response_head.has_forbidden_body(self._began):
            self.force_close()  # its body would be taken for the next response

    def set_exception(self, exc: BaseException, *more: Any) -> None:
        """As aiohttp does, with what the response began with."""
        exc.__dict__["began"] = self._began
        super().set_exception(exc, *more)


class Connector(aiohttp.TCPConnector):
    """A pool of such connections."""

    def __init__(self, reach: Reach, context: ssl.SSLContext, limit: int) -> None:
        super().__init__(limit=limit, keepalive_timeout=KEEP_IDLE_SECONDS, socket_factory=_sockets(reach), ssl=context)
        self._factory: Any = functools.partial(_Remembers, loop=self._loop)  # aiohttp has no public way


def head_in(error: BaseException | None) -> response_head.Head | None:
    """What the response began with that broke off, or could not be read; None where it did not begin."""
    while error is not None:
        if began := error.__dict__.get("began"):
            return response_head.read(began)
        error = error.__cause__
    return None


def _sockets(reach: Reach) -> aiohttp.connector.SocketFactoryType:
    """Sockets for allowed addresses alone. Checked here, on the very address that is dialled, no name can cheat."""

    def make(info: aiohttp.connector.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not reach.allows(str(address[0])):
            raise AddressRefused("this address may not be dialled")
        return socket.socket(family, kind, protocol)

    return make
