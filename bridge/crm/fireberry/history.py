"""Calls in Fireberry's call log: one record for each call and agent, made once and changed from then on.

The call log has the phone system's id of a call, `ivruniqueid`; with the owner it finds the record again.
"""

import re
from typing import Any

from bridge.core.delivery import CallEnd, CallOutcome
from bridge.core.model import Direction
from bridge.crm.fireberry import queries, wire
from bridge.crm.fireberry.api import Api
from bridge.crm.fireberry.contacts import clean
from bridge.crm.fireberry.tasks import KEPT, UNSURE

CALLS = "/record/calllog"
INCOMING, OUTGOING = 1, 2
STATUS = {CallOutcome.ANSWERED: 1, CallOutcome.MISSED: 3, CallOutcome.ABANDONED: 4}
LONGEST_NUMBER, LONGEST_KEY = 40, 100
LINKS = {"Contact": "contactid", "Account": "accountid"}
UNSAFE = re.compile(r"[^A-Za-z0-9@._+() -]")


async def write_call(api: Api, call: CallEnd, agent_id: str, ref: str | None) -> str:
    """The call's record: made, or changed where there is one. A change has to repeat the call's id."""
    key, told = key_of(call), _told(call, agent_id)
    known = ref if ref and wire.ID.fullmatch(ref) else await _find(api, key, agent_id)
    if known is not None and await api.change(f"{CALLS}/{known}", told):
        return known
    await api.session.remember(_place(key, agent_id), UNSURE, KEPT)
    made = await api.make("CallLog", CALLS, told)
    await api.session.remember(_place(key, agent_id), made, KEPT)
    return made


def key_of(call: CallEnd) -> str:
    """What stands in `ivruniqueid`: the phone system's id, with nothing in it that a query cannot hold."""
    return UNSAFE.sub("_", call.ivrid)[:LONGEST_KEY] or "unknown"


async def _find(api: Api, key: str, agent_id: str) -> str | None:
    known = await api.session.recall(_place(key, agent_id))
    if known != UNSURE:
        return known
    rows = await api.query(queries.call(key, agent_id), "CallLog")
    return str(rows[0]["id"]) if rows else None


def _place(key: str, agent_id: str) -> str:
    return f"call {key} {agent_id}"


def _told(call: CallEnd, agent_id: str) -> dict[str, Any]:
    """The record, as far as is known now. Lengths are seconds; `duration` is without the ringing."""
    is_outgoing = call.direction is Direction.OUTGOING
    number, line = clean(call.caller.e164 or call.caller.number, LONGEST_NUMBER), clean(call.did, LONGEST_NUMBER)
    ends = ("target", "caller") if is_outgoing else ("caller", "target")
    told: dict[str, Any] = {
        "ivruniqueid": key_of(call),
        "type": OUTGOING if is_outgoing else INCOMING,
        f"{ends[0]}id": number,
        f"{ends[1]}id": line,
        f"{ends[1]}ext": call.agent.extension,
        "ownerid": agent_id,
        "status": _status(call),
        "duration": call.talk_seconds,
        "dialtime": _ringing(call),
    }
    link = LINKS.get(call.contact_type)
    if link is not None and wire.ID.fullmatch(call.contact_id):
        told[link] = call.contact_id
    return {name: value for name, value in told.items() if value not in (None, "")}


def _status(call: CallEnd) -> int | None:
    """None while nobody knows: what is not confirmed is neither answered nor missed."""
    known = STATUS.get(call.outcome) if call.ended_at is not None else None
    return known or (STATUS[CallOutcome.ANSWERED] if call.answered_at is not None else None)


def _ringing(call: CallEnd) -> int | None:
    if call.started_at is None or call.answered_at is None:
        return None
    return max(0, round((call.answered_at - call.started_at).total_seconds()))
