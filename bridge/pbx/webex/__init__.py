"""Webex Calling: live calls of each member. See README.md here for the Service App and what it leaves out."""

import asyncio
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from bridge.config.models import PbxAccount, SecretText
from bridge.core.errors import PbxUnreachable
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Reply, Request, Response, Secret
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.core.tokens import Tokens
from bridge.pbx.contract import AskAgain, Knows, Listing, Subscribed
from bridge.pbx.reading import parse
from bridge.pbx.webex import answers, calls, events, findings, webhooks, wire

MOST_PAGES, AT_ONCE = 10, 8
ID_KEPT = timedelta(minutes=10)
"""How long it is not asked anew whose an extension is: an answer about calls does not name it."""
WAIT_SECONDS, LONGEST_WAIT = 30, 3600
PAUSE, MEMBERS = "pause webex", "extensions by member"


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "webex"`."""

    kind: Literal["webex"]
    client_id: str = Field(min_length=1, description="Client ID of the Service App")
    client_secret: SecretText = Field(description="Client Secret of the Service App")
    refresh_token: SecretText = Field(description="refresh token of the Service App for the organization")
    location_id: str | None = Field(None, min_length=1, description="the location whose extensions are meant")
    event_secret: SecretText | None = Field(None, description="secret that its webhooks are made with")
    subscribe: bool = Field(True, description="popbridge makes the webhook for its events, and keeps it active")


class Webex:
    """The make."""

    kind = "webex"
    title = "Webex Calling"
    account = Account
    lists_idle = True
    whole_account = False
    proven = Proven.DOCUMENTATION
    knows = frozenset({Knows.DIALING, Knows.HOLD, Knows.CALLER_NAME, Knows.QUEUE, Knows.HELD_BY_OTHER})

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of one extension, or of the whole account: a question for each member."""
        if extension is None:
            return await _all_calls(account, session)
        kept = await session.recall(f"extension {extension}")
        found = await _calls_of(account, session, extension, kept) if kept else None
        if found is not None:
            return found
        member = await _look_up(account, session, extension)
        found = await _calls_of(account, session, extension, member) if member else None
        return found or Listing({})

    def whole_from(self, account: Account, session: Session) -> int | None:
        """Never: the whole account takes a question for each member."""
        return None

    async def extensions(self, account: Account, session: Session) -> frozenset[str] | None:
        """The extensions that somebody has."""
        return frozenset(await _members(account, session))

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether it may see numbers and calls, and whether an extension says whose it is."""
        members = await _members(account, session)
        if members:
            extension, which = next(iter(members.items()))
            await _calls_of(account, session, extension, next(iter(which)))
        return findings.of(f"pbx {session.name}", account.base_url, members)

    def read_event(self, account: Account, incoming: Incoming) -> AskAgain | Response:
        """Whose calls to ask for again."""
        return events.read_event(account.event_secret, incoming)

    def subscribes(self, account: Account) -> bool:
        """Unless somebody makes webhooks by hand."""
        return account.subscribe

    async def subscribe(
        self, account: Account, session: Session, address: str, extensions: frozenset[str]
    ) -> Subscribed:
        """One webhook for all of the organization, made active again where it was stopped."""
        reply = await _ask(session, webhooks.ask_list(account.base_url))
        found = webhooks.first(webhooks.read_list(reply, address))
        secret = account.event_secret or Secret("")
        if found is None:
            request = webhooks.ask_new(account.base_url, session.name, address, secret)
            webhooks.check_done(await _ask(session, request, repeatable=False))
            return Subscribed(len(extensions), made=1)
        if not found.is_active:
            webhooks.check_done(
                await _ask(session, webhooks.ask_revival(account.base_url, found, session.name, secret))
            )
            return Subscribed(len(extensions), renewed=1)
        return Subscribed(len(extensions))

    async def extensions_of(self, account: Account, session: Session, owners: frozenset[str]) -> frozenset[str]:
        """By the list of members, which is asked for again after ten minutes, and for a member who is not in it."""
        until, kept = session.local.get(MEMBERS, (session.now, {}))
        if session.now >= until or not owners <= kept.keys():
            members = await _members(account, session)
            kept = {each: extension for extension, which in members.items() for each in which}
            kept |= {owner: "" for owner in owners if owner not in kept}
            session.local[MEMBERS] = (session.now + ID_KEPT, kept)
        return frozenset(kept[owner] for owner in owners if kept[owner])

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        """By the newest refresh token that Webex gave, else by that of the settings."""
        newest = refresh or account.refresh_token
        return wire.ask_token(account.base_url, account.client_id, account.client_secret, newest)

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        """The pair that came."""
        return answers.read_token(reply, now)


async def _calls_of(account: Account, session: Session, extension: str, member: str) -> Listing | None:
    """The calls of a member; None where there is no such member (any more)."""
    reply = await _ask(session, wire.ask_calls(account.base_url, member))
    return (
        None if reply.status == 404 else await parse(reply, lambda got: calls.read_calls(got, session.name, extension))
    )


async def _look_up(account: Account, session: Session, extension: str) -> str | None:
    """The member who has an extension; None where nobody has."""
    reply = await _ask(session, wire.ask_numbers(account.base_url, account.location_id, extension))
    found, _ = await parse(reply, wire.read_members)
    member = wire.only(found.get(extension, frozenset()), extension)
    if member is not None:
        await session.remember(f"extension {extension}", member, ID_KEPT, vital=False)
    return member


async def _members(account: Account, session: Session) -> dict[str, frozenset[str]]:
    """The members of each extension, page by page."""
    found: dict[str, frozenset[str]] = {}
    for page in range(MOST_PAGES):
        asked = wire.ask_numbers(account.base_url, account.location_id, None, page * wire.PAGE_SIZE)
        listed, count = await parse(await _ask(session, asked), wire.read_members)
        found |= {extension: found.get(extension, frozenset()) | each for extension, each in listed.items()}
        if count < wire.PAGE_SIZE:
            break
    return found


async def _all_calls(account: Account, session: Session) -> Listing:
    """An extension that several members have is nobody's: its calls cannot be told apart."""
    members, gate = await _members(account, session), asyncio.Semaphore(AT_ONCE)

    async def one(extension: str, member: str) -> Listing:
        async with gate:
            return await _calls_of(account, session, extension, member) or Listing({})

    clear = [(extension, next(iter(which))) for extension, which in members.items() if len(which) == 1]
    listings = await asyncio.gather(*(one(*pair) for pair in clear))
    shared = frozenset(extension for extension, which in members.items() if len(which) > 1)
    extensions = {number: found for listing in listings for number, found in listing.extensions.items()}
    return Listing(extensions, unreadable=shared.union(*(listing.unreadable for listing in listings)))


async def _ask(session: Session, request: Request, repeatable: bool = True) -> Reply:
    """The answer. Once it has refused one too many, no process asks until the time that it names is over."""
    until = session.local.get(PAUSE) or await session.recall(PAUSE)
    left = (datetime.fromisoformat(until) - session.now).total_seconds() if until else 0.0
    if left > 0:
        raise PbxUnreachable(reason("webex.limit", seconds=round(left + 0.5)))
    reply = await session.send_authorized(request, repeatable)
    if reply.status == answers.TOO_MANY:
        told = reply.headers.get("retry-after", "").strip()
        is_number = told.isascii() and told.isdecimal() and len(told) <= 9 and int(told) > 0
        wait = timedelta(seconds=min(int(told), LONGEST_WAIT) if is_number else WAIT_SECONDS)
        session.local[PAUSE] = (session.now + wait).isoformat()
        await session.remember(PAUSE, session.local[PAUSE], wait, vital=False)
    return reply


ADAPTER = Webex()
