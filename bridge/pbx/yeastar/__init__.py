"""Yeastar P-Series: live calls by its Open API. See README.md here for what to switch on and what it leaves out."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from bridge.config.models import PbxAccount, SecretText
from bridge.core.errors import PbxUnreachable
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Reply, Request, Response, Secret
from bridge.core.reasons import reason
from bridge.core.session import Session, Socket
from bridge.core.tokens import Tokens
from bridge.pbx.contract import AskAgain, Knows, Listing, Picture, Told
from bridge.pbx.reading import parse
from bridge.pbx.yeastar import answers, calls, connection, events, findings, wire

MOST_PAGES = 40
SERVER_ERRORS = 500
WHOLE_BY_TYPE = "asks the whole account by type"
"""Kept where this phone system wants to be told which calls are meant."""


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "yeastar"`."""

    kind: Literal["yeastar"]
    client_id: str | None = Field(None, min_length=1, description="Client ID of Integrations > API")
    username: str | None = Field(None, min_length=1, description="another name for client_id: the API's own")
    client_secret: SecretText | None = Field(None, description="Client Secret of Integrations > API")
    password: SecretText | None = Field(None, description="another name for client_secret: the API's own")

    event_secret: SecretText | None = Field(None, description="Secret of a webhook in Integrations > API")

    @model_validator(mode="after")
    def _has_each_once(self) -> Self:
        if (self.client_id is None) == (self.username is None):
            raise ValueError(reason("yeastar.value-client-id"))
        if (self.client_secret is None) == (self.password is None):
            raise ValueError(reason("yeastar.value-client-secret"))
        return self

    @property
    def api(self) -> str:
        """Where its interfaces are."""
        return self.base_url if self.base_url.endswith(wire.PATH) else self.base_url + wire.PATH

    @property
    def identity(self) -> str:
        """The Client ID."""
        return self.client_id or self.username or ""

    @property
    def secret(self) -> Secret:
        """The Client Secret."""
        return self.client_secret or self.password or Secret("")


class Yeastar:
    """The make."""

    kind = "yeastar"
    title = "Yeastar P-Series"
    account = Account
    lists_idle = False
    whole_account = False
    proven = Proven.DOCUMENTATION
    knows = frozenset({Knows.DIALING, Knows.HOLD, Knows.DID})

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of one extension, or of the whole account."""
        if extension is None:
            return calls.merged(
                [await _read_calls(account, session, reply, None) for reply in await _all(account, session)]
            )
        reply = await _ask(account, session, wire.CALLS, {"extension": extension})
        return await _read_calls(account, session, reply, extension)

    async def extensions(self, account: Account, session: Session) -> frozenset[str] | None:
        """The extensions there are; None where this client has no right to list them."""
        found: set[str] = set()
        for page in range(1, MOST_PAGES + 1):
            reply = await _ask(account, session, wire.EXTENSIONS, wire.page(page))
            if answers.may_not(reply):
                return None
            numbers, total = await parse(reply, lambda got: wire.read_extensions(got, account.secret))
            found |= numbers
            if not numbers or page * wire.PAGE_SIZE >= total or len(found) >= total:
                break
        return frozenset(found)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether extensions can be listed, whether trunks are monitored, and how safely it is asked."""
        listed = await self.extensions(account, session)
        replies = await _all(account, session)
        alone = any(
            [
                await parse(reply, lambda got: calls.has_call_without_other_side(got, account.secret))
                for reply in replies
            ]
        )
        return findings.of(f"pbx {session.name}", account.base_url, listed, alone)

    async def connect(self, account: Account, session: Session) -> AsyncGenerator[Told, None]:
        """The whole list first; then whose calls to ask for again."""
        async with _subscribed(account, session) as socket:
            yield Picture(await self.calls(account, session, None), session.now)
            async for told in connection.hints(socket):
                yield told

    def read_event(self, account: Account, incoming: Incoming) -> AskAgain | Response:
        """Whose calls to ask for again."""
        return events.read_event(account.event_secret, incoming)

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        """By the refresh token where there is one: every new log-in ends the access tokens before it."""
        return wire.ask_token(account.api, account.identity, account.secret, refresh)

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        """The pair that came."""
        return answers.read_token(reply, account.secret, now)


@asynccontextmanager
async def _subscribed(account: Account, session: Session) -> AsyncIterator[Socket]:
    """The websocket, with its events subscribed. Which answer an old token gets is not documented: any refusal makes
    for another one, once."""
    await _wait_out(session)
    token = await session.token()
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(_websocket(account, session, token))
        if isinstance(opened, Reply) and opened.status < SERVER_ERRORS:
            token = await session.token(refused=token)
            opened = await stack.enter_async_context(_websocket(account, session, token))
        if isinstance(opened, Reply):
            raise answers.refused(opened)
        await connection.subscribe(opened, account.secret)
        yield opened


def _websocket(account: Account, session: Session, token: Secret) -> AbstractAsyncContextManager[Socket | Reply]:
    return session.websocket(wire.subscribe(account.api, token), pings=False)


async def _read_calls(account: Account, session: Session, reply: Reply, asked: str | None) -> Listing:
    return await parse(reply, lambda got: calls.read_calls(got, session.name, account.secret, asked))


async def _all(account: Account, session: Session) -> list[Reply]:
    """Every call there is: in one question; or, where that is refused, in one for each type, as documented."""
    if WHOLE_BY_TYPE not in session.local:
        reply = await _ask(account, session, wire.CALLS, {})
        if answers.errcode(reply) != answers.PARAMETER_ERROR:
            return [reply]
        session.local[WHOLE_BY_TYPE] = True
    return await asyncio.gather(*(_ask(account, session, wire.CALLS, {"type": one}) for one in wire.TYPES))


async def _ask(account: Account, session: Session, interface: str, fields: dict[str, str]) -> Reply:
    """The answer, with a token that is taken. An expired one is told in a 200, not by a 401."""
    await _wait_out(session)
    token = await session.token()
    reply = await session.send(wire.ask(account.api, interface, token, fields), True)
    if answers.errcode(reply) == answers.TOKEN_EXPIRED:
        token = await session.token(refused=token)
        reply = await session.send(wire.ask(account.api, interface, token, fields), True)
    if answers.errcode(reply) == answers.LIMIT_EXCEEDED:
        until = session.now + timedelta(seconds=answers.LIMIT_SECONDS)
        await session.remember(
            _pause(session), until.isoformat(), timedelta(seconds=answers.LIMIT_SECONDS), vital=False
        )
    return reply


async def _wait_out(session: Session) -> None:
    """While its limit is used up it is not asked, by any process: each question would be counted again."""
    until = await session.recall(_pause(session))
    if until is not None and session.now < datetime.fromisoformat(until):
        raise PbxUnreachable(reason("yeastar.limit", seconds=answers.LIMIT_SECONDS))


def _pause(session: Session) -> str:
    return f"pause {session.name}"


ADAPTER = Yeastar()
