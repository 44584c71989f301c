"""Ozeki Phone System: active calls by its HTTP API, both generations. See README.md here for credentials and limits."""

from datetime import datetime
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from bridge.config.models import PbxAccount, SecretText
from bridge.pbx import Adapter, Listing, Send, read
from bridge.pbx.ozeki import wire
from bridge.pbx.ozeki.calls import Clock


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "ozeki"`."""

    kind: Literal["ozeki"]
    username: str | None = Field(None, min_length=1, description="the API user; xe may work without")
    password: SecretText | None = Field(None, description="the API user's password")
    generation: Literal["9509", "xe"] = Field("9509", description="which API it has, by its usual port: 9509, or 7780")
    method: Literal["get", "post"] | None = Field(
        None, description="how it is asked; left out: get on 9509, post on xe. get shows the password in addresses"
    )

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        given = (self.username is not None, self.password is not None)
        if given != (True, True) and (any(given) or self.generation == "9509"):
            raise ValueError("username and password are needed, both")
        return self

    @property
    def access(self) -> wire.Access:
        """Where, how and as whom it is asked."""
        newer = self.generation == "9509"
        method = self.method or ("get" if newer else "post")
        return wire.Access(f"{self.base_url}/{'api' if newer else ''}", method, self.username, self.password)


async def calls(account: Account, send: Send, pbx: str, _extension: str | None, now: datetime) -> Listing:
    """The live calls of all extensions, whichever is asked for."""
    access, clock = account.access, Clock(ZoneInfo(account.timezone), now)
    reply = await send(wire.ask_calls(access))
    return await read(reply, lambda got: wire.read_calls(got, pbx, access, clock))


async def extensions(account: Account, send: Send) -> frozenset[str] | None:
    """The extensions there are, None where this account may not ask for them."""
    access = account.access
    reply = await send(wire.ask_extensions(access))
    return await read(reply, lambda got: wire.read_extensions(got, access))


ADAPTER = Adapter(kind="ozeki", account=Account, calls=calls, always_whole=True, extensions=extensions)
