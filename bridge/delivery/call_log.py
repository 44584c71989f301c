"""A call as a CRM's history keeps it, from the popup that was shown for it; pure."""

from dataclasses import replace
from datetime import datetime

from bridge.core.contact import Contact, ContactStatus
from bridge.core.delivery import CallEnd, CallOutcome
from bridge.core.model import Call, Popup


def going_on(popup: Popup) -> CallEnd:
    """The call while it lasts."""
    call = popup.call
    return CallEnd(
        pbx=call.pbx,
        ivrid=call.ivrid or popup.popup_id,
        original_ivrid=call.original_ivrid,
        agent=popup.agent,
        caller=call.caller,
        did=call.did,
        direction=call.direction,
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=None,
        talk_seconds=None,
        recording=call.recording,
        outcome=CallOutcome.UNKNOWN,
    )


def linked(call: CallEnd, found: Contact | None, crm: str) -> CallEnd:
    """The call with the record of who called, where `crm` has found exactly one."""
    if found is None or found.crm != crm or found.status is not ContactStatus.ONE:
        return call
    return replace(call, contact_type=found.records[0].type, contact_id=found.records[0].id)


def of_end(popup: Popup, call: Call, ended_at: datetime, outcome: CallOutcome) -> CallEnd:
    """The call when it is over for the popup's agent, as it was last."""
    begun = going_on(popup)
    talked = int((ended_at - call.answered_at).total_seconds()) if call.answered_at else None
    return replace(
        begun,
        answered_at=call.answered_at,
        started_at=call.started_at or begun.started_at,
        ended_at=ended_at,
        talk_seconds=(0 if outcome is not CallOutcome.ANSWERED else talked),
        recording=call.recording or begun.recording,
        outcome=outcome,
    )


def waits_for_contact(popup: Popup) -> bool:
    """Whether it is being found out who called."""
    found = popup.contact
    return found is not None and found.status is ContactStatus.UNKNOWN and found.ms is None
