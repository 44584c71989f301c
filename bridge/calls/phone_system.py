"""One phone system: asked by its adapter, within its time limit; owns sharing of questions and the circuit."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from bridge.calls.existence import Extensions
from bridge.calls.shared_queries import BUSY, SharedQueries
from bridge.config.models import PbxAccount
from bridge.core.clock import Clock
from bridge.core.errors import (
    PbxError,
    PbxRefused,
    PbxUnintelligible,
    PbxUnreachable,
    RateLimited,
    RequestFailed,
    TokenRefused,
)
from bridge.core.finding import Finding
from bridge.core.model import Call, ExtensionId, ServedFrom
from bridge.core.reasons import Reason, reason
from bridge.core.session import Session
from bridge.egress.circuit_breaker import CircuitBreaker
from bridge.observability import tracing
from bridge.pbx import registry
from bridge.pbx.contract import (
    CallQueue,
    Connects,
    Existence,
    KeepsSubscriptions,
    KnowsOwners,
    Listing,
    ListsExtensions,
    ListsPeople,
    ListsQueues,
    Person,
    Picture,
    PricesWhole,
    Probes,
    Subscribed,
    TellsExistence,
    Told,
    lists_whole_account,
)
from bridge.pbx.on_demand import made
from bridge.pbx.recording import Recorded, record

MOST_UNCOUNTED = 1000
"""Questions whose durations are kept until a click comes and counts them."""

SUBSCRIBE_SECONDS = 60.0
"""For all requests of one round, each within the account's own limit."""
UNREADABLE = frozenset({"too-large", "malformed-response"})
"""Failures of a phone system that did answer."""

Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class OneExtension:
    """What is said of one extension: its calls (None: the phone system does not list it), or the failure.

    `hint` is what it may mean besides that there are none.
    """

    extension: ExtensionId
    calls: tuple[Call, ...] | None = None
    served_from: ServedFrom | None = None
    hint: Reason | None = None
    error: PbxError | None = None


class PhoneSystem:
    """One `[pbx.NAME]`: asks it by its adapter, within its time limit."""

    def __init__(self, name: str, account: PbxAccount, session: Session, clock: Clock) -> None:
        self.name, self.account, self.adapter = name, account, registry.find(account.kind)
        self._session, self._clock = session, clock
        self.is_whole = lists_whole_account(self.adapter, account)
        """Whether it lists the whole account, whatever is asked."""
        prices: object = self.adapter
        self._prices = prices if isinstance(prices, PricesWhole) else None
        self.durations: deque[float] = deque(maxlen=MOST_UNCOUNTED)
        self.questions = SharedQueries(
            self._calls,
            self.is_whole,
            account.fresh_seconds,
            clock.ticks,
            CircuitBreaker(clock.ticks),
            self.whole_from,
            account.timeout_seconds,
        )
        self._extensions = Extensions(self._all_extensions, self._exists, clock.ticks)

    def over(self, wrap: Callable[[Session], Session]) -> "PhoneSystem":
        """The same system over a session of `wrap`'s making, which shares nothing with this one's questions."""
        return PhoneSystem(self.name, self.account, wrap(self._session), self._clock)

    async def extension(self, extension: str, clicked_at: float) -> OneExtension:
        """What it says about one extension; failures are told, not raised."""
        one = ExtensionId(self.name, extension)
        try:
            result = await self.questions.about(extension, clicked_at)
            calls = result.listing.extensions.get(extension)
            if extension in result.listing.unreadable and not calls:
                raise PbxUnintelligible(reason("calls-unreadable", name=self.name, extension=extension))
            hint = result.listing.empty_hint if calls is None else None
            if calls is None and not self.adapter.lists_idle:
                return await self._idle_or_unknown(one, result.served_from, hint, clicked_at)
        except PbxError as error:
            return OneExtension(one, error=error)
        return OneExtension(one, calls, result.served_from, hint)

    async def _idle_or_unknown(
        self, one: ExtensionId, served_from: ServedFrom, hint: Reason | None, clicked_at: float
    ) -> OneExtension:
        """An extension that has no call, of a phone system that does not list idle ones. Raises `PbxError`."""
        match await self._extensions.existence(one.extension, clicked_at):
            case Existence.EXISTS:
                return OneExtension(one, (), served_from, hint)
            case Existence.UNKNOWN:
                return OneExtension(one, None, served_from, Reason("extension-nowhere"))
            case Existence.NOBODY_TELLS:
                return OneExtension(one, (), served_from, Reason("extension-perhaps-unknown"))

    def whole_from(self) -> int | None:
        """With how many questions on their way the next had better be for the whole account; None: never."""
        return self._prices.whole_from(self.account, self._session) if self._prices else BUSY

    def is_better_whole(self, extensions: int, usual: int) -> bool:
        """Whether so many extensions are better asked about all at once, as more than `usual` are."""
        most = self._prices.whole_from(self.account, self._session) if self._prices else usual
        return self.is_whole or (most is not None and extensions > max(most, usual))

    async def snapshot(self, extension: str | None, anew: bool = False) -> Listing:
        """The extensions it lists now, or the one asked for, with their calls; `anew`: not by an answer from before.
        Raises `PbxError`."""
        young = self.account.fresh_seconds if anew else 0.0
        listing = (await self.questions.about(extension, self._clock.ticks() + young)).listing
        return await made(listing) if extension is None else listing

    async def alone(self, extension: str) -> Listing:
        """What it says now about one extension, asked for that alone however many other questions are on their way.
        Raises `PbxError`."""
        return await self.questions.alone(extension)

    async def extension_names(self) -> frozenset[str] | None:
        """The extensions there are, with calls or without; None where it does not tell. Raises `PbxError`."""
        if self.adapter.lists_idle:
            return frozenset((await self.snapshot(None)).extensions) or None
        return await self._all_extensions()

    async def connection(self) -> AsyncGenerator[Told, None]:
        """What it tells on a connection, the whole picture first, until that breaks. Raises `PbxError`."""
        if not isinstance(self.adapter, Connects):
            raise PbxRefused(reason("no-event-connection", name=self.name))
        try:
            async with aclosing(self.adapter.connect(self.account, self._session)) as telling:
                async for told in telling:
                    if isinstance(told, Picture):
                        await made(told.listing)
                    yield told
        except RequestFailed as error:
            raise PbxUnreachable(reason("of-pbx", name=self.name, what=error.reason)) from None
        except (RateLimited, TokenRefused) as error:
            raise PbxRefused(reason("of-pbx", name=self.name, what=error.reason)) from None

    async def extensions_of(self, owners: frozenset[str]) -> frozenset[str] | None:
        """The extensions of those whom its events name by ids; None where only the whole account can be asked for.
        Raises `PbxError`."""
        if not isinstance(self.adapter, KnowsOwners):
            return None
        return await self._asked(self.adapter.extensions_of(self.account, self._session, owners))

    @property
    def is_to_subscribe(self) -> bool:
        """Whether its events come by subscriptions that popbridge keeps."""
        adapter: object = self.adapter
        if not isinstance(adapter, KeepsSubscriptions) or self.account.events != "push":
            return False
        return adapter.subscribes(self.account)

    async def subscribe(self, address: str, extensions: frozenset[str]) -> Subscribed:
        """See `KeepsSubscriptions.subscribe`. Raises `PbxError`."""
        assert isinstance(self.adapter, KeepsSubscriptions)  # noqa: S101 - `is_to_subscribe`
        kept = self.adapter.subscribe(self.account, self._session, address, extensions)
        return await self._asked(kept, SUBSCRIBE_SECONDS)

    async def queues(self, queue: str | None) -> tuple[CallQueue, ...] | None:
        """Who waits in its queues; None where this make has none to ask for. Raises `PbxError`."""
        if not isinstance(self.adapter, ListsQueues):
            return None
        return await self._asked(self.adapter.queues(self.account, self._session, queue))

    async def people(self) -> tuple[Person, ...]:
        """The users in its own directory; nobody where this make has none. Raises `PbxError`."""
        if not isinstance(self.adapter, ListsPeople):
            return ()
        return await self._asked(self.adapter.people(self.account, self._session))

    async def probe(self) -> list[Finding]:
        """What this make finds wrong with its own settings and rights. Raises `PbxError`."""
        if not isinstance(self.adapter, Probes):
            return []
        return await self._asked(self.adapter.probe(self.account, self._session))

    async def recorded(self) -> list[Recorded]:
        """Everything it can be asked, with its answers as they came. Raises `PbxError` where there is none."""
        return await self._asked(record(self.adapter, self.account, self._session))

    async def _asked(self, question: Awaitable[Answered], seconds: float = 0.0) -> Answered:
        """The answer within so many seconds, or the account's time limit; every failure as a `PbxError`."""
        seconds = seconds or self.account.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await question
        except TimeoutError:
            raise PbxUnreachable(reason("pbx-timeout", name=self.name, seconds=seconds)) from None
        except RequestFailed as error:
            failure = PbxUnintelligible if error.cause in UNREADABLE else PbxUnreachable
            raise failure(reason("of-pbx", name=self.name, what=error.reason)) from None
        except RateLimited as error:
            raise PbxUnreachable(reason("of-pbx", name=self.name, what=error.reason)) from None
        except TokenRefused as error:
            raise PbxRefused(reason("of-pbx", name=self.name, what=error.reason)) from None

    async def _calls(self, extension: str | None) -> Listing:
        scope, started = "account" if extension is None else "extension", self._clock.ticks()
        with tracing.step("question", "CLIENT", pbx=self.name, scope=scope):
            try:
                return await self._asked(self.adapter.calls(self.account, self._session, extension))
            finally:
                self.durations.append(self._clock.ticks() - started)

    async def _exists(self, extension: str) -> Existence:
        if not isinstance(self.adapter, TellsExistence):
            return Existence.NOBODY_TELLS
        return await self._asked(self.adapter.exists(self.account, self._session, extension))

    async def _all_extensions(self) -> frozenset[str] | None:
        if not isinstance(self.adapter, ListsExtensions):
            return None
        return await self._asked(self.adapter.extensions(self.account, self._session))
