"""Which calls are live on these extensions? Asks the phone systems; owns time limits, sharing and circuits."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
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
from bridge.core.model import Call, ExtensionId, Outcome, ServedFrom
from bridge.core.reasons import Reason, reason
from bridge.core.session import Session
from bridge.egress.circuit_breaker import CircuitBreaker, CircuitState
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
OpenSession = Callable[[str, PbxAccount], Session]
"""The session of a phone system by its name and account."""


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What the phone systems said about an agent's extensions: all live calls, or why there are none to choose from.

    `pbx_ms` is the time this click waited for them.
    """

    calls: tuple[Call, ...]
    outcome: Outcome
    reason: Reason | None
    served_from: ServedFrom | None
    pbx_ms: float


@dataclass(frozen=True, slots=True)
class _OneExtension:
    """One extension's part: its calls (None: the phone system does not list it), or the failure.

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

    async def extension(self, extension: str, clicked_at: float) -> _OneExtension:
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
            return _OneExtension(one, error=error)
        return _OneExtension(one, calls, result.served_from, hint)

    async def _idle_or_unknown(
        self, one: ExtensionId, served_from: ServedFrom, hint: Reason | None, clicked_at: float
    ) -> _OneExtension:
        """An extension that has no call, of a phone system that does not list idle ones. Raises `PbxError`."""
        match await self._extensions.existence(one.extension, clicked_at):
            case Existence.EXISTS:
                return _OneExtension(one, (), served_from, hint)
            case Existence.UNKNOWN:
                return _OneExtension(one, None, served_from, Reason("extension-nowhere"))
            case Existence.NOBODY_TELLS:
                return _OneExtension(one, (), served_from, Reason("extension-perhaps-unknown"))

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


class Lookup:
    """Asks about extensions, each on its own phone system."""

    def __init__(self, accounts: Mapping[str, PbxAccount], open_session: OpenSession, clock: Clock) -> None:
        self.systems = {
            name: PhoneSystem(name, account, open_session(name, account), clock) for name, account in accounts.items()
        }
        self._clock = clock

    async def live_calls(self, extensions: Sequence[ExtensionId]) -> LookupResult:
        """The live calls on `extensions`, all asked at the same time. Failures are told as outcomes, never raised."""
        started = self._clock.ticks()
        answers = await self._ask(extensions, started)
        outcome, cause = _verdict(answers)
        calls = tuple(call for answer in answers for call in answer.calls or ())
        ms = round((self._clock.ticks() - started) * 1000, 1)
        return LookupResult(calls, outcome, cause, _served_from(answers), ms)

    async def each(self, extensions: Collection[ExtensionId]) -> dict[ExtensionId, LookupResult]:
        """What is live on each of `extensions`, asked together: a few one by one, many as the whole account.

        Extensions of a phone system that is not in the settings are left out.
        """
        started = self._clock.ticks()
        answers = await self._ask([one for one in extensions if one.pbx in self.systems], started)
        ms = round((self._clock.ticks() - started) * 1000, 1)
        return {
            answer.extension: LookupResult(tuple(answer.calls or ()), *_verdict([answer]), answer.served_from, ms)
            for answer in answers
        }

    async def _ask(self, extensions: Sequence[ExtensionId], started: float) -> list[_OneExtension]:
        return await asyncio.gather(*(self.systems[one.pbx].extension(one.extension, started) for one in extensions))

    def take_durations(self) -> list[tuple[str, float]]:
        """Take out the durations of the questions that ended since the last call: whom, and how many seconds."""
        return [
            (name, system.durations.popleft())
            for name, system in self.systems.items()
            for _ in range(len(system.durations))
        ]

    def partners(self) -> dict[str, int]:
        """With how many other processes this one asks each phone system together."""
        return {name: system.questions.count_partners() for name, system in self.systems.items()}

    def circuits(self) -> dict[str, CircuitState]:
        """The state of each phone system's circuit in this process."""
        return {name: system.questions.circuit.state for name, system in self.systems.items()}


def _served_from(answers: Sequence[_OneExtension]) -> ServedFrom | None:
    """The least fresh that took part; None when nothing was answered at all."""
    took_part = {answer.served_from for answer in answers}
    order = (ServedFrom.RECENT, ServedFrom.SHARED, ServedFrom.PBX)
    return next((source for source in order if source in took_part), None)


def _verdict(answers: Sequence[_OneExtension]) -> tuple[Outcome, Reason | None]:
    """The outcome over all extensions. Calls found outweigh a failure elsewhere; a failure outweighs silence."""
    if any(answer.calls for answer in answers):
        return Outcome.FOUND, None
    for answer in answers:
        if answer.error is not None:
            return answer.error.outcome, answer.error.reason
    idle = [answer for answer in answers if answer.calls is not None]
    if idle:
        return Outcome.NO_ACTIVE_CALL, _told("no-call", idle)
    return Outcome.UNKNOWN_EXTENSION, _told("extension-unlisted", answers)


def _told(code: str, answers: Sequence[_OneExtension]) -> Reason:
    names = [answer.extension.extension for answer in answers]
    hints = [answer.hint for answer in answers if answer.hint is not None and not answer.calls]
    return Reason(code, {"count": len(names), "extensions": names}, tuple(hints[:1]))
