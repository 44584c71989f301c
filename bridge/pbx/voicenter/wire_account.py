"""Voicenter's queues and its directory of users; pure. Source: its GetQueuesCallers and GetExtensions pages."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Caller
from bridge.pbx.contract import CallQueue, Person, Waiting
from bridge.pbx.voicenter.envelope import answer, ask, mark, objects, opened, text
from bridge.pbx.voicenter.epochs import Clock, time_of

NO_SUCH_QUEUE = re.compile(r"queue\b.*\bnot found", re.I)
"""In the words of an ERR 2, which has other meanings too."""


def ask_queues(method: str, base_url: str, code: Secret, queue: str | None) -> Request:
    """The question for one queue, or (None) for all."""
    return ask(method, f"{base_url}/GetQueuesCallers", {"queue": queue}, code)


def read_queues(reply: Reply, code: Secret, asked: str | None, clock: Clock) -> tuple[CallQueue, ...]:
    """The queues with their callers, longest waiting first; none where the one asked for does not exist."""
    if asked is not None and NO_SUCH_QUEUE.search(text(opened(reply).get("DESC"))):
        return ()
    rows = objects(answer(reply, code).get("QUEUES"), "queues")
    return tuple(
        CallQueue(mark(row.get("ID")), text(row.get("Name")), _callers(row, clock), _weight(row.get("Weight")))
        for row in rows
    )


def _callers(row: Mapping[str, Any], clock: Clock) -> tuple[Waiting, ...]:
    waiting = [_waiting(caller, clock) for caller in objects(row.get("Callers"), "callers")]
    return tuple(sorted(waiting, key=lambda one: one.joined_at))


def _weight(value: object) -> int | None:
    written = text(value)
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else None


def _waiting(caller: Mapping[str, Any], clock: Clock) -> Waiting:
    """`JoinTime` counts the vendor's wall clock, `Duration` needs no clock: it is believed where it is there."""
    seconds = _seconds(caller.get("Duration"))
    joined = time_of(caller.get("JoinTime"), clock) if seconds is None else None
    if joined is not None and joined <= clock.now:
        seconds = (clock.now - joined).total_seconds()
    waited = seconds or 0.0
    number = Caller(mark(caller.get("Phone")))
    return Waiting(number, mark(caller.get("CallID")), clock.now - timedelta(seconds=waited), waited)


def _seconds(value: object) -> float | None:
    try:
        seconds = float(text(value))
    except ValueError:
        return None
    return seconds if 0 <= seconds < timedelta(days=7).total_seconds() else None


def ask_people(method: str, directory_url: str, code: Secret) -> Request:
    """The question for the account's users and their SIP codes."""
    return ask(method, f"{directory_url}/GetExtensions", {}, code)


def read_people(reply: Reply, code: Secret) -> tuple[Person, ...]:
    """The users who have an e-mail address and a SIP code."""
    rows = objects(answer(reply, code).get("EXTENSIONS"), "extensions")
    people = (
        Person(mark(row.get("UserEmail")), mark(row.get("SIP")), text(row.get("UserName")) or text(row.get("Name")))
        for row in rows
    )
    return tuple(person for person in people if "@" in person.email and person.extension)
