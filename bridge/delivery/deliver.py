"""The line of a delivery: one attempt of it, from the claim to the record of what became of it."""

import asyncio
import logging
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bridge.config.models import CrmAccount
from bridge.core import hide
from bridge.core.errors import RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.json_codec import from_json
from bridge.core.model import (
    DESKTOP,
    Attempt,
    ContactStatus,
    DeliveryEvent,
    DeliveryState,
    Event,
    ExtensionId,
    Note,
    Outcome,
    Popup,
)
from bridge.core.reasons import Reason
from bridge.core.session import Session
from bridge.crm import registry
from bridge.crm.contract import (
    Delivered,
    Delivers,
    Duplicate,
    FindsAgents,
    LogsCalls,
    Recipient,
    RecipientUnknown,
    Rejected,
    Result,
    Retry,
)
from bridge.delivery import call_log
from bridge.delivery.retry_policy import LONGEST_DEFER, LONGEST_NOTE_WAIT, LONGEST_WAIT, growing_wait
from bridge.egress.target_limits import Target, Visit
from bridge.observability import logs, tracing
from bridge.services import Services
from bridge.store import counters
from bridge.store.calls import popups
from bridge.store.deliveries import claims, history, results
from bridge.store.deliveries.claims import Claim
from bridge.store.desktop import stream

log = logging.getLogger(__name__)

Subject = Popup | Note
LAST_CHANCE = timedelta(seconds=3)
"""How long before its end a delivery is attempted that was asked to wait longer than it lives."""
MOST_WAITS = 3
"""How often a call's record waits for the contact before it is written without."""
MOST_SEARCHES = 5
"""How often a search for the contact may fail before a call's record is written without."""
NOT_SEARCHED = Reason("contact-unknown")
AGENT_ID_LIFE = timedelta(hours=1)
"""How long the id that a CRM gave for an agent is taken to be theirs."""


async def deliver(delivery_id: str, services: Services) -> None:
    """Attempt the delivery once, if it is pending and nobody else is at it."""
    claim = await claims.claim(services.scripts, delivery_id, services.clock.now(), services.lease)
    if claim is None:
        return
    logs.follow(claim.click_id)
    about = {"click_id": claim.click_id, "delivery_id": claim.delivery_id, "target": claim.target}
    with tracing.span("delivery", "CONSUMER", claim.traceparent, **about, tries=claim.tries):
        await _attempt(services, claim)


async def _attempt(services: Services, claim: Claim) -> None:
    subject = None if _is_late(services, claim) else _subject(claim)
    if subject is None:
        await _end(services, claim, DeliveryState.EXPIRED)
    elif claim.target == DESKTOP and isinstance(subject, Popup):
        await _to_desktop(services, claim, subject)
    elif not _has_a_door(services, claim):
        await _end(services, claim, DeliveryState.FAILED, _failure(services, "no-such-target"))
    else:
        await _when_there_is_room(services, claim, subject)


def _has_a_door(services: Services, claim: Claim) -> bool:
    """Whether the target can take what is brought."""
    return services.logs_calls(claim.target) if claim.event is Event.LOG else services.takes_popups(claim.target)


def _is_late(services: Services, claim: Claim) -> bool:
    return services.clock.now() >= claim.expires_at


def _subject(claim: Claim) -> Subject | None:
    """What is to be delivered; None when it is not kept any longer."""
    if claim.event is Event.NOTE:
        return from_json(Note, claim.note) if claim.note else None
    return popups.kept(claim.kept) if claim.kept else None


async def _to_desktop(services: Services, claim: Claim, popup: Popup) -> None:
    """Hand it over once; it ends when a page takes it, or when its time is up."""
    at, attempt = services.clock.now(), None
    if claim.tries == 0 or claim.resent:
        started = services.clock.ticks()
        await stream.push(services.scripts, popup, claim.expires_at)
        attempt = Attempt(at, None, _since(services, started), None, claim.expires_at)
    await results.record(services.scripts, claim, at, attempt, due=claim.expires_at)
    _log(claim, DeliveryState.PENDING, attempt)


async def _when_there_is_room(services: Services, claim: Claim, subject: Subject) -> None:
    """Attempt it, or back off: what waits for a slow or dead target must not keep others waiting."""
    target = services.targets[claim.target]
    if not target.enter():
        await _back_off(services, claim, target.turn())
        return
    visit = Visit.NOT_ASKED
    try:
        visit = await _to_crm(services, claim, subject, target)
    finally:
        target.leave(visit)


async def _back_off(services: Services, claim: Claim, seconds: float = 0.0) -> None:
    seconds = max(seconds, growing_wait(claim.deferred, services.clock.chance(), LONGEST_DEFER))
    until = min(services.clock.now() + timedelta(seconds=seconds), claim.expires_at)  # late, it ends in time
    await claims.defer(services.scripts, claim, until)


async def _to_crm(services: Services, claim: Claim, subject: Subject, target: Target) -> Visit:
    """One attempt, recorded; how the CRM behaved."""
    at, started = services.clock.now(), services.clock.ticks()
    if isinstance(subject, Popup) and claim.event is Event.POPUP and await _is_over(services, claim, subject):
        ended = Attempt(at, None, _since(services, started), "call-ended", None, Reason("call-ended"))
        await _end(services, claim, DeliveryState.EXPIRED, ended)
        return Visit.NOT_ASKED
    if _is_late(services, claim):  # asking took time
        await _end(services, claim, DeliveryState.EXPIRED)
        return Visit.NOT_ASKED
    session = _Watched(services.crm_sessions[claim.target])
    result = await _send(services, claim, subject, session)
    if isinstance(result, _NoTurn):
        await _back_off(services, claim, result.seconds)
        return Visit.NOT_ASKED
    await _record(services, claim, result, Attempt(at, session.status, _since(services, started), None, None))
    return _visit(result, session.status)


async def _is_over(services: Services, claim: Claim, popup: Popup) -> bool:
    """A late popup of a call that has ended meanwhile is of no use. Where nobody can tell, it is sent."""
    late = services.settings.crm[claim.target].recheck_seconds
    if not late or claim.resent or (services.clock.now() - popup.created_at).total_seconds() < late:
        return False
    if popup.call.pbx not in services.settings.pbx:
        return False
    result = await services.lookup.live_calls([ExtensionId(popup.call.pbx, popup.call.extension)])
    if result.outcome is Outcome.FOUND:
        return all(call.ivrid != popup.call.ivrid for call in result.calls)
    return result.outcome is Outcome.NO_ACTIVE_CALL


@dataclass(frozen=True, slots=True)
class _NoTurn:
    """The vendor's rate limit is used up: nothing was sent."""

    seconds: float


async def _send(services: Services, claim: Claim, subject: Subject, session: "_Watched") -> Result | _NoTurn:
    """One attempt; where the CRM keeps calls, nobody else writes the same call meanwhile."""
    if not isinstance(subject, Popup) or not services.logs_calls(claim.target):
        return await _push(services, claim, subject, session)
    if claim.event is Event.LOG:
        if call_log.waits_for_contact(subject) and claim.deferred < MOST_WAITS:
            return _NoTurn(services.settings.crm[claim.target].search_seconds)
        subject = await _with_its_own_contact(services, claim, subject)
        if not _may_be_logged(subject, claim):
            return Retry(None, subject.contact.reason if subject.contact and subject.contact.reason else NOT_SEARCHED)
    mine = (services.redis, claim.target, subject.agent, subject.call, f"{claim.delivery_id} {claim.fence}")
    async with history.writing(*mine, services.lease) as may_write:
        return await _push(services, claim, subject, session) if may_write else _NoTurn(0.0)


async def _with_its_own_contact(services: Services, claim: Claim, popup: Popup) -> Popup:
    """The popup with the contact that this CRM knows: a history links to its own records only."""
    known = popup.contact
    if known is not None and known.crm == claim.target and known.status is not ContactStatus.UNKNOWN:
        return popup
    region = services.labels.regions.get(popup.call.pbx, "")
    return replace(popup, contact=await services.contacts.find(claim.target, popup.call, region))


def _may_be_logged(popup: Popup, claim: Claim) -> bool:
    """Whether it is known who called; a CRM that cannot be searched keeps its calls without."""
    known = popup.contact
    return known is None or known.status is not ContactStatus.UNKNOWN or claim.tries >= MOST_SEARCHES


async def _push(services: Services, claim: Claim, subject: Subject, session: "_Watched") -> Result | _NoTurn:
    account = services.settings.crm[claim.target]
    try:
        async with asyncio.timeout(account.push_timeout_seconds):
            with tracing.step("push", "CLIENT", target=claim.target):
                result = await _bring(account, claim, subject, session)
                tracing.annotate(status=session.status or 0)
                return result
    except TimeoutError:
        return Retry(None, Reason("timeout", {"host": claim.target, "seconds": account.push_timeout_seconds}))
    except RateLimited as error:
        return _NoTurn(error.after) if session.status is None else Retry(timedelta(seconds=error.after), error.reason)
    except RequestFailed as error:
        if error.cause == "address-refused":  # no attempt can change that
            return Rejected(error.reason)
        return Retry(None, error.reason)
    except (TokenRefused, SearchFailed) as error:
        return Retry(None, error.reason)


async def _bring(account: CrmAccount, claim: Claim, subject: Subject, session: Session) -> Result:
    """What the make does with it. What the session raises passes through."""
    adapter = registry.find(account.kind)
    recipient = await recipient_of(adapter, account, session, subject.agent.crm_user, subject.agent.name)
    if claim.event is Event.LOG and isinstance(subject, Popup) and isinstance(adapter, LogsCalls):
        call = call_log.going_on(subject, claim.target)
        return Delivered(await adapter.log_call(account, session, call, recipient, None))
    assert isinstance(adapter, Delivers)  # noqa: S101 - for the type checker: `takes_popups` has looked
    if isinstance(subject, Popup):
        subject = hide.without(subject, account.hide)
    at = subject.created_at if isinstance(subject, Popup) else subject.noted_at
    event = DeliveryEvent(claim.event, claim.delivery_id, at, subject, claim.resent)
    return await adapter.deliver(account, session, event, recipient)


async def recipient_of(adapter: object, account: Any, session: Session, crm_user: str, name: str) -> Recipient:
    """The agent as this CRM knows them. What the session raises passes through."""
    if not isinstance(adapter, FindsAgents):
        return Recipient(crm_user, name)
    known = await session.recall(f"agent {crm_user}")
    if known is None:
        known = await adapter.find_agent(account, session, crm_user)
        if known is not None:
            await session.remember(f"agent {crm_user}", known, AGENT_ID_LIFE)
    return Recipient(crm_user, name, known)


async def _record(services: Services, claim: Claim, result: Result, attempt: Attempt) -> None:
    match result:
        case Delivered() | Duplicate():
            await _end(services, claim, DeliveryState.DELIVERED, attempt)
        case Rejected(reason) | RecipientUnknown(reason):
            await _end(services, claim, DeliveryState.FAILED, _with(attempt, reason))
        case Retry(after, reason):
            await _attempt_again(services, claim, _with(attempt, reason), after)


async def _attempt_again(services: Services, claim: Claim, attempt: Attempt, after: timedelta | None) -> None:
    """When the target said, or after a growing wait; unless that is too late."""
    now, longest = services.clock.now(), LONGEST_WAIT if claim.event is Event.POPUP else LONGEST_NOTE_WAIT
    again = now + (after or timedelta(seconds=growing_wait(claim.tries, services.clock.chance(), longest)))
    again = _in_time(again, now, claim)
    if again >= claim.expires_at:
        await _end(services, claim, DeliveryState.EXPIRED, attempt)
        return
    attempt = Attempt(attempt.at, attempt.status, attempt.ms, attempt.error, again, attempt.reason)
    await results.record(services.scripts, claim, now, attempt, due=again, counts=_counts(claim, attempt))
    _log(claim, DeliveryState.PENDING, attempt)


def _in_time(again: datetime, now: datetime, claim: Claim) -> datetime:
    """`again`; or, where that is too late, once more shortly before the end, unless it is that already."""
    last = claim.expires_at - LAST_CHANCE
    return last if again >= claim.expires_at and now < last - LAST_CHANCE else again


def _visit(result: Result, status: int | None) -> Visit:
    """Whether the target answered like one that works, whatever it said."""
    if not isinstance(result, Retry):
        return Visit.ANSWERED
    works = status is not None and (status < 500 or result.after is not None)
    return Visit.ANSWERED if works else Visit.FAILED


async def _end(services: Services, claim: Claim, end: DeliveryState, attempt: Attempt | None = None) -> None:
    now = services.clock.now()
    counts = [*results.ended(claim, end, now), *_counts(claim, attempt)]
    await results.record(services.scripts, claim, now, attempt, end, counts=counts)
    _log(claim, end, attempt)


def _failure(services: Services, code: str) -> Attempt:
    return Attempt(services.clock.now(), None, 0.0, code, None, Reason(code))


def _with(attempt: Attempt, reason: Reason) -> Attempt:
    return Attempt(attempt.at, attempt.status, attempt.ms, reason.code, None, reason)


def _log(claim: Claim, state: DeliveryState, attempt: Attempt | None) -> None:
    told = {"status": attempt.status, "error": attempt.error, "ms": attempt.ms} if attempt else {}
    logs.event(
        log,
        "delivery",
        delivery_id=claim.delivery_id,
        target=claim.target,
        state=str(state),
        tries=claim.tries + bool(attempt),
        **told,
    )


def _counts(claim: Claim, attempt: Attempt | None) -> results.Counts:
    if attempt is None:
        return []
    return [(counters.field("attempts", claim.target, attempt.error or "ok"), 1)]


def _since(services: Services, started: float) -> float:
    return round((services.clock.ticks() - started) * 1000, 1)


class _Watched:
    """A session whose newest HTTP status is kept, for the record of one attempt."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.status: int | None = None

    @property
    def name(self) -> str:
        return self._session.name

    @property
    def now(self) -> datetime:
        return self._session.now

    @property
    def local(self) -> MutableMapping[str, Any]:
        return self._session.local

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        return self._seen(await self._session.send(request, repeatable, wants_body))

    async def send_authorized(self, request: Request, repeatable: bool = False) -> Reply:
        return self._seen(await self._session.send_authorized(request, repeatable))

    def _seen(self, reply: Reply) -> Reply:
        self.status = reply.status
        return reply

    async def token(self, refused: Secret | None = None) -> Secret:
        return await self._session.token(refused)

    async def dial(self, host: str, port: int, tls: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self._session.dial(host, port, tls)

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        await self._session.remember(key, value, ttl, vital)

    async def recall(self, key: str) -> str | None:
        return await self._session.recall(key)
