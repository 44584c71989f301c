"""Voicenter: active calls by its GetExtensionsCalls API. See README.md here for credentials and limits."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from bridge.config.models import PbxAccount, Region, SecretText, Timezone, WebAddress
from bridge.core.finding import Proven
from bridge.core.http_types import Incoming, Response
from bridge.core.session import Session
from bridge.pbx.contract import AskAgain, CallQueue, Knows, Listing, Person
from bridge.pbx.reading import parse
from bridge.pbx.voicenter import events, wire, wire_account
from bridge.pbx.voicenter.epochs import Clock, Epoch, Proof, from_text, learned

EPOCH, EPOCH_KEPT = "epoch account", timedelta(days=90)
"""Under which it is remembered how the account's times count, and how long."""
RECALLED, RECALL_AGAIN = "epoch recalled", timedelta(seconds=10)
"""While nothing is known, what other processes have learned is looked up so often."""
LEARNED, LEARN_AGAIN, LEARNED_FROM = "epoch learned", timedelta(seconds=10), 20
"""So many calls of an answer are learned from, and all of them so often: each costs as much as to read it."""


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
    event_secret: SecretText | None = Field(
        None, description="in the address of its notifications: /events/NAME?secret=…"
    )
    epoch: Literal["auto", "utc", "local"] = Field(
        "auto", description="how its times count; auto learns it from its calls"
    )

    def addresses(self) -> Iterator[str]:
        """Where its API and its directory live."""
        yield from (self.base_url, self.directory_url)


class Voicenter:
    """The make."""

    kind = "voicenter"
    title = "Voicenter"
    account = Account
    lists_idle = True
    whole_account = False
    proven = Proven.DOCUMENTATION
    knows = frozenset(
        {Knows.DIALING, Knows.HOLD, Knows.DID, Knows.CALLER_NAME, Knows.TRANSFER, Knows.CUSTOM_DATA, Knows.RECORDING}
    )

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of one extension, or of the whole account."""
        reply = await session.send(wire.ask_calls(account.method, account.base_url, account.code, extension), True)
        rows = await parse(reply, lambda got: wire.read_rows(got, account.code))
        clock = await _clock(account, session) if rows.has_times else Clock(UTC, session.now, None)
        if account.epoch == "auto" and rows.has_times:
            teaching = list(_teaching(session, rows))
            clock = await _learn(session, clock, await parse(reply, lambda _: learned(teaching, clock)))
        return wire.read_calls(rows, session.name, clock)

    async def queues(self, account: Account, session: Session, queue: str | None) -> tuple[CallQueue, ...]:
        """Who waits in one queue (none: there is no such queue), or in all."""
        clock = await _clock(account, session)
        reply = await session.send(wire_account.ask_queues(account.method, account.base_url, account.code, queue), True)
        return await parse(reply, lambda got: wire_account.read_queues(got, account.code, queue, clock))

    def read_event(self, account: Account, incoming: Incoming) -> AskAgain | Response:
        """Whose calls to ask for again."""
        return events.read_event(account.event_secret, incoming)

    def event_answer(self, account: Account, incoming: Incoming) -> Response:
        """What the vendor wants to hear."""
        return events.answer(incoming)

    async def people(self, account: Account, session: Session) -> tuple[Person, ...]:
        """The account's users and their SIP codes."""
        reply = await session.send(wire_account.ask_people(account.method, account.directory_url, account.code), True)
        return await parse(reply, lambda got: wire_account.read_people(got, account.code))


async def _clock(account: Account, session: Session) -> Clock:
    """What the account's times are read by: by the settings, or by what its calls have taught so far."""
    if account.epoch != "auto":
        epoch: Epoch | None = Epoch(account.epoch == "local", Proof.SETTINGS)
    else:
        epoch = session.local.get(EPOCH) or await _recalled(session)
    return Clock(ZoneInfo(account.timezone), session.now, epoch)


async def _recalled(session: Session) -> Epoch | None:
    """What another process has learned, or this one before it was started anew."""
    again = session.local.get(RECALLED)
    if again is not None and session.now < again:
        return None
    session.local[RECALLED] = session.now + RECALL_AGAIN
    epoch = session.local[EPOCH] = from_text(await session.recall(EPOCH))
    return epoch


def _teaching(session: Session, rows: wire.Rows) -> Iterable[Mapping[str, Any]]:
    """The calls to learn from: of a large account a few, and all of them now and then."""
    again = session.local.get(LEARNED)
    if again is None or session.now >= again:
        session.local[LEARNED] = session.now + LEARN_AGAIN
        return rows.calls
    return islice(rows.calls, LEARNED_FROM)


async def _learn(session: Session, clock: Clock, epoch: Epoch | None) -> Clock:
    if epoch is not None and epoch != clock.epoch:
        session.local[EPOCH] = epoch
        await session.remember(EPOCH, str(epoch), EPOCH_KEPT, vital=False)
    return replace(clock, epoch=epoch)


ADAPTER = Voicenter()
