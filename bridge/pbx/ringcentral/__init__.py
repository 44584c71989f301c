"""RingCentral (RingEX): live calls by presence. See README.md here for the app, its rights, and what it leaves out."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, model_validator

from bridge.config.models import PbxAccount, SecretText
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Reply, Request, Response, Secret
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.core.tokens import RateLimit, Tokens
from bridge.pbx.contract import AskAgain, Change, Knows, Listing, Person, Subscribed
from bridge.pbx.fields import written
from bridge.pbx.reading import parse
from bridge.pbx.ringcentral import answers, events, findings, limits, presence, subscriptions, wire
from bridge.pbx.ringcentral.limits import WINDOW_SECONDS, Group, ask

MOST_PAGES = 10
LEAST_POLL_SECONDS = 10.0
"""The whole account can be asked for ten times a minute, and clicks ask too."""
NUMBERS, NUMBERS_KEPT = "numbers by id", timedelta(minutes=10)
"""The extensions' numbers; an id that none of them has is kept as long."""
ID_KEPT = timedelta(hours=24)
"""How long an extension's id is used again. Each answer shows whether the number still has it."""


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "ringcentral"`."""

    kind: Literal["ringcentral"]
    client_id: str = Field(min_length=1, description="Client ID of the app in the Developer Console")
    client_secret: SecretText = Field(description="Client Secret of that app")
    jwt: SecretText = Field(description="JWT credential of the user as whom it asks")
    event_secret: SecretText | None = Field(None, description="token that its subscriptions were made with")
    subscribe: bool = Field(True, description="popbridge makes the subscriptions to its events, and renews them")
    requests_per_minute: int = Field(50, ge=1, le=10_000, description="questions that its plan takes in a minute")

    @model_validator(mode="after")
    def _fits_its_events(self) -> Self:
        if self.events == "poll" and self.poll_seconds < LEAST_POLL_SECONDS:
            raise ValueError(reason("ringcentral.value-poll", least=LEAST_POLL_SECONDS))
        return self

    @property
    def secret_of_events(self) -> Secret:
        """The token for subscriptions."""
        return self.event_secret or Secret("")


class RingCentral:
    """The make."""

    kind = "ringcentral"
    title = "RingCentral"
    account = Account
    lists_idle = True
    whole_account = False
    proven = Proven.DOCUMENTATION
    knows = frozenset({Knows.DIALING, Knows.HOLD, Knows.DID, Knows.CALLER_NAME, Knows.QUEUE, Knows.PARKED})

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of one extension, or of the whole account."""
        if extension is None:
            return await _all_calls(account, session)
        kept = await session.recall(_id_key(extension))
        found = await _calls_by_id(account, session, extension, kept) if kept else None
        if found is not None:
            return found
        extension_id = await _look_up(account, session, extension)
        found = await _calls_by_id(account, session, extension, extension_id) if extension_id else None
        return found or Listing({})

    def whole_from(self, account: Account, session: Session) -> int | None:
        """By what is left of its limits."""
        return limits.whole_from(session)

    async def extensions(self, account: Account, session: Session) -> frozenset[str] | None:
        """The extensions that have a number."""
        return frozenset(map(wire.number_of, await _rows(account, session)))

    async def people(self, account: Account, session: Session) -> tuple[Person, ...]:
        """The users who have an e-mail address and an extension."""
        return tuple(one for one in map(wire.person_of, await _rows(account, session)) if one)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether it may see extensions and their calls, and whether its subscriptions are in force."""
        listing, rows = await _all_calls(account, session), await _rows(account, session)
        made = None
        if account.events == "push":
            reply = await ask(session, wire.ask_subscriptions(account.base_url), Group.LIGHT)
            made = wire.read_subscriptions(reply, session.name)
        numbers = {written(row.get("id")): wire.number_of(row) for row in rows}
        return findings.of(f"pbx {session.name}", account.base_url, numbers, len(listing.unreadable), made)

    def read_event(self, account: Account, incoming: Incoming) -> Change | AskAgain | Response:
        """The calls of an extension as they are now, or whose to ask for."""
        return events.read_event(account.event_secret, _pbx_of(incoming), incoming)

    def subscribes(self, account: Account) -> bool:
        """Unless somebody makes them by hand."""
        return account.subscribe

    async def subscribe(
        self, account: Account, session: Session, address: str, extensions: frozenset[str]
    ) -> Subscribed:
        """One for each extension, made for a week and renewed; as many at once as the limits allow."""
        reply = await ask(session, wire.ask_subscriptions(account.base_url), Group.LIGHT)
        listed = wire.read_subscriptions(reply, session.name)
        numbers = {wire.number_of(row): written(row.get("id")) for row in await _rows(account, session)}
        ids = {extension: numbers[extension] for extension in extensions if extension in numbers}
        todo = subscriptions.plan(listed, address, ids, session.now)
        requests = [
            *(subscriptions.ask_removal(account.base_url, one) for one in todo.remove),
            *(subscriptions.ask_renewal(account.base_url, one) for one in todo.renew),
            *(
                subscriptions.ask_new(account.base_url, address, extension, ids[extension], account.secret_of_events)
                for extension in todo.make
            ),
        ]
        done = dict.fromkeys(("POST", "PUT", "DELETE"), 0)
        for request in requests[: subscriptions.MOST_AT_ONCE]:
            subscriptions.check_done(await ask(session, request, Group.MEDIUM, repeatable=request.method != "POST"))
            done[request.method] += 1
        in_force, unknown = todo.in_force + done["POST"], len(extensions) - len(ids)
        problem = reason("ringcentral.no-such-extensions", count=unknown) if unknown else None
        return Subscribed(in_force, len(extensions) - in_force, done["POST"], done["PUT"], problem)

    async def extensions_of(self, account: Account, session: Session, owners: frozenset[str]) -> frozenset[str]:
        """By the list of extensions, which is asked for again after ten minutes, and for an id that is not in it."""
        until, kept = session.local.get(NUMBERS, (session.now, {}))
        if session.now >= until or not owners <= kept.keys():
            kept = {written(row.get("id")): wire.number_of(row) for row in await _rows(account, session)}
            kept |= {owner: "" for owner in owners if owner not in kept}
            session.local[NUMBERS] = (session.now + NUMBERS_KEPT, kept)
        return frozenset(kept[owner] for owner in owners if kept[owner])

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        """By the refresh token where there is one: an account has few sessions at a time."""
        return wire.ask_token(account.base_url, account.client_id, account.client_secret, account.jwt, refresh)

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        """The pair that came."""
        return answers.read_token(reply, now)

    def rate_limit(self, account: Account) -> RateLimit:
        """The limit of the questions for one extension. Those of the other plan groups are kept by what answers say."""
        return RateLimit(account.requests_per_minute, WINDOW_SECONDS)


async def _calls_by_id(account: Account, session: Session, extension: str, extension_id: str) -> Listing | None:
    """The calls of the extension with this id; None where that is not, or no longer, the extension's."""
    reply = await ask(session, wire.ask_presence(account.base_url, extension_id), Group.LIGHT)
    if reply.status == 404:
        return None
    return await parse(reply, lambda got: presence.read_one(got, session.name, extension))


async def _look_up(account: Account, session: Session, extension: str) -> str | None:
    """The id of an extension, by its number; None where there is no such extension."""
    reply = await ask(session, wire.ask_extensions(account.base_url, extension), Group.MEDIUM)
    found = await parse(reply, lambda got: wire.read_id(got, extension))
    if found is not None:
        await session.remember(_id_key(extension), found, ID_KEPT, vital=False)
    return found


async def _all_calls(account: Account, session: Session) -> Listing:
    listings, page, total = list[Listing](), 1, 1
    while page <= min(total, MOST_PAGES):
        reply = await ask(session, wire.ask_all(account.base_url, page), Group.HEAVY)
        listing, total = await parse(reply, lambda got: presence.read_all(got, session.name))
        listings.append(listing)
        page += 1
    return presence.merged(listings)


async def _rows(account: Account, session: Session) -> list[Mapping[str, Any]]:
    rows, page, total = list[Mapping[str, Any]](), 1, 1
    while page <= min(total, MOST_PAGES):
        reply = await ask(session, wire.ask_extensions(account.base_url, None, page), Group.MEDIUM)
        found, total = await parse(reply, wire.read_extensions)
        rows += found
        page += 1
    return rows


def _pbx_of(incoming: Incoming) -> str:
    """NAME of the `/events/NAME` that the event came to."""
    return unquote(urlsplit(incoming.url).path.rstrip("/").rpartition("/")[2])


def _id_key(extension: str) -> str:
    return f"extension {extension}"


ADAPTER = RingCentral()
