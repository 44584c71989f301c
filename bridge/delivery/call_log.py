"""A call as a CRM's history keeps it, from the popup that was shown for it; pure."""

from bridge.core.model import CallEnd, CallOutcome, ContactStatus, Popup


def going_on(popup: Popup, crm: str) -> CallEnd:
    """The call while it lasts, linked to the contact where `crm` has found exactly one."""
    call, found = popup.call, popup.contact
    one = found.records[0] if found and found.crm == crm and found.status is ContactStatus.ONE else None
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
        contact_type=one.type if one else "",
        contact_id=one.id if one else "",
    )


def waits_for_contact(popup: Popup) -> bool:
    """Whether it is being found out who called."""
    found = popup.contact
    return found is not None and found.status is ContactStatus.UNKNOWN and found.ms is None
