"""3CX v20: live calls by its Call Control API. See README.md here for the licence, rights, and what it leaves out."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field, field_validator

from bridge.config.models import PbxAccount, SecretText
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.core.tokens import Tokens
from bridge.pbx._3cx import findings, wire
from bridge.pbx._3cx.connection import changes
from bridge.pbx.contract import Change, Knows, Listing, Picture, Told
from bridge.pbx.reading import parse

MOST_ALONE = 4
"""Extensions that are asked for one by one after events; of more of them, the list of all."""


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "3cx"`."""

    kind: Literal["3cx"]
    client_id: str = Field(min_length=1, description="Client ID of Integrations > API")
    client_secret: SecretText = Field(description="API key of that client, shown once")
    trunk_dids: Mapping[str, str] = Field(
        {},
        description='what callers dial, by the number of the trunk, as 3CX does not say: {"10007" = "0722776772"}',
    )

    @field_validator("trunk_dids")
    @classmethod
    def _are_numbers(cls, values: Mapping[str, str]) -> Mapping[str, str]:
        if not all(trunk.strip() and did.strip() for trunk, did in values.items()):
            raise ValueError(reason("3cx.value-trunks"))
        return values


class ThreeCx:
    """The make."""

    kind = "3cx"
    title = "3CX"
    account = Account
    lists_idle = True
    whole_account = True
    proven = Proven.DOCUMENTATION
    knows = frozenset({Knows.DIALING, Knows.CALLER_NAME, Knows.QUEUE})

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of every extension that this client may see, whichever is asked for."""
        reply = await session.send_authorized(wire.ask(account.base_url), True)
        return await parse(reply, lambda got: wire.read_calls(got, session.name, account.trunk_dids))

    async def connect(self, account: Account, session: Session) -> AsyncGenerator[Told, None]:
        """The whole list first; then the calls of each extension of which an event tells."""
        async with session.websocket(wire.ask_events(account.base_url), authorized=True) as opened:
            if isinstance(opened, Reply):
                raise wire.refused(opened)
            yield Picture(await self.calls(account, session, None), session.now)
            async for extensions in changes(opened):
                told = await self._asked_again(account, session, extensions)
                for one in told:
                    yield one

    async def _asked_again(self, account: Account, session: Session, extensions: frozenset[str]) -> list[Told]:
        """Their calls as they are now, or (many of them, or nobody knows whose) those of all extensions."""
        if "" not in extensions and len(extensions) <= MOST_ALONE:
            asked = (_change(account, session, extension) for extension in extensions)
            found = await asyncio.gather(*asked)
            if None not in found:
                return [one for one in found if one is not None]
        return [Picture(await self.calls(account, session, None), session.now)]

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Which extensions it may see, whether numbers dialled are known, and how safely it is asked."""
        reply = await session.send_authorized(wire.ask(account.base_url), True)
        listing = wire.read_calls(reply, session.name, account.trunk_dids)
        trunks = wire.trunks_without_did(reply, account.trunk_dids)
        return findings.of(f"pbx {session.name}", account.base_url, len(listing.extensions), trunks)

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        """By the credentials, each time: the grant needs no refresh token."""
        return wire.ask_token(account.base_url, account.client_id, account.client_secret)

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        """The token that came, which ends the one before."""
        return wire.read_token(reply, now)


async def _change(account: Account, session: Session, extension: str) -> Change | None:
    """One extension's calls; None where only the list of all can tell."""
    reply = await session.send_authorized(wire.ask_number(account.base_url, extension), True)
    listing = wire.read_number(reply, session.name, account.trunk_dids)
    if listing is None or extension in listing.unreadable or extension not in listing.extensions:
        return None
    return Change(extension, listing.extensions[extension])


ADAPTER = ThreeCx()
