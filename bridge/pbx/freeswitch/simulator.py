"""FreeSWITCH's two ways in as small servers over a switchboard, with its refusals and faults. Not for real phone calls.

It answers as the vendor's source does: errors as text inside a 200, no `rows` when idle, an address that the ACL
refuses told so before it can log in. One thing differs: a user without the right gets 403, which is one of the two
answers of the real one; the other, 686, is none that the web server under this can send.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Literal
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.pbx.freeswitch.exchange import Exchange
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Switchboard

SHOW_USAGE = "-USAGE: codec|endpoint|application|api|dialplan|file|timer|calls [count]|channels [count]|registrations\n"
REFUSAL = b"Access Denied, go away.\n"
GOODBYE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
LOOK_SECONDS = 0.01
ERROR_PAGE = "<HTML><HEAD><TITLE>Error 401</TITLE></HEAD><BODY><H1>Error 401</H1></BODY></HTML>"


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs; as it is made, none. They may be combined."""

    slow_seconds: float = 0.0
    down: Literal["", "503", "closed", "sql"] = ""
    refused: Literal["", "address", "command", "dump", "users", "unloaded"] = ""
    no_directory: bool = False
    html_page: bool = False
    cut_to: int = 0


@dataclass(frozen=True, slots=True)
class FreeswitchSimulator:
    """One phone system. `username` is mod_xml_rpc's user, or the one who logs in to the event socket by `userauth`."""

    switchboard: Switchboard
    username: str
    password: str
    faults: Faults
    domain: str
    listeners: dict[asyncio.StreamWriter, "asyncio.Task[None]"] = field(default_factory=dict)
    """The connections that are sent events."""

    def app(self) -> Starlette:
        """mod_xml_rpc; mount it where `base_url` points."""
        return Starlette(routes=[Route("/txtapi/{command}", self._http, methods=["GET"])])

    def execute(self, command: str) -> str:
        """The answer to an API command; errors are text."""
        if self.faults.down == "sql":
            return "-ERR SQL error [database is locked]\n"
        exchange, name = Exchange(self.switchboard, self.domain), command.partition(" ")[0]
        if self.faults.refused == "unloaded":
            return f"-ERR {name} Command not found!\n"
        match command.split():
            case ["show", "channels", "as", "json"]:
                return exchange.channels()
            case ["show", "registrations", "as", "json"]:
                return exchange.registrations()
            case ["show", *_]:
                return SHOW_USAGE
            case ["list_users", *asked]:
                return exchange.users("nobody" if self.faults.no_directory else asked[1] if asked else None)
            case ["uuid_dump", uuid, "json"]:
                return exchange.variables(uuid)
        return f"-ERR {name} Command not found!\n"

    def _may(self, command: str) -> bool:
        name = command.partition(" ")[0]
        denied = {"command": name, "dump": "uuid_dump", "users": "list_users"}
        return denied.get(self.faults.refused) != name

    async def _http(self, request: Request) -> Response:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.down == "closed":
            raise RuntimeError("the connection breaks")
        if self.faults.down == "503":
            return PlainTextResponse("Service Unavailable", 503)
        proof = b64encode(f"{self.username}:{self.password}".encode()).decode()
        if not compare_digest(request.headers.get("authorization", "").encode(), f"Basic {proof}".encode()):
            return HTMLResponse(ERROR_PAGE, 401, {"WWW-Authenticate": 'Basic realm="freeswitch"'})
        if self.faults.html_page:
            return HTMLResponse("<html><body>It works!</body></html>")
        command = f"{request.path_params['command']} {unquote(request.url.query)}".strip()
        if not self._may(command):
            return HTMLResponse(ERROR_PAGE.replace("401", "403"), 403)
        answer = self.execute(command)
        return PlainTextResponse(answer[: self.faults.cut_to or None], headers={"Connection": "close"})

    @asynccontextmanager
    async def event_socket(self, host: str = "127.0.0.1") -> AsyncIterator[int]:
        """mod_event_socket, while the block runs; gives its port."""
        server = await asyncio.start_server(self._talk, host, 0)
        async with server:
            yield int(server.sockets[0].getsockname()[1])

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.faults.refused == "address":
                _send(writer, "text/rude-rejection", REFUSAL)
            elif self.faults.down != "closed":
                writer.write(b"Content-Type: auth/request\n\n")
                await self._commands(reader, writer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            if watching := self.listeners.pop(writer, None):
                watching.cancel()
            writer.close()

    async def _tell_changes(self, writer: asyncio.StreamWriter) -> None:
        """An event whenever a channel changes."""
        before = [*self.switchboard.all_calls()]
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = [*self.switchboard.all_calls()]
            if now != before:
                before = now
                _send(writer, "text/event-plain", b"Event-Name: CHANNEL_CALLSTATE\n\n")

    def drop(self) -> None:
        """Cut every connection that is sent events, as a restart does."""
        for writer in [*self.listeners]:
            writer.close()

    async def _commands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proven = False
        while command := await _command(reader):
            await asyncio.sleep(self.faults.slow_seconds)
            asked = command.removeprefix("api ")
            if not proven:
                proven = compare_digest(command.encode(), self._proof(command).encode())
                _reply(writer, "+OK accepted" if proven else "-ERR invalid")
                if not proven:
                    return _send(writer, "text/disconnect-notice", GOODBYE)
            elif command.startswith("event plain "):
                _reply(writer, "+OK event listener enabled plain")
                self.listeners[writer] = asyncio.create_task(self._tell_changes(writer))
            elif command == asked:
                _reply(writer, "-ERR command not found")
            elif not self._may(asked):
                _reply(writer, "-ERR permission denied")
            else:
                body = self.execute(asked).encode()
                _send(writer, "api/response", body, self.faults.cut_to or None)
                if self.faults.cut_to:
                    return None
        return None

    def _proof(self, command: str) -> str:
        """The socket has a password of its own; a directory user proves themselves by name too."""
        return f"auth {self.password}" if command.startswith("auth ") else f"userauth {self.username}:{self.password}"


async def _command(reader: asyncio.StreamReader) -> str:
    """The next command: lines up to an empty one."""
    try:
        return (await reader.readuntil(b"\n\n")).decode().strip()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return ""


def _reply(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())


def _send(writer: asyncio.StreamWriter, kind: str, body: bytes, sent: int | None = None) -> None:
    """A frame with a body, of which `sent` bytes go out."""
    writer.write(f"Content-Type: {kind}\nContent-Length: {len(body)}\n\n".encode() + body[:sent])


USER, DOMAIN = "popbridge", "acme.example"


def _section(url: str, secret: Secret) -> dict[str, object]:
    keys = {"base_url": url, "username": USER, "password": secret.reveal(), "domain": DOMAIN}
    return {**keys, "timezone": "Asia/Jerusalem", "region": "IL"}


def _build(board: Switchboard, secret: Secret) -> FreeswitchSimulator:
    return FreeswitchSimulator(board, USER, secret.reveal(), Faults(), DOMAIN)


SIMULATED = SimulatedPbx(
    path="/freeswitch",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down="503"),
        "refuses": Faults(refused="command"),
    },
    not_told="FreeSWITCH tells neither recordings nor when a call was answered nor from where it was transferred.",
)
