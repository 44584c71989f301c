"""Kamailio's dialogs: live calls of a SIP proxy, by JSON-RPC. See README.md here for what its script has to do."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from bridge.config.models import Names, PbxAccount, SecretText
from bridge.core.errors import PbxError
from bridge.core.finding import Finding, Proven
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.pbx.contract import Knows, Listing
from bridge.pbx.kamailio import findings, wire
from bridge.pbx.kamailio.calls import Rules
from bridge.pbx.kamailio.wire import Access
from bridge.pbx.reading import parse


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "kamailio"`."""

    kind: Literal["kamailio"]
    username: str | None = Field(None, min_length=1, description="the name that its script asks for, as HTTP Basic")
    password: SecretText | None = Field(None, description="the password that its script asks for")
    domains: Names = Field((), description="what stands behind the @ of your users: example.com, 192.0.2.20")
    caller_variable: str = Field("caller", description="dialog variable with the extension that calls")
    callee_variable: str = Field("callee", description="dialog variable with the extensions called: 101,102")
    did_variable: str = Field("did", description="dialog variable with the number that was dialled")
    name_variable: str = Field("cname", description="dialog variable with the caller's name")
    ivrid_variable: str = Field("ivrid", description="dialog variable with an id to use instead of the Call-ID")
    variables: Names = Field((), description="dialog variables to pass on as custom data")

    @field_validator("domains")
    @classmethod
    def _are_hosts(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if any("@" in value or "/" in value for value in values):
            raise ValueError(reason("kamailio.value-domains"))
        return values

    @model_validator(mode="after")
    def _names_both_or_neither(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError(reason("kamailio.value-both"))
        if any(ord(letter) < 32 for letter in f"{self.username}{self.password.reveal() if self.password else ''}"):
            raise ValueError(reason("value-no-controls"))
        if ":" in (self.username or ""):
            raise ValueError(reason("kamailio.value-colon"))
        return self

    @property
    def access(self) -> Access:
        """Where and as whom it is asked."""
        return Access(self.base_url, self.username, self.password)

    @property
    def rules(self) -> Rules:
        """How these settings read a dialog."""
        names = (self.caller_variable, self.callee_variable, self.did_variable, self.name_variable, self.ivrid_variable)
        return Rules(frozenset(domain.casefold() for domain in self.domains), *names, self.variables)


class Kamailio:
    """The make."""

    kind = "kamailio"
    title = "Kamailio"
    account = Account
    lists_idle = False
    whole_account = True
    proven = Proven.REAL
    knows = frozenset({Knows.DIALING, Knows.DID, Knows.CALLER_NAME, Knows.CUSTOM_DATA})

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of all extensions, whichever is asked for."""
        reply = await session.send(wire.ask(account.access, wire.DIALOGS), True)
        return await parse(reply, lambda got: wire.read_calls(got, session.name, account.rules, account.access))

    async def extensions(self, account: Account, session: Session) -> frozenset[str] | None:
        """The users who are registered; None where another server registers them, or the script does not let ask."""
        reply = await session.send(wire.ask(account.access, wire.REGISTERED, "brief"), True)
        return await parse(reply, lambda got: wire.read_registered(got, account.rules, account.access))

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether the script tells who is called, users can be listed, and no more than needed may be asked."""
        what = f"pbx {session.name}"
        dialogs = wire.read_dialogs(await session.send(wire.ask(account.access, wire.DIALOGS), True), account.access)
        known = await self.extensions(account, session)
        try:
            wire.result(await session.send(wire.ask(account.access, wire.HARMLESS), True), account.access)
            may_anything = True
        except PbxError:
            may_anything = False
        found = (
            findings.of_variables(what, dialogs, account.rules),
            findings.of_registered(what, known),
            findings.of_rights(what, may_anything),
            findings.of_transport(what, urlsplit(account.base_url), account.password is not None),
        )
        return [finding for finding in found if finding is not None]


ADAPTER = Kamailio()
