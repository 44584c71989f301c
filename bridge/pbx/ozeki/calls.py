"""A row of Ozeki's list of calls as each extension in it sees the call; pure.

Source is the caller's number, CallerId what phones display of it, Destination the callee's number. Of the other two the
vendor's page shows one example, where all are equal; taken here as the number the caller dialled (CallerDialed: a DID
when the call came by a trunk) and the one dialled to reach the callee (CalleeDialed).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from bridge.core.model import Call, Caller, CallerKind, CallState, Direction
from bridge.core.phone_numbers import kind_of
from bridge.core.text import without_marks

Row = Mapping[str, str]
STATES = {"incall": CallState.TALKING, "answered": CallState.TALKING, "hold": CallState.HOLD}
RINGING = "ringing"
ENDED = {"error", "cancelled", "transferred", "busy", "completed"}
CALLEE = ("Destination", "CalleeDialed", "CelleeDialed")
"""The vendor's field table misspells the second of them."""
LONGEST_TALK_SECONDS = 30 * 24 * 3600.0
SLACK = timedelta(minutes=1)
"""By how much the phone system's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The zone of times that name none, and the time of asking."""

    zone: tzinfo
    now: datetime


def calls_of(row: Row, pbx: str, clock: Clock) -> Iterator[Call]:
    """The call once for each extension that has part in it; nothing when it has ended."""
    state = row.get("CallState", "").lower()
    if state in ENDED:
        return
    source, callees = _number(row, "Source"), [number for name in CALLEE if (number := _number(row, name))]
    started_at, answered_at = _started(row, clock), _answered(row.get("TalkDuration", ""), clock.now)
    for extension in extensions_in([source, *callees]):
        placed = extension == source
        other = next(iter(callees), _number(row, "CallerDialed")) if placed else source
        direction = Direction.INTERNAL if is_inside(other) else Direction.OUTGOING if placed else Direction.INCOMING
        ringing = CallState.DIALING if placed else CallState.RINGING
        yield Call(
            pbx=pbx,
            extension=extension,
            ivrid=_number(row, "CallId"),
            original_ivrid=None,
            did=_dialled(row, direction, {extension, other}),
            did_label=None,
            direction=direction,
            state=ringing if state == RINGING else STATES.get(state, CallState.UNKNOWN),
            caller=Caller(other) if placed else _caller(source, row.get("CallerId", "")),
            started_at=started_at,
            answered_at=answered_at,
            recording=None,
        )


def _number(row: Row, name: str) -> str:
    return without_marks(row.get(name, ""))


def _dialled(row: Row, direction: Direction, ends: set[str]) -> str:
    """What the caller dialled, where that is neither end of the call: a number of the company's, a group, a queue."""
    dialled = "" if direction is Direction.OUTGOING else _number(row, "CallerDialed")
    return "" if dialled in ends else dialled


def is_inside(number: str) -> bool:
    """Whether this looks like an extension: too short for a public number, or a phone's one-word name."""
    kind = kind_of(number)
    return kind is CallerKind.INTERNAL or (kind is CallerKind.TEXT and re.fullmatch(r"[\w.-]+", number) is not None)


def extensions_in(ends: list[str]) -> list[str]:
    """The ends of a call under which it is listed, each once: all that could be extensions.

    A public number opposite an extension is somebody outside. Where no end looks like an extension, each may be one
    (a phone system may have extensions as long as public numbers): better a number too many on the supervisor's page
    than an agent's call not found.
    """
    kinds = {CallerKind.INTERNAL, CallerKind.TEXT}
    if not any(map(is_inside, ends)):
        kinds.add(CallerKind.NUMBER)
    return [end for end in dict.fromkeys(ends) if kind_of(end) in kinds]


def _caller(source: str, displayed: str) -> Caller:
    """The caller as the callee sees them. What is displayed is a name, or only a number again."""
    if kind_of(displayed) is CallerKind.TEXT:
        return Caller(source, name=displayed if displayed != source else "")
    return Caller(source or displayed)


def _started(row: Row, clock: Clock) -> datetime | None:
    """UTC; where the start is not told, reckoned back from how long the call has rung and been talked on."""
    if row.get("StartTime"):
        return _moment(row["StartTime"], clock)
    rung, talked = _seconds(row.get("RingDuration", "")), _seconds(row.get("TalkDuration", ""))
    if talked is None and row.get("CallState", "").lower() == RINGING:
        talked = 0.0
    return clock.now - timedelta(seconds=rung + talked) if rung is not None and talked is not None else None


def _moment(text: str, clock: Clock) -> datetime | None:
    """UTC. A local time that the end of summer time has twice is the later one that is not in the future."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        readings = sorted(moment.replace(tzinfo=clock.zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    except (ValueError, OverflowError):
        return None
    return next((reading for reading in reversed(readings) if reading <= clock.now + SLACK), readings[0])


def _answered(talk_seconds: str, now: datetime) -> datetime | None:
    """Ozeki gives no time of answering: it is reckoned back from how long they have talked."""
    seconds = _seconds(talk_seconds)
    return now - timedelta(seconds=seconds) if seconds else None


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        return None
    return seconds if 0 <= seconds < LONGEST_TALK_SECONDS else None
