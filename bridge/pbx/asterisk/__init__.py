"""Asterisk, FreePBX and Issabel: live channels by AMI over HTTP, or by ARI. See README.md here for what it needs."""

import asyncio
import functools
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from bridge.config.models import Names, PbxAccount, SecretText
from bridge.core.errors import PbxRefused, PbxUnreachable
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Reply
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.pbx.asterisk import ami, ari, findings, wire
from bridge.pbx.asterisk.ami import Access, Login
from bridge.pbx.asterisk.calls import Rules, read_calls
from bridge.pbx.asterisk.connection import Manager, listings
from bridge.pbx.asterisk.legs import DNID
from bridge.pbx.contract import CallQueue, Existence, Knows, Listing, Picture, Told
from bridge.pbx.reading import parse

VARIABLE = re.compile(r"[A-Za-z_]\w{0,79}|[A-Z_]{1,40}\([\w,.@-]{1,80}\)", re.ASCII)
LOGIN = "login"
"""Where the session of the last login is kept."""


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "asterisk"`."""

    kind: Literal["asterisk"]
    username: str = Field(min_length=1, description="the user of manager.conf, or with ari of ari.conf")
    password: SecretText = Field(description="that user's secret, or with ari its password")
    interface: Literal["ami", "ari"] = Field("ami", description="ami: the manager over HTTP, one request; or ari")
    technologies: Names = Field(("PJSIP", "SIP", "IAX2"), description="channel technologies that phones have")
    trunks: Names = Field((), description="endpoints that are trunks; left out: told by their names and numbers")
    variables: Names = Field((), description="channel variables to pass on as custom data")
    did_variable: str = Field("FROM_DID", description="channel variable with the number that the caller dialled")
    events_tls: bool = Field(False, description="that port speaks TLS (mostly 5039)")
    events_port: int = Field(5038, ge=1, le=65535, description="AMI's TCP port, for a connection that carries events")

    @field_validator("variables", "did_variable")
    @classmethod
    def _are_names(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        for name in (value,) if isinstance(value, str) else value:
            if not VARIABLE.fullmatch(name) or name.startswith(ari.FORBIDDEN):
                raise ValueError(reason("asterisk.value-variables"))
        return value

    @model_validator(mode="after")
    def _fits_its_interface(self) -> Self:
        if not self.username.isprintable() or not self.password.reveal().isprintable():
            raise ValueError(reason("value-no-controls"))
        if self.interface == "ari" and ":" in self.username:
            raise ValueError(reason("asterisk.value-colon"))
        if self.interface == "ari" and self.events == "connect":
            raise ValueError(reason("asterisk.value-connect"))
        return self

    @property
    def access(self) -> Access:
        """Where and as whom it is asked."""
        return Access(self.base_url, self.username, self.password)

    @property
    def rules(self) -> Rules:
        """What these settings say of channels."""
        return Rules(frozenset(self.technologies), frozenset(self.trunks), self.did_variable, self.variables)


class Asterisk:
    """The make."""

    kind = "asterisk"
    title = "Asterisk"
    account = Account
    lists_idle = False
    whole_account = True
    proven = Proven.REAL
    knows = frozenset(
        {
            *(Knows.DIALING, Knows.HOLD, Knows.DID, Knows.CALLER_NAME, Knows.TRANSFER, Knows.CUSTOM_DATA),
            *(Knows.RECORDING, Knows.QUEUE, Knows.CONFERENCE, Knows.PARKED, Knows.HELD_BY_OTHER),
        }
    )

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of all extensions, whichever is asked for."""
        rules = account.rules
        if account.interface == "ari":
            return await _calls_by_ari(account, session, extension)
        reply = await _action(account, session, wire.STATUS, wire.variables(rules))
        return await parse(reply, lambda got: wire.read_status(got, session.name, rules, account.access))

    async def extensions(self, account: Account, session: Session) -> frozenset[str] | None:
        """The endpoints there are. By AMI those with a hint or a device state; None where it lists neither."""
        rules, access = account.rules, account.access
        if account.interface == "ari":
            reply = await session.send(ari.ask(access, ari.ENDPOINTS), True)
            return await parse(reply, lambda got: ari.read_endpoints(got, rules))
        found: frozenset[str] = frozenset()
        for action in (wire.HINTS, wire.DEVICES):
            reply = await _action(account, session, action, {})
            if not ami.is_error(reply):
                found |= wire.read_endpoints(reply, action, rules, access)
        return found or None

    def lists_whole_account(self, account: Account) -> bool:
        """By ARI each answered leg takes a request of its own: those of one extension are few."""
        return account.interface == "ami"

    async def exists(self, account: Account, session: Session, extension: str) -> Existence:
        """By ARI an endpoint is asked for by its name, in each technology. AMI has lists alone."""
        if account.interface == "ami":
            return Existence.NOBODY_TELLS
        for technology in account.technologies:
            reply = await session.send(ari.ask(account.access, ari.endpoint(technology, extension)), True)
            if ari.read_endpoint(reply):
                return Existence.EXISTS
        return Existence.UNKNOWN

    async def queues(self, account: Account, session: Session, queue: str | None) -> tuple[CallQueue, ...]:
        """Who waits in one queue, or in all. ARI does not tell."""
        if account.interface == "ari":
            raise PbxRefused(reason("asterisk.no-queues"))
        reply = await _action(account, session, wire.QUEUES, {"Queue": queue} if queue is not None else {})
        return await parse(reply, lambda got: wire.read_queues(got, account.access, session.now))

    async def connect(self, account: Account, session: Session) -> AsyncGenerator[Told, None]:
        """All calls whenever an event says that something has happened to a channel."""
        if account.interface == "ari":
            raise PbxRefused(reason("asterisk.events-need-ami"))
        rules, loop = account.rules, asyncio.get_running_loop()
        host = urlsplit(account.base_url).hostname or ""
        reader, writer = await session.dial(host, account.events_port, account.events_tls)
        try:
            manager = Manager(reader, writer, account.access)
            await manager.log_in()
            read = functools.partial(read_calls, pbx=session.name, rules=rules)
            variables = wire.variables(rules)["Variables"]
            async for listing in listings(manager, variables, account.access, read, loop.time):
                yield Picture(listing, session.now)
        except TimeoutError:
            raise PbxUnreachable(reason("asterisk.connection-closed")) from None
        finally:
            writer.close()

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether it may ask all that it needs, and no more; and how safely it asks."""
        what, is_ari = f"pbx {session.name}", account.interface == "ari"
        try:
            listing = await self.calls(account, session, None)
            known = await self.extensions(account, session)
        except PbxRefused as error:
            return [findings.refused(what, error)]
        found = [findings.of_extensions(what, known, listing), findings.of_transport(what, urlsplit(account.base_url))]
        more = _probe_by_ari(account, session, what) if is_ari else _probe_by_ami(account, session, what)
        return [finding for finding in [*found, *await more] if finding is not None]


async def _action(account: Account, session: Session, action: str, fields: Mapping[str, str]) -> Reply:
    """The answer to an action, in the session that is kept. A session that is refused is replaced, once."""
    kept: Login | None = session.local.get(LOGIN)
    login = kept if kept is not None and session.now < kept.until else await _log_in(account, session)
    reply = await session.send(ami.ask(account.access, login, action, fields), True)
    if login is kept and ami.is_denied(reply):
        login = await _log_in(account, session)
        reply = await session.send(ami.ask(account.access, login, action, fields), True)
    renewed = ami.read_session(reply, session.now)
    if renewed.cookie == login.cookie and not ami.is_denied(reply):
        _keep(session, renewed)
    return reply


async def _log_in(account: Account, session: Session) -> Login:
    session.local.pop(LOGIN, None)
    reply = await session.send(ami.log_in(account.access), True)
    return _keep(session, ami.read_login(reply, account.access, session.now))


def _keep(session: Session, login: Login) -> Login:
    """A session is good until some time after its last answer."""
    if login.cookie:
        session.local[LOGIN] = login
    return login


async def _calls_by_ari(account: Account, session: Session, extension: str | None) -> Listing:
    """Channels; where one has answered bridges; and for each answered leg of an extension one variable."""
    access, rules = account.access, account.rules
    reply = await session.send(ari.ask(access, ari.CHANNELS), True)
    legs = await parse(reply, lambda got: ari.read_channels(got, rules))
    if ari.has_answered(legs, rules):
        bridges = await session.send(ari.ask(access, ari.BRIDGES), True)
        legs = ari.in_bridges(bridges, legs)
        questions = ari.to_ask(legs, extension, rules)
        replies = await asyncio.gather(*(session.send(ari.ask(access, one.resource), True) for one in questions))
        legs = ari.answered(legs, questions, replies)
    return read_calls(legs, session.name, rules)


async def _probe_by_ami(account: Account, session: Session, what: str) -> list[Finding | None]:
    """A harmless command is tried: a user who may run it may run every other."""
    queues = await _action(account, session, wire.QUEUES, {})
    command = await _action(account, session, "Command", {"Command": "core show uptime"})
    return [findings.of_queues(what, queues), findings.of_commands(what, command)]


async def _probe_by_ari(account: Account, session: Session, what: str) -> list[Finding | None]:
    """A method that no resource has is tried: a user who may only read is refused before that is found out."""
    channels = await session.send(ari.ask(account.access, ari.CHANNELS), True)
    put = await session.send(ari.ask(account.access, ari.CHANNELS, "PUT"))
    given, wanted = ari.channelvars(channels), {DNID, *account.rules.asked()}
    return [findings.of_channelvars(what, given, wanted), findings.of_writing(what, put)]


ADAPTER = Asterisk()
