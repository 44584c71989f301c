"""The talk on FreeSWITCH's event socket: log in, then one API command after the other.

Source: the vendor's page on mod_event_socket and its source. Each frame is lines `Name: value`, an empty line, and as
many bytes of body as Content-Length says. Nothing is encrypted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply, Secret
from bridge.core.reasons import reason

MOST_BYTES = 16 * 1024 * 1024
MOST_LINES = 100
EVENT = "text/event-"


class Reads(Protocol):
    """What is read from a connection."""

    async def readline(self) -> bytes:
        """A line with its end; less where the connection ends. Raises `ValueError`: too long."""

    async def readexactly(self, n: int) -> bytes:
        """So many bytes. Raises `EOFError`."""


class Writes(Protocol):
    """What is written to a connection."""

    def write(self, data: bytes) -> None:
        """Send it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of the phone system's; header names are lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Its content type."""
        return self.headers.get("content-type", "")

    @property
    def reply(self) -> str:
        """What a command came to: `+OK …` or `-ERR …`."""
        return self.headers.get("reply-text", "")


class EventSocket:
    """One connection to it. Every method raises `PbxError` and nothing else. `has_news`: an event came since the last
    command was sent."""

    def __init__(self, reader: Reads, writer: Writes) -> None:
        self._reader, self._writer = reader, writer
        self.has_news = self._is_told = False

    async def log_in(self, username: str | None, password: Secret) -> None:
        """Prove who asks: by the socket's own password, or as a user of the directory."""
        if (await self._frame()).kind != "auth/request":
            raise PbxUnintelligible(reason("freeswitch.not-event-socket"))
        command = f"auth {password.reveal()}" if username is None else f"userauth {username}:{password.reveal()}"
        answer = await self._command(command)
        if not answer.reply.startswith("+OK"):
            raise PbxRefused(reason("freeswitch.wrong-password"))

    async def ask(self, command: str) -> Reply:
        """The answer to an API command, as HTTP would have brought it."""
        answer = await self._command(f"api {command}")
        body = answer.body if answer.kind == "api/response" else answer.reply.encode()
        return Reply(200, {}, body, 0.0)

    async def subscribe(self, events: str) -> None:
        """Have these events sent from now on."""
        self._is_told = True
        answer = await self._command(f"event plain {events}")
        if not answer.reply.startswith("+OK"):
            raise PbxRefused(reason("freeswitch.no-events"))

    async def event(self) -> None:
        """Wait for the next event."""
        if (await self._frame()).kind.startswith(EVENT):
            self.has_news = True

    async def _command(self, command: str) -> Frame:
        self.has_news = False
        try:
            self._writer.write(f"{command}\n\n".encode())
        except OSError:
            raise _closed() from None
        frame = await self._frame()
        while self._is_told and frame.kind.startswith(EVENT):
            self.has_news = True
            frame = await self._frame()
        if frame.kind not in ("command/reply", "api/response"):
            raise PbxUnintelligible(reason("freeswitch.not-event-socket"))
        return frame

    async def _frame(self) -> Frame:
        try:
            frame = await self._read()
        except (EOFError, OSError):
            raise _closed() from None
        except ValueError:
            raise PbxUnintelligible(reason("freeswitch.not-event-socket")) from None
        if frame.kind == "text/rude-rejection":
            raise PbxRefused(reason("freeswitch.address-refused"))
        if frame.kind == "text/disconnect-notice":
            raise _closed()
        return frame

    async def _read(self) -> Frame:
        headers: dict[str, str] = {}
        for _ in range(MOST_LINES):
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            if not line.strip():
                break
            name, _, value = line.decode("utf-8", "replace").partition(":")
            headers[name.strip().lower()] = value.strip()
        else:
            raise ValueError("too many lines")
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MOST_BYTES:
            raise ValueError("too long")
        return Frame(headers, await self._reader.readexactly(length))


def _closed() -> PbxError:
    return PbxUnreachable(reason("freeswitch.connection-closed"))
