"""THE OTHER LINE: one delivery, tried once. Claim it, push it, judge the reply, write down what became of it."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bridge import crm
from bridge.domain import DESKTOP, Attempt, DeliveryState, Popup
from bridge.errors import ExchangeFailed
from bridge.messages import Reply
from bridge.store import counters, deliveries, desktop, popups
from bridge.store.deliveries import Claim
from bridge.wiring import Kit

log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 64 * 1024
FIRST_WAIT, LONGEST_WAIT, JITTER = 0.5, 30.0, 0.25


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one try came to: an end, or (None) another try after `wait` seconds or the usual growing wait."""

    end: DeliveryState | None
    status: int | None
    error: str | None
    wait: float | None = None


async def push(delivery_id: str, kit: Kit) -> None:
    """Try the delivery once if it is pending and nobody else is at it."""
    held = await deliveries.claim(kit.redis, delivery_id, kit.clock.now())
    if held is None:
        return
    now = kit.clock.now()
    found = await popups.popup(kit.redis, held.popup_id)
    if found is None or now >= held.expires_at:
        await _end(kit, held, DeliveryState.EXPIRED)
    elif held.target == DESKTOP:
        await _to_desktop(kit, held, found[0])
    else:
        await _to_crm(kit, held, found[0])


async def _to_desktop(kit: Kit, held: Claim, popup: Popup) -> None:
    """Hand it over once; it ends when a page takes it, or when its time is up."""
    if held.tries == 0:
        started, at = kit.clock.ticks(), kit.clock.now()
        await desktop.push(kit.redis, held.delivery_id, popup)
        attempt = Attempt(at, None, _since(kit, started), None, held.expires_at)
        await deliveries.record(kit.redis, held, at, attempt, due=held.expires_at)
    else:
        await deliveries.record(kit.redis, held, kit.clock.now(), due=held.expires_at)


async def _to_crm(kit: Kit, held: Claim, popup: Popup) -> None:
    at, started = kit.clock.now(), kit.clock.ticks()
    verdict = await _send(kit, held, popup, at)
    ms, now = _since(kit, started), kit.clock.now()
    log.info("delivery %s to %s: %s", held.delivery_id, held.target, verdict.end or verdict.error)
    await counters.count(kit.redis, "attempts", target=held.target, result=verdict.error or "delivered")
    if verdict.end is not None:
        await _end(kit, held, verdict.end, Attempt(at, verdict.status, ms, verdict.error, None))
        return
    again = now + timedelta(seconds=verdict.wait if verdict.wait is not None else growing_wait(held.tries, kit))
    if again >= held.expires_at:
        await _end(kit, held, DeliveryState.EXPIRED, Attempt(at, verdict.status, ms, verdict.error, None))
        return
    await deliveries.record(kit.redis, held, now, Attempt(at, verdict.status, ms, verdict.error, again), due=again)


async def _send(kit: Kit, held: Claim, popup: Popup, now: datetime) -> Verdict:
    account = kit.settings.crm.get(held.target)
    if account is None or not account.takes_popups:
        return Verdict(DeliveryState.FAILED, None, "no-such-target")
    request = crm.find(account.kind).write_popup(account, held.delivery_id, popup, now)
    try:
        reply = await kit.exchange.send(request, account.push_timeout_seconds, MAX_REPLY_BYTES)
    except ExchangeFailed as error:
        return Verdict(None, None, error.cause)
    return judge(reply, now)


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
    """Seconds to wait by a Retry-After header (seconds or a date); None when it says nothing usable."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())


def growing_wait(tries: int, kit: Kit) -> float:
    """Half a second, doubled with each try up to half a minute, and up to a quarter more or less by chance."""
    wait: float = min(FIRST_WAIT * 2 ** min(tries, 16), LONGEST_WAIT)
    return wait * (1 + JITTER * (2 * kit.clock.chance() - 1))


async def _end(kit: Kit, held: Claim, end: DeliveryState, attempt: Attempt | None = None) -> None:
    if await deliveries.record(kit.redis, held, kit.clock.now(), attempt, end):
        await counters.count(kit.redis, "deliveries", target=held.target, outcome=str(end))


def _since(kit: Kit, started: float) -> float:
    return round((kit.clock.ticks() - started) * 1000, 1)
