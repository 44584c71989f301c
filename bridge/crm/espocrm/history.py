"""One Call record for each call and agent: made once, found again after a lost answer, and changed from then on.

EspoCRM itself makes two records of two equal requests, and takes no id that a client gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bridge.core.reasons import Reason
from bridge.core.session import Session
from bridge.crm.contract import Delivered, Rejected, Result, Retry
from bridge.crm.espocrm import calls, wire
from bridge.crm.espocrm.wire import Access

KEPT = timedelta(days=1)
UNSURE = "?"
"""Remembered before a record is made: whether it was, only EspoCRM can tell."""
NOT_FOUND = 404

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose record it is: one call of one agent."""

    pbx: str
    ivrid: str
    agent_id: str

    @property
    def key(self) -> str:
        """Under which the record's id is remembered."""
        return f"call {self.pbx} {self.ivrid} {self.agent_id}"


async def keep(
    access: Access, session: Session, place: Place, new: Body, again: Body, ref: str | None = None
) -> Result:
    """Make the record, or change the one that there is."""
    known = ref or await find(access, session, place)
    if known is not None:
        result = await change(access, session, known, again)
        if result is not None:
            return result
    await session.remember(place.key, UNSURE, KEPT)
    reply = await session.send(access.write("POST", "Call", new))
    if wire.refusal(reply) is not None:
        return wire.judged(reply, session.now)
    made: str = wire.record(reply)["id"]
    await session.remember(place.key, made, KEPT)
    return Delivered(made)


async def find(access: Access, session: Session, place: Place) -> str | None:
    """The id of the record that there is."""
    known = await session.recall(place.key)
    if known != UNSURE:
        return known
    reply = await session.send(access.get(calls.by_ivrid(place.ivrid, place.agent_id)), True)
    listed, _ = wire.records(reply)
    ids = [one["id"] for one in listed if calls.is_of(one, place.ivrid, place.agent_id)]
    if not ids:
        return None
    await session.remember(place.key, ids[0], KEPT)
    return str(ids[0])


async def change(access: Access, session: Session, call_id: str, body: Body) -> Result | None:
    """Change a record; None where it is not there any longer."""
    if not body:
        return Delivered(call_id)
    reply = await session.send(access.write("PUT", f"Call/{call_id}", body), True)
    return None if reply.status == NOT_FOUND else wire.judged(reply, session.now, call_id)


def reason_of(result: Result) -> Reason:
    """Why a record could not be kept."""
    return result.reason if isinstance(result, Retry | Rejected) else Reason("recipient-unknown")
