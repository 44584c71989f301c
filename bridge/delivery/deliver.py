"""THE OTHER LINE: one delivery, tried once. Claim it, push it, judge the reply, write down what became of it."""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bridge import crm
from bridge.config.models import CrmAccount
from bridge.core.errors import ExchangeFailed
from bridge.core.http_types import Reply, Request
from bridge.core.json_codec import from_json
from bridge.core.model import DESKTOP, Attempt, DeliveryState, Event, Line, Note, Outcome, Popup
from bridge.observability import logs, tracing
from bridge.services import Kit
from bridge.store import counters
from bridge.store.calls import popups
from bridge.store.deliveries import claims
from bridge.store.deliveries.claims import Claim
from bridge.store.desktop import stream

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT, LONGEST_DEFER, JITTER = 0.5, 30.0, 4.0, 0.25
LONGEST_NOTE_WAIT, LONGEST_TOLD_WAIT = 600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one try came to: an end, or (None) another try after `wait` seconds or the usual growing wait."""

    end: DeliveryState | None
    status: int | None
    error: str | None
    wait: float | None = None

    @property
    def alive(self) -> bool:
        """Whether the target answered like one that works, whatever it said."""
        return self.status is not None and (self.status < 500 or self.wait is not None)


async def push(delivery_id: str, kit: Kit) -> None:
    """Try the delivery once if it is pending and nobody else is at it."""
    held = await claims.claim(kit.scripts, delivery_id, kit.clock.now(), kit.lease)
    if held is None:
        return
    logs.follow(held.click_id)
    about = {"click_id": held.click_id, "delivery_id": held.delivery_id, "target": held.target}
    with tracing.span("delivery", "CONSUMER", held.traceparent, **about, tries=held.tries):
        await _try(kit, held)


async def _try(kit: Kit, held: Claim) -> None:
    subject = None if _is_late(kit, held) else _subject(held)
    if subject is None:
        await _end(kit, held, DeliveryState.EXPIRED)
    elif held.target == DESKTOP and isinstance(subject, Popup):
        await _to_desktop(kit, held, subject)
    elif held.target not in kit.settings.crm:
        now = kit.clock.now()
        await _end(kit, held, DeliveryState.FAILED, Attempt(now, None, 0.0, "no-such-target", None))
    else:
        await _when_there_is_room(kit, held, subject)


def _is_late(kit: Kit, held: Claim) -> bool:
    return kit.clock.now() >= held.expires_at


def _subject(held: Claim) -> Popup | Note | None:
    """What is to be delivered; None when it is not kept any longer."""
    if held.event is Event.NOTE:
        return from_json(Note, held.note) if held.note else None
    return popups.kept(held.kept) if held.kept else None


async def _to_desktop(kit: Kit, held: Claim, popup: Popup) -> None:
    """Hand it over once; it ends when a page takes it, or when its time is up."""
    at, attempt = kit.clock.now(), None
    if held.tries == 0 or held.resent:
        started = kit.clock.ticks()
        await stream.push(kit.scripts, popup, held.expires_at)
        attempt = Attempt(at, None, _since(kit, started), None, held.expires_at)
    await claims.record(kit.scripts, held, at, attempt, due=held.expires_at)
    _log(held, DeliveryState.PENDING, attempt)


async def _when_there_is_room(kit: Kit, held: Claim, subject: Popup | Note) -> None:
    """Push to the CRM, or stand back: what waits for a slow or dead target must not keep others waiting."""
    target = kit.targets[held.target]
    if not target.enter():
        await _stand_back(kit, held, target.turn())
        return
    alive, within = None, False
    try:
        within = await _within_rate(kit, held.target)
        if within:
            alive = await _to_crm(kit, held, subject)
    finally:
        target.leave(alive)
    if not within:
        await _stand_back(kit, held)


async def _stand_back(kit: Kit, held: Claim, seconds: float = 0.0) -> None:
    seconds = max(seconds, growing_wait(held.deferred, kit, LONGEST_DEFER))
    until = min(kit.clock.now() + timedelta(seconds=seconds), held.expires_at)  # late, it ends in time
    await claims.defer(kit.scripts, held, until)


async def _within_rate(kit: Kit, target: str) -> bool:
    limit = kit.settings.crm[target].pushes_per_second
    if not limit:
        return True
    return await counters.within_second(kit.redis, f"push:{target}", kit.clock.now().timestamp()) <= limit


async def _to_crm(kit: Kit, held: Claim, subject: Popup | Note) -> bool | None:
    """One push, recorded. Whether the CRM answered like one that works; None when it was not asked."""
    at, started = kit.clock.now(), kit.clock.ticks()
    if isinstance(subject, Popup) and await _is_over(kit, held, subject):
        await _end(kit, held, DeliveryState.EXPIRED, Attempt(at, None, _since(kit, started), "call-ended", None))
        return None
    if _is_late(kit, held):  # asking took time
        await _end(kit, held, DeliveryState.EXPIRED)
        return None
    verdict = await _send(kit, held, subject, at)
    ms, now = _since(kit, started), kit.clock.now()
    if verdict.end is not None:
        await _end(kit, held, verdict.end, Attempt(at, verdict.status, ms, verdict.error, None))
        return True
    longest = LONGEST_NOTE_WAIT if held.event is Event.NOTE else LONGEST_WAIT
    again = now + timedelta(seconds=verdict.wait or growing_wait(held.tries, kit, longest))
    if again >= held.expires_at:
        await _end(kit, held, DeliveryState.EXPIRED, Attempt(at, verdict.status, ms, verdict.error, None))
    else:
        attempt = Attempt(at, verdict.status, ms, verdict.error, again)
        await claims.record(kit.scripts, held, now, attempt, due=again, counts=_tried(held, attempt))
        _log(held, DeliveryState.PENDING, attempt)
    return verdict.alive


async def _is_over(kit: Kit, held: Claim, popup: Popup) -> bool:
    """A late push of a call that has ended meanwhile is of no use. Where nobody can tell, it is pushed."""
    late = kit.settings.crm[held.target].recheck_seconds
    if not late or held.resent or (kit.clock.now() - popup.created_at).total_seconds() < late:
        return False
    if popup.call.pbx not in kit.settings.pbx:
        return False
    heard = await kit.lookup.live_calls([Line(popup.call.pbx, popup.call.extension)])
    if heard.outcome is Outcome.FOUND:
        return all(call.ivrid != popup.call.ivrid for call in heard.calls)
    return heard.outcome is Outcome.NO_ACTIVE_CALL


async def _send(kit: Kit, held: Claim, subject: Popup | Note, now: datetime) -> Verdict:
    account = kit.settings.crm[held.target]
    request = _written(account, held.delivery_id, subject, now) if account.takes_popups else None
    if request is None:
        return Verdict(DeliveryState.FAILED, None, "no-such-target")
    if held.resent:
        request = replace(request, headers={**request.headers, "popbridge-resent": "true"})
    try:
        with tracing.step("push", "CLIENT", target=held.target):
            reply = await kit.exchange.send(request, account.push_timeout_seconds, max_bytes=0)
            tracing.tell(status=reply.status)
    except ExchangeFailed as error:
        return Verdict(None, None, error.cause)
    return judge(reply, now)


def _written(account: CrmAccount, delivery_id: str, subject: Popup | Note, now: datetime) -> Request | None:
    adapter = crm.find(account.kind)
    if isinstance(subject, Popup):
        return adapter.write_popup(account, delivery_id, subject, now)
    return adapter.write_note(account, delivery_id, subject, now) if adapter.write_note else None


def judge(reply: Reply, now: datetime) -> Verdict:
    """2xx is delivered; 429 and 503 wait as told; other 4xx and redirects end it; the rest is tried again."""
    status = reply.status
    if 200 <= status < 300:
        return Verdict(DeliveryState.DELIVERED, status, None)
    error = f"http-{status}"
    if status in (429, 503):
        return Verdict(None, status, error, retry_after(reply.headers.get("retry-after"), now))
    if 300 <= status < 500:
        return Verdict(DeliveryState.FAILED, status, error)
    return Verdict(None, status, error)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or a date), a day at most; None when it says nothing usable."""
    if not value:
        return None
    if value.strip().isdecimal():
        return min(float(value), LONGEST_TOLD_WAIT)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), LONGEST_TOLD_WAIT)


def growing_wait(times: int, kit: Kit, longest: float = LONGEST_WAIT) -> float:
    """Half a second, doubled with each time up to `longest`, and up to a quarter more or less by chance."""
    wait: float = min(FIRST_WAIT * 2 ** min(times, 16), longest)
    return wait * (1 + JITTER * (2 * kit.clock.chance() - 1))


async def _end(kit: Kit, held: Claim, end: DeliveryState, attempt: Attempt | None = None) -> None:
    now = kit.clock.now()
    counts = [*claims.ended(held, end, now), *_tried(held, attempt)]
    await claims.record(kit.scripts, held, now, attempt, end, counts=counts)
    _log(held, end, attempt)


def _log(held: Claim, state: DeliveryState, attempt: Attempt | None) -> None:
    told = {"status": attempt.status, "error": attempt.error, "ms": attempt.ms} if attempt else {}
    logs.event(
        log,
        "delivery",
        delivery_id=held.delivery_id,
        target=held.target,
        state=str(state),
        tries=held.tries + bool(attempt),
        **told,
    )


def _tried(held: Claim, attempt: Attempt | None) -> claims.Counts:
    if attempt is None:
        return []
    return [(counters.field("attempts", held.target, attempt.error or "ok"), 1)]


def _since(kit: Kit, started: float) -> float:
    return round((kit.clock.ticks() - started) * 1000, 1)
