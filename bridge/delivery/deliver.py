"""The line of a delivery: one attempt of it, from the claim to the record of what became of it."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from bridge.config.section import secrets_of
from bridge.core.delivery import DESKTOP, Attempt, DeliveryState, Event
from bridge.core.json_codec import from_json
from bridge.core.model import ExtensionId, Outcome, Popup
from bridge.core.reasons import Reason
from bridge.crm.contract import (
    Delivered,
    Duplicate,
    RecipientUnknown,
    Rejected,
    Result,
    Retry,
)
from bridge.delivery import bring
from bridge.delivery.retry_policy import LONGEST_DEFER, LONGEST_NOTE_WAIT, LONGEST_WAIT, growing_wait
from bridge.delivery.watched import Watched
from bridge.egress.target_limits import Target, Visit
from bridge.observability import logs, tracing
from bridge.services import Services
from bridge.store import counters
from bridge.store.calls import popups, shared
from bridge.store.deliveries import claims, results
from bridge.store.deliveries.claims import Claim
from bridge.store.desktop import shift, stream

log = logging.getLogger(__name__)

LAST_CHANCE = timedelta(seconds=3)
"""How long before its end a delivery is attempted that was asked to wait longer than it lives."""


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
    if claim.event is Event.LOG or (claim.event is Event.ENDED and services.logs_calls(claim.target)):
        return services.logs_calls(claim.target)
    if claim.event is Event.NOTE:
        return services.takes_notes(claim.target)
    return services.takes_popups(claim.target)


def _is_late(services: Services, claim: Claim) -> bool:
    return services.clock.now() >= claim.expires_at


def _subject(claim: Claim) -> bring.Subject | None:
    """What is to be delivered; None when it is not kept any longer."""
    if claim.event in bring.KINDS:
        return from_json(bring.KINDS[claim.event], claim.note) if claim.note else None
    return popups.kept(claim.kept) if claim.kept else None


async def _to_desktop(services: Services, claim: Claim, popup: Popup) -> None:
    """Hand it over once; it ends when a page takes it, or when its time is up."""
    at, attempt = services.clock.now(), None
    if claim.tries == 0 or claim.resent:
        started = services.clock.ticks()
        await shared.record_popup(services.redis, popup)
        await shift.add(services.redis, popup)
        await stream.push(services.scripts, popup, claim.expires_at)
        attempt = Attempt(at, None, _since(services, started), None, claim.expires_at)
    await results.record(services.scripts, claim, at, attempt, due=claim.expires_at)
    _log(claim, DeliveryState.PENDING, attempt)


async def _when_there_is_room(services: Services, claim: Claim, subject: bring.Subject) -> None:
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


async def _to_crm(services: Services, claim: Claim, subject: bring.Subject, target: Target) -> Visit:
    """One attempt, recorded; how the CRM behaved."""
    at, started = services.clock.now(), services.clock.ticks()
    if isinstance(subject, Popup) and claim.event is Event.POPUP and await _is_over(services, claim, subject):
        ended = Attempt(at, None, _since(services, started), "call-ended", None, Reason("call-ended"))
        await _end(services, claim, DeliveryState.EXPIRED, ended)
        return Visit.NOT_ASKED
    if _is_late(services, claim):  # asking took time
        await _end(services, claim, DeliveryState.EXPIRED)
        return Visit.NOT_ASKED
    secrets = partial(secrets_of, services.settings.crm[claim.target])
    session = Watched(services.crm_sessions[claim.target].attempt(), secrets)
    result = await bring.send(services, claim, subject, session)
    if isinstance(result, bring.NoTurn):
        await _back_off(services, claim, result.seconds)
        return Visit.NOT_ASKED
    await _record(
        services, claim, result, Attempt(at, session.status, _since(services, started), None, None, said=session.said)
    )
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
    attempt = replace(attempt, next_try_at=again)
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
    counts = [*results.ended(claim, end, now, services.settings.day_of(claim.crm, now)), *_counts(claim, attempt)]
    await results.record(services.scripts, claim, now, attempt, end, counts=counts)
    _log(claim, end, attempt)


def _failure(services: Services, code: str) -> Attempt:
    return Attempt(services.clock.now(), None, 0.0, code, None, Reason(code))


def _with(attempt: Attempt, reason: Reason) -> Attempt:
    return replace(attempt, error=reason.code, reason=reason)


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
