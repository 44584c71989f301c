"""Voicenter: active calls by its GetExtensionsCalls API. See README.md here for credentials and limits."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from bridge.config.models import PbxAccount, Region, SecretText, Timezone, WebAddress
from bridge.pbx import Adapter, CallQueue, Listing, Person, Send, read
from bridge.pbx.voicenter import wire, wire_account


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "voicenter"`."""

    kind: Literal["voicenter"]
    base_url: WebAddress = Field("https://monapisec.voicenter.co.il/comet/API", description="where its API lives")
    code: SecretText = Field(description="the account code")
    timezone: Timezone = Field("Asia/Jerusalem", description="its local time zone")
    region: Region = Field("IL", description="country of numbers written without a country code")
    method: Literal["post", "get"] = Field("post", description="how it is asked; get shows the code in addresses")
    directory_url: WebAddress = Field(
        "https://monitor.voicenter.co.il/Comet/api", description="where the directory of users lives"
    )
    epoch: Literal["auto", "utc", "local"] = Field("auto", description="how its times count; auto decides per answer")

    def addresses(self) -> Iterator[str]:
        """Where its API and its directory live."""
        yield from (self.base_url, self.directory_url)


async def calls(account: Account, send: Send, pbx: str, extension: str | None, now: datetime) -> Listing:
    """The live calls of one extension, or of the whole account."""
    clock = wire.Clock(account.epoch, ZoneInfo(account.timezone), now)
    reply = await send(wire.ask_calls(account.method, account.base_url, account.code, extension))
    return await read(reply, lambda got: wire.read_calls(got, pbx, account.code, clock))


async def queues(account: Account, send: Send, queue: str | None, now: datetime) -> tuple[CallQueue, ...]:
    """Who waits in one queue, or in all."""
    reply = await send(wire_account.ask_queues(account.method, account.base_url, account.code, queue))
    return await read(reply, lambda got: wire_account.read_queues(got, account.code, now))


async def people(account: Account, send: Send) -> tuple[Person, ...]:
    """The account's users and their SIP codes."""
    reply = await send(wire_account.ask_people(account.method, account.directory_url, account.code))
    return await read(reply, lambda got: wire_account.read_people(got, account.code))


ADAPTER = Adapter(kind="voicenter", account=Account, calls=calls, queues=queues, people=people)
