"""Popups as platform events: what their fields hold, and what Salesforce's answer to one means; pure.

An event is text in fields of fixed length; the component that shows it takes it as text, never as HTML. It knows a
repeat by popup and kind.
"""

from collections.abc import Mapping, Sequence

from bridge.core.contact import ContactRecord, ContactStatus
from bridge.core.delivery import AnsweredElsewhere, CallEnd
from bridge.core.errors import SearchFailed
from bridge.core.model import Popup
from bridge.crm.contract import FoundRecord
from bridge.crm.salesforce import contacts
from bridge.crm.salesforce.api import Api
from bridge.crm.salesforce.contacts import clean

LENGTHS = {
    "Agent_Id__c": 18, "Kind__c": 40, "Popup_Id__c": 80, "Ivrid__c": 120, "Caller__c": 40, "Caller_Name__c": 120,
    "Line__c": 80, "Direction__c": 20, "State__c": 20, "Record_Type__c": 80, "Record_Id__c": 18, "Matches__c": 10,
    "Told__c": 120,
}  # fmt: skip
"""The fields of the platform event, all of them Text."""
Known = ContactRecord | FoundRecord
ANSWERED = (ContactStatus.ONE, ContactStatus.SEVERAL, ContactStatus.NONE)
SHOWN, ELSEWHERE, OVER = "popup", "answered_elsewhere", "ended"


def of_popup(popup: Popup, agent_id: str, records: Sequence[Known]) -> dict[str, str]:
    """A call to be shown: to whom, who calls, and the record of this org that is opened where there is just one."""
    call, only = popup.call, records[0] if len(records) == 1 else None
    told = {
        "Popup_Id__c": popup.popup_id,
        "Ivrid__c": call.ivrid,
        "Caller__c": call.caller.e164 or call.caller.number,
        "Caller_Name__c": only.name if only else call.caller.name,
        "Line__c": call.did_label or call.did,
        "Direction__c": str(call.direction),
        "State__c": str(call.state),
        "Record_Type__c": only.type if only else "",
        "Record_Id__c": only.id if only else "",
        "Matches__c": str(len(records)),
    }
    return _event(SHOWN, agent_id, told)


async def records_of(api: Api, popup: Popup) -> Sequence[Known]:
    """The records that the caller may be: as the popup says, else by a search of its own."""
    known, public = popup.contact, popup.call.caller.e164
    if known is not None and known.crm == api.session.name and known.status in ANSWERED:
        return known.records
    if not api.account.search or public is None:
        return ()
    try:
        found = await api.search(contacts.wanted(public, popup.call.caller.number))
    except SearchFailed:  # without the name is better than not at all
        return ()
    return [one for one in found.records if contacts.has(one, public)]


def of_answer(told: AnsweredElsewhere, agent_id: str) -> dict[str, str]:
    """Somebody else has taken the call."""
    fields = {"Popup_Id__c": told.popup_id, "Ivrid__c": told.ivrid, "Told__c": told.answered_by}
    return _event(ELSEWHERE, agent_id, fields)


def of_end(call: CallEnd, agent_id: str) -> dict[str, str]:
    """The call is over."""
    return _event(OVER, agent_id, {"Ivrid__c": call.ivrid, "Told__c": str(call.outcome)})


def _event(kind: str, agent_id: str, fields: Mapping[str, str]) -> dict[str, str]:
    whole = {"Agent_Id__c": agent_id, "Kind__c": kind, **fields}
    return {name: clean(value, LENGTHS[name]) for name, value in whole.items() if value}
