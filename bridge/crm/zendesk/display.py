"""The popup: which record is opened in the agent's browser, and what Zendesk's answer to that means.

Talk Partner Edition takes two ids and nothing else, so there is no text in it that a caller controls, and no room for
an id of ours: a repeat opens the same page again.
"""

from datetime import datetime

from bridge.core.contact import ContactStatus
from bridge.core.http_types import Reply
from bridge.core.model import Popup
from bridge.core.reasons import reason
from bridge.crm.contract import Delivered, Rejected, Result, Retry
from bridge.crm.zendesk import users, wire
from bridge.crm.zendesk.api import Api

Target = tuple[str, str]
"""Kind (`user` or `ticket`) and id."""


async def target_of(api: Api, popup: Popup) -> Target | Rejected:
    """The caller's profile where exactly one user has the number; else the record from which the agent clicked."""
    numbers, open_record = await _users(api, popup), _clicked(popup)
    if len(numbers) == 1:
        return users.USER, numbers[0]
    if open_record is not None:
        return open_record
    code = "zendesk.several-to-show" if numbers else "zendesk.nobody-to-show"
    return Rejected(reason(code, count=len(numbers)) if numbers else reason(code))


async def _users(api: Api, popup: Popup) -> list[str]:
    """The ids of the users who have the caller's number."""
    contact, public = popup.contact, popup.call.caller.e164
    if contact is not None and contact.crm == api.session.name and contact.status is ContactStatus.ONE:
        return [one.id for one in contact.records if one.type == users.USER and wire.ID.fullmatch(one.id)]
    if public is None:
        return []
    found = await api.search(public)
    return [one.id for one in found.records if users.has_number(one, public)]


def _clicked(popup: Popup) -> Target | None:
    record = popup.record or {}
    kind, number = str(record.get("type", "")), str(record.get("id", ""))
    return (kind, number) if kind in ("user", "ticket") and wire.ID.fullmatch(number) else None


def path(agent_id: str, target: Target) -> str:
    """Where the display is asked for."""
    kind, number = target
    return f"/api/v2/channels/voice/agents/{agent_id}/{wire.PAGES[kind]}/{number}/display.json"


def judge(reply: Reply, now: datetime, target: Target) -> Result:
    """200: it was brought to the agent's browser. 404: one of the two ids is none."""
    status = reply.status
    if 200 <= status < 300:
        return Delivered("/".join(target))
    if status == 429:
        return Retry(wire.waiting(reply, now), reason("zendesk.too-often"))
    if status >= 500:
        return Retry(wire.waiting(reply, now), reason("zendesk.not-working", status=status))
    if status == 404:
        return Rejected(reason("zendesk.not-displayed"))
    if status == 403:
        return Rejected(reason("zendesk.no-talk-partner"))
    return Rejected(wire.refusal(reply))
