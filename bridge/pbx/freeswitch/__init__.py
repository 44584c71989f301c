"""FreeSWITCH and FusionPBX: live calls, by mod_xml_rpc or event socket. See README.md here for rights and limits."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from bridge.config.models import Names, PbxAccount, SecretText
from bridge.core.errors import PbxRefused
from bridge.core.finding import Finding, Proven
from bridge.core.reasons import Reason, reason
from bridge.core.session import Session
from bridge.pbx.contract import Knows, Listing, Picture, Told
from bridge.pbx.freeswitch import findings, variables, wire
from bridge.pbx.freeswitch.connection import lists
from bridge.pbx.freeswitch.domains import Domains
from bridge.pbx.freeswitch.event_socket import EventSocket
from bridge.pbx.freeswitch.wire import Ask
from bridge.pbx.reading import parse

EVENT_SOCKET_PORT = 8021


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "freeswitch"`."""

    kind: Literal["freeswitch"]
    base_url: str = Field(description="where mod_xml_rpc answers (http://HOST:8080), or the event socket's HOST:PORT")
    interface: Literal["xml_rpc", "esl"] = Field("xml_rpc", description="xml_rpc (HTTP), or esl: the event socket")
    username: str | None = Field(
        None, min_length=1, description="mod_xml_rpc's user; for esl a directory user USER@DOMAIN, or left out"
    )
    password: SecretText = Field(description="that user's password, or the event socket's own")
    domain: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.:-]+$",
        max_length=253,
        description="whose extensions these are; needed if there are several domains",
    )
    variables: Names = Field((), description="channel variables to pass on as custom data")

    @field_validator("variables")
    @classmethod
    def _are_names(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[\w.-]{1,100}", value) for value in values):
            raise ValueError(reason("freeswitch.value-variables"))
        return values

    @model_validator(mode="after")
    def _fits_its_interface(self) -> Self:
        if any(ord(letter) < 32 for letter in f"{self.username}{self.password.reveal()}"):
            raise ValueError(reason("value-no-controls"))
        if self.interface == "xml_rpc" and self.username is None:
            raise ValueError(reason("freeswitch.value-username"))
        if not _is_address(self.address, ("http", "https") if self.interface == "xml_rpc" else ("tcp",)):
            raise ValueError(Reason(f"freeswitch.value-address-{'http' if self.interface == 'xml_rpc' else 'esl'}"))
        if self.interface != "esl" and self.events == "connect":
            raise ValueError(reason("freeswitch.value-connect"))
        return self

    @property
    def address(self) -> str:
        """`base_url` as a URL, without a slash at its end."""
        written = self.base_url.rstrip("/")
        return f"tcp://{written}" if self.interface == "esl" and "://" not in written else written

    def addresses(self) -> Iterator[str]:
        """Where its API lives."""
        yield self.address


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return whole and parts.scheme in schemes and "@" not in parts.netloc and (parts.scheme != "tcp" or not parts.path)


class Freeswitch:
    """The make."""

    kind = "freeswitch"
    title = "FreeSWITCH"
    account = Account
    lists_idle = False
    whole_account = True
    proven = Proven.DOCUMENTATION
    knows = frozenset(
        {
            *(Knows.DIALING, Knows.HOLD, Knows.DID, Knows.CALLER_NAME, Knows.TRANSFER, Knows.CUSTOM_DATA),
            *(Knows.QUEUE, Knows.CONFERENCE, Knows.PARKED, Knows.HELD_BY_OTHER),
        }
    )

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of all extensions, whichever is asked for."""
        domains = _domains(account, session)
        async with _api(account, session) as ask:
            reply = await ask(wire.CHANNELS)
            listing = await parse(reply, lambda got: wire.read_calls(got, session.name, account.password, domains))
            if account.variables:
                kept = session.local.setdefault("variables", {})
                return await variables.added(listing, account.variables, kept, ask)
        return listing

    async def extensions(self, account: Account, session: Session) -> frozenset[str] | None:
        """The users of its directory; None where it lists none (made on demand, as FusionPBX's) or refuses to."""
        async with _api(account, session) as ask:
            reply = await ask(wire.list_users(account.domain))
        users = await parse(reply, lambda got: wire.read_users(got, account.password))
        if users is None:
            return None
        domains = _domains(account, session)
        domains.meet(domain for _, domain in users)
        return frozenset(user for user, domain in users if domains.has(domain))

    async def connect(self, account: Account, session: Session) -> AsyncGenerator[Told, None]:
        """The whole list of channels whenever an event says that something has happened to one."""
        if account.interface != "esl":
            raise PbxRefused(reason("freeswitch.events-need-esl"))
        domains, place = _domains(account, session), urlsplit(account.address)
        reader, writer = await session.dial(place.hostname or "", place.port or EVENT_SOCKET_PORT)
        try:
            socket = EventSocket(reader, writer)
            await socket.log_in(account.username, account.password)
            async for reply in lists(socket, wire.CHANNELS):
                listing = await parse(reply, lambda got: wire.read_calls(got, session.name, account.password, domains))
                if account.variables:
                    kept = session.local.setdefault("variables", {})
                    listing = await variables.added(listing, account.variables, kept, socket.ask)
                yield Picture(listing, session.now)
        finally:
            writer.close()

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether extensions can be listed, whether `domain` is right, and whether variables may be read."""
        async with _api(account, session) as ask:
            wire.read_calls(await ask(wire.CHANNELS), session.name, account.password, Domains("", set()))
            users = wire.read_users(await ask(wire.list_users(None)), account.password)
            realms = wire.read_realms(await ask(wire.REGISTRATIONS), account.password)
            may_dump = wire.may_dump(await ask(wire.dump(wire.NO_CALL))) if account.variables else True
        return findings.of(f"pbx {session.name}", account.domain, users, realms, may_dump)


@asynccontextmanager
async def _api(account: Account, session: Session) -> AsyncIterator[Ask]:
    """How commands are sent: each as a request, or all on one connection to the event socket."""
    if account.interface == "xml_rpc":
        access = wire.Access(account.address, account.username or "", account.password)
        yield lambda command: session.send(wire.request(access, command), True)
        return
    place = urlsplit(account.address)
    reader, writer = await session.dial(place.hostname or "", place.port or EVENT_SOCKET_PORT)
    try:
        socket = EventSocket(reader, writer)
        await socket.log_in(account.username, account.password)
        yield socket.ask
    finally:
        writer.close()


def _domains(account: Account, session: Session) -> Domains:
    """Whose extensions are this account's. The domains met are kept: a second one is noticed whenever it turns up."""
    return Domains(account.domain, session.local.setdefault("domains", set()))


ADAPTER = Freeswitch()
