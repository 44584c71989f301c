"""Voicenter's queues and its directory of users; pure. Source: its GetQueuesCallers and GetExtensions pages."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Caller
from bridge.pbx.contract import CallQueue, Person, Waiting
from bridge.pbx.voicenter.envelope import answer, ask, objects, text


def ask_queues(method: str, base_url: str, code: Secret, queue: str | None) -> Request:
    """The question for one queue, or (None) for all."""
    return ask(method, f"{base_url}/GetQueuesCallers", {"queue": queue}, code)


def read_queues(reply: Reply, code: Secret, now: datetime) -> tuple[CallQueue, ...]:
    """The queues with their callers, longest waiting first."""
    return tuple(
        CallQueue(text(row.get("ID")), text(row.get("Name")), _callers(row, now))
        for row in objects(answer(reply, code).get("QUEUES"), "queues")
    )


def _callers(row: Mapping[str, Any], now: datetime) -> tuple[Waiting, ...]:
    waiting = [_waiting(caller, now) for caller in objects(row.get("Callers"), "callers")]
    return tuple(sorted(waiting, key=lambda one: one.joined_at))


def _waiting(caller: Mapping[str, Any], now: datetime) -> Waiting:
    """`JoinTime` counts the vendor's wall clock, `Duration` needs no clock: the time is told from that."""
    seconds = _seconds(caller.get("Duration"))
    return Waiting(
        Caller(text(caller.get("Phone"))), text(caller.get("CallID")), now - timedelta(seconds=seconds), seconds
    )


def _seconds(value: object) -> float:
    try:
        seconds = float(text(value))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < timedelta(days=7).total_seconds() else 0.0


def ask_people(method: str, directory_url: str, code: Secret) -> Request:
    """The question for the account's users and their SIP codes."""
    return ask(method, f"{directory_url}/GetExtensions", {}, code)


def read_people(reply: Reply, code: Secret) -> tuple[Person, ...]:
    """The users who have an e-mail address and a SIP code."""
    rows = objects(answer(reply, code).get("EXTENSIONS"), "extensions")
    people = (
        Person(text(row.get("UserEmail")), text(row.get("SIP")), text(row.get("UserName")) or text(row.get("Name")))
        for row in rows
    )
    return tuple(person for person in people if "@" in person.email and person.extension)
