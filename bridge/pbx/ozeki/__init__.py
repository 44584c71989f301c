"""Ozeki Phone System: active calls by its HTTP API, both generations. See README.md here for credentials and limits."""

from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from bridge.config.models import PbxAccount, SecretText
from bridge.core.finding import Proven
from bridge.core.http_types import Incoming, Response
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.pbx.contract import AskAgain, Knows, Listing
from bridge.pbx.ozeki import events, wire
from bridge.pbx.ozeki.calls import Clock
from bridge.pbx.reading import parse


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "ozeki"`."""

    kind: Literal["ozeki"]
    username: str | None = Field(None, min_length=1, description="the API user; xe may work without")
    password: SecretText | None = Field(None, description="the API user's password")
    generation: Literal["9509", "xe"] = Field("9509", description="which API it has, by its usual port: 9509, or 7780")
    method: Literal["get", "post"] | None = Field(
        None, description="how it is asked; left out: get on 9509, post on xe. get shows the password in addresses"
    )

    event_secret: SecretText | None = Field(
        None, description="in the address of its notifications: /events/NAME?secret=…"
    )

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        given = (self.username is not None, self.password is not None)
        if given != (True, True) and (any(given) or self.generation == "9509"):
            raise ValueError(reason("ozeki.value-credentials"))
        return self

    @property
    def access(self) -> wire.Access:
        """Where, how and as whom it is asked."""
        newer = self.generation == "9509"
        method = self.method or ("get" if newer else "post")
        return wire.Access(f"{self.base_url}/{'api' if newer else ''}", method, self.username, self.password)


class Ozeki:
    """The make."""

    kind = "ozeki"
    title = "Ozeki Phone System"
    account = Account
    lists_idle = False
    whole_account = True
    proven = Proven.DOCUMENTATION
    knows = frozenset({Knows.HOLD, Knows.DID, Knows.CALLER_NAME})

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of all extensions, whichever is asked for."""
        access, clock = account.access, Clock(ZoneInfo(account.timezone), session.now)
        reply = await session.send(wire.ask_calls(access), True)
        return await parse(reply, lambda got: wire.read_calls(got, session.name, access, clock))

    async def extensions(self, account: Account, session: Session) -> frozenset[str] | None:
        """The extensions that exist; None where this account is not allowed to ask."""
        access = account.access
        reply = await session.send(wire.ask_extensions(access), True)
        return await parse(reply, lambda got: wire.read_extensions(got, access))

    def read_event(self, account: Account, incoming: Incoming) -> AskAgain:
        """Whose calls to ask for again."""
        return events.read_event(account.event_secret, incoming)

    def event_answer(self, account: Account, incoming: Incoming) -> Response:
        """What the vendor wants to hear."""
        return events.NOTHING


ADAPTER = Ozeki()
