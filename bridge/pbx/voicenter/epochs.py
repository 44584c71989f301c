"""How an account's epoch seconds count: UTC, or (as Voicenter's do) Israel's wall clock; learned from its calls; pure.

No answer says it. A call cannot have started in the future, none rings for hours, and an `ivrid` begins with the wall
clock's time of the call. Until a call has decided, times stay unknown.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import IntEnum
from typing import Any, NamedTuple

FUTURE_SLACK = timedelta(minutes=10)
"""A call cannot have started in the future; clocks that differ by less than this do not make it so."""
LONGEST_RING = timedelta(minutes=30)
LONGEST_WAIT = timedelta(minutes=40)
"""From a call's beginning, in its id, to its start on an extension: it may have waited in a queue."""
STALE = timedelta(days=7)
"""No call lasts so long: such a time is no live one, and is read as UTC, as the vendor's examples are."""
RINGING = {"ringing", "dialing"}
DATED_ID = re.compile(r"(20\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)[0-9A-Za-z]{16,}", re.A)
"""The ids of calls as measured. Shorter ones, in the vendor's documentation, do not all begin with a time."""


class Proof(IntEnum):
    """What an epoch was concluded from, the better the higher."""

    ID = 1
    RINGING = 2
    FUTURE = 3
    SETTINGS = 4


@dataclass(frozen=True, slots=True)
class Epoch:
    """Whether the seconds count the local wall clock, and how that is known."""

    is_local: bool
    proof: Proof

    def __str__(self) -> str:
        """As it is remembered."""
        return f"{'local' if self.is_local else 'utc'} {self.proof.value}"


@dataclass(frozen=True, slots=True)
class Clock:
    """What an account's times are read by: its zone, the time of asking, and what is known of its epoch."""

    zone: tzinfo
    now: datetime
    epoch: Epoch | None


def from_text(text: str | None) -> Epoch | None:
    """The epoch that was remembered; None where that is nothing of ours."""
    found = re.fullmatch(r"(local|utc) ([123])", text or "")
    return Epoch(found[1] == "local", Proof(int(found[2]))) if found else None


def learned(calls: Iterable[Mapping[str, Any]], clock: Clock) -> Epoch | None:
    """What is known of the epoch after these calls. A better proof is not given up for a lesser one."""
    known = clock.epoch.proof if clock.epoch else Proof.ID
    votes = {vote for call in calls for vote in _votes(call, clock, known)}
    best = max((vote.proof for vote in votes), default=None)
    told = [vote for vote in votes if vote.proof == best]
    return told[0] if len(told) == 1 else clock.epoch


def _votes(call: Mapping[str, Any], clock: Clock, least: Proof) -> Iterable[Epoch]:
    """The best that one call says: of two readings, the one that is impossible is not the account's."""
    as_utc, as_local = (_Reading.of(call, zone) for zone in (None, clock.zone))
    tests = ((Proof.FUTURE, _is_future), (Proof.RINGING, _rings_too_long), (Proof.ID, _is_undated))
    for proof, is_impossible in tests:
        if proof < least:
            return
        wrong = is_impossible(call, as_utc, clock)
        if wrong is not is_impossible(call, as_local, clock):
            yield Epoch(wrong, proof)
            return


class _Reading(NamedTuple):
    """A call's times by one way of counting."""

    started: datetime | None
    answered: datetime | None

    @classmethod
    def of(cls, call: Mapping[str, Any], zone: tzinfo | None) -> "_Reading":
        return cls(moment(call.get("callStarted"), zone), moment(call.get("callAnswered"), zone))


def _is_future(_: Mapping[str, Any], read: _Reading, clock: Clock) -> bool:
    return any(one is not None and one > clock.now + FUTURE_SLACK for one in read)


def _rings_too_long(call: Mapping[str, Any], read: _Reading, clock: Clock) -> bool:
    if read.started is None or read.started >= clock.now - LONGEST_RING:
        return False
    return str(call.get("callstatus")).strip().lower() in RINGING


def _is_undated(call: Mapping[str, Any], read: _Reading, clock: Clock) -> bool:
    """Whether the start is not what the call's id, in the wall clock's time, says."""
    dated = DATED_ID.fullmatch(str(call.get("ivrid")))
    if dated is None or read.started is None:
        return False
    try:
        year, month, day, hour, minute, second = map(int, dated.groups())
        began = datetime(year, month, day, hour, minute, second, tzinfo=clock.zone)
    except ValueError:
        return False
    return not -FUTURE_SLACK <= read.started - began <= LONGEST_WAIT


def time_of(value: object, clock: Clock) -> datetime | None:
    """Epoch seconds as a UTC time; None where they name none, or while it is unknown how they count."""
    if clock.epoch is not None:
        return moment(value, clock.zone if clock.epoch.is_local else None)
    as_utc, as_local = moment(value, None), moment(value, clock.zone)
    is_stale = as_utc is not None and as_utc < clock.now - STALE
    return as_utc if is_stale or as_utc == as_local else None


def moment(value: object, zone: tzinfo | None) -> datetime | None:
    """Epoch seconds, of `zone`'s wall clock or (None) of UTC, as a UTC time; 0, absent and impossible ones are None."""
    try:
        seconds = float(str(value))
        if not seconds > 0:
            return None
        found = datetime.fromtimestamp(seconds, UTC)
        return found.replace(tzinfo=zone).astimezone(UTC) if zone else found
    except (ValueError, OverflowError, OSError):
        return None
