"""The call card and the call in the history: both are one registered call in Bitrix24.

Whoever registers the same number, agent and external id again within 30 minutes is given the same call; beyond that we
remember it. `register` opens the card, `show` and `hide` bring it to an agent or take it away, `finish` writes the
call into the history. All but `show` and `hide` are an application's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.core.delivery import CallEnd, CallOutcome
from bridge.core.errors import SearchFailed
from bridge.core.model import Caller, CallerKind, Direction
from bridge.core.phone_numbers import plain
from bridge.core.reasons import reason
from bridge.crm.bitrix24 import wire
from bridge.crm.bitrix24.api import Api

KEPT = timedelta(hours=12)
"""Longer than a call and its note."""
OUTGOING, INCOMING = 1, 2
STATUS = {CallOutcome.ANSWERED: "200", CallOutcome.MISSED: "304", CallOutcome.ABANDONED: "304"}
GONE = "ERROR_CORE"
"""What a call that was finished, or never registered, is answered."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose call it is: each agent has their own."""

    pbx: str
    ivrid: str
    agent_id: str

    def key(self, what: str) -> str:
        """Under which something about it is remembered."""
        return f"{what} {self.pbx} {self.ivrid} {self.agent_id}"


@dataclass(frozen=True, slots=True)
class Registered:
    """What is registered of a call. `record` is the type and id of the contact, None where that is not known."""

    number: str
    direction: Direction
    started_at: datetime
    line: str
    record: tuple[str, str] | None


def number_of(caller: Caller) -> str | None:
    """The number to register; None for callers that have none that Bitrix24 takes."""
    if caller.e164 is not None:
        return caller.e164
    return plain(caller.number) if caller.kind is CallerKind.NUMBER else None


async def register(api: Api, place: Place, call: Registered, show: bool) -> str:
    """The id of the call, new or registered before."""
    told = wire.inside(await api.call("telephony.externalCall.register", **_fields(place, call, show)))
    call_id = told.get("CALL_ID")
    if not isinstance(call_id, str) or not 0 < len(call_id) <= 200:
        raise SearchFailed(reason("bitrix24.no-result"))
    await api.session.remember(place.key("call"), call_id, KEPT)
    linked = call.record or _linked(told)
    if linked is not None:
        await api.session.remember(place.key("about"), " ".join(linked), KEPT)
    return call_id


def _linked(told: dict[str, Any]) -> tuple[str, str] | None:
    """The record that Bitrix24 itself took the caller for."""
    kind, number = wire.text(told.get("CRM_ENTITY_TYPE")), wire.id_of(told.get("CRM_ENTITY_ID"))
    return (kind, number) if kind in wire.PAGES and number else None


def _fields(place: Place, call: Registered, show: bool) -> dict[str, Any]:
    record = {"CRM_ENTITY_TYPE": call.record[0], "CRM_ENTITY_ID": int(call.record[1])} if call.record else {}
    return {
        "USER_ID": int(place.agent_id),
        "PHONE_NUMBER": call.number,
        "TYPE": OUTGOING if call.direction is Direction.OUTGOING else INCOMING,
        "CALL_START_DATE": call.started_at.isoformat(timespec="seconds"),
        "CRM_CREATE": 0,
        "SHOW": int(show),
        "ADD_TO_CHAT": 0,
        **({"LINE_NUMBER": call.line} if call.line else {}),
        "EXTERNAL_CALL_ID": place.ivrid,
        **record,
    }


async def open_card(api: Api, place: Place, call: Registered) -> str:
    """The id of the call whose card the agent has now: of the one that is registered, or of a new one."""
    known = await api.session.recall(place.key("call"))
    if known is not None and await api.call(
        "telephony.externalCall.show", CALL_ID=known, USER_ID=[int(place.agent_id)]
    ):
        return known
    return await register(api, place, call, show=True)


async def close_card(api: Api, place: Place) -> None:
    """Take the card away from the agent, if there is one."""
    known = await api.session.recall(place.key("call"))
    if known is not None:
        await api.call("telephony.externalCall.hide", CALL_ID=known, USER_ID=[int(place.agent_id)])


async def keep(api: Api, place: Place, call: CallEnd, registered: Registered, ref: str | None) -> str:
    """The id of the call in the history: registered, and finished when it is over."""
    known = ref or await api.session.recall(place.key("call"))
    call_id = known or await register(api, place, registered, show=False)
    if call.ended_at is not None:
        await _finish(api, place, call, call_id)
    return call_id


async def _finish(api: Api, place: Place, call: CallEnd, call_id: str) -> None:
    """Once: where an earlier answer was lost, Bitrix24 does not know the call any more, and that is as it should be."""
    before = await api.session.recall(place.key("finished"))
    if before == call_id:
        return
    await api.session.remember(place.key("finished"), f"? {call_id}", KEPT)
    status = {"STATUS_CODE": STATUS[call.outcome]} if call.outcome in STATUS else {}
    try:
        await api.call(
            "telephony.externalCall.finish",
            CALL_ID=call_id,
            USER_ID=int(place.agent_id),
            DURATION=call.talk_seconds or 0,
            **status,
            ADD_TO_CHAT=0,
        )
    except SearchFailed as failed:
        if before is None or failed.reason.params.get("error") != GONE:
            raise
    await api.session.remember(place.key("finished"), call_id, KEPT)
