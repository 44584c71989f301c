"""RingCentral's limits, kept by all processes together. Source: the vendor's guide, API Rate Limits.

Each user and application may ask so many questions of each plan group in a minute. One too many is refused for a
minute, and every question during that minute makes it begin again: so then nobody asks.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from bridge.core.errors import PbxUnreachable
from bridge.core.http_types import Reply, Request
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.pbx.ringcentral.answers import TOO_MANY

WINDOW_SECONDS, PENALTY_SECONDS, MOST_SECONDS = 60, 60, 3600

WHOLE_FROM, KEPT_HEAVY = 8, 4
"""A question for all extensions takes a tenth of its group's minute, one for an extension a fiftieth: with fewer than
this many on their way, they are asked one by one. The rest of the Heavy ones is for the pictures between events."""


class Group(StrEnum):
    """The vendor's plan groups that are asked here."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"


async def ask(session: Session, request: Request, group: Group, repeatable: bool = True) -> Reply:
    """The answer. Raises `PbxUnreachable`, with nothing sent, while the group's limit is used up."""
    await _wait_out(session, group)
    reply = await session.send_authorized(request, repeatable)
    left, most = _header(reply, "x-rate-limit-remaining"), _header(reply, "x-rate-limit-limit")
    window = timedelta(seconds=_header(reply, "x-rate-limit-window") or WINDOW_SECONDS)
    if left is not None:
        session.local[f"left {group}"] = (left, session.now + window)
    if reply.status == TOO_MANY:
        waits = _header(reply, "retry-after") or PENALTY_SECONDS
        await _pause(session, group, session.now + timedelta(seconds=waits))
    elif left is not None and left == (most or 0) - 1:
        await session.remember(f"window {group}", session.now.isoformat(), window, vital=False)
    elif left == 0:
        began = await session.recall(f"window {group}")
        await _pause(session, group, (datetime.fromisoformat(began) if began else session.now) + window)
    return reply


def whole_from(session: Session) -> int | None:
    """As `PricesWhole.whole_from`: the questions for all extensions are Heavy, and a few of them are kept for those
    that nothing else can answer."""
    if _is_paused(session, Group.HEAVY) or _left(session, Group.HEAVY) <= KEPT_HEAVY:
        return None
    return 0 if _is_paused(session, Group.LIGHT) else WHOLE_FROM


def _left(session: Session, group: Group) -> int:
    """How many questions this minute still takes, as far as this process was told."""
    left, until = session.local.get(f"left {group}", (MOST_SECONDS, session.now))
    return int(left) if session.now < until else MOST_SECONDS


def _is_paused(session: Session, group: Group) -> bool:
    until = session.local.get(f"pause {group}")
    return until is not None and session.now < datetime.fromisoformat(until)


async def _wait_out(session: Session, group: Group) -> None:
    key = f"pause {group}"
    until = session.local.get(key) or await session.recall(key)
    left = (datetime.fromisoformat(until) - session.now).total_seconds() if until else 0.0
    if left > 0:
        raise PbxUnreachable(reason("ringcentral.limit", seconds=round(left + 0.5), group=str(group)))
    session.local.pop(key, None)


async def _pause(session: Session, group: Group, until: datetime) -> None:
    """Nobody asks until then: this process, should nothing be kept now, at least."""
    session.local[f"pause {group}"] = until.isoformat()
    lasts = until - session.now
    if lasts > timedelta():
        await session.remember(f"pause {group}", until.isoformat(), lasts, vital=False)


def _header(reply: Reply, name: str) -> int | None:
    """A number in a header; None where there is none that makes sense."""
    told = reply.headers.get(name, "").strip()
    return min(int(told), MOST_SECONDS) if told.isascii() and told.isdecimal() and len(told) <= 9 else None
