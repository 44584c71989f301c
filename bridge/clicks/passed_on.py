"""A call that a colleague passed on: from whom it comes, and what the agents before were shown and wrote."""

import logging
from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError

from bridge.core.delivery import Note
from bridge.core.json_codec import as_json
from bridge.core.model import PassedOn, Popup
from bridge.services import Services
from bridge.store.calls import popups, shared
from bridge.store.calls.shared import Had
from bridge.store.client import TextRedis
from bridge.store.desktop import notes

log = logging.getLogger(__name__)


async def passed_on(popup: Popup, services: Services) -> PassedOn | None:
    """Where the popup's call comes from, if an agent of the same CRM had it before; None otherwise.

    Known by the id of the first call, or, where the phone system is listened to, by somebody else having answered it.
    """
    call, agent = popup.call, popup.agent
    if not agent.crm_user or not (call.original_ivrid or services.has_events(call.pbx)):
        return None
    try:
        had = await shared.had_by(services.redis, agent.crm, call)
        before = _before([one for one in had if one.agent.crm_user != agent.crm_user], bool(call.original_ivrid))
        return await _told(before, popup, services.redis) if before else None
    except (RedisError, OSError):
        log.warning("a popup does not say from whom its call comes: redis is away")
        return None


def _before(others: Sequence[Had], has_first: bool) -> list[Had]:
    """What is known of those who really had it: who has answered it; else the only one whom the first call was shown.
    Others of a ring group were shown it too."""
    talked = {one.agent.crm_user for one in others if one.talked}
    if not talked and has_first and len({one.agent.crm_user for one in others}) == 1:
        return list(others)
    return [one for one in others if one.agent.crm_user in talked]


async def _told(before: Sequence[Had], popup: Popup, redis: TextRedis) -> PassedOn:
    shown = [one.popup_id for one in before if one.popup_id]
    found = await popups.popup(redis, shown[0]) if shown else None
    first, last = found[0] if found else popup, before[-1].agent
    return PassedOn(
        by=last.name or last.crm_user,
        extension=last.extension,
        ivrid=first.call.ivrid if found else popup.call.original_ivrid or popup.call.ivrid,
        caller=first.call.caller,
        did=first.call.did,
        did_label=first.call.did_label,
        contact=first.contact if found else None,
        popup_ids=tuple(shown),
    )


async def as_known_now(passed: PassedOn, redis: TextRedis) -> dict[str, Any]:
    """The same as JSON, with the contact as it is known by now, and the notes that were sent on it, oldest first."""
    written: dict[str, Note] = {}
    contact = passed.contact
    for popup_id in passed.popup_ids:
        written |= await notes.written(redis, popup_id)
        found = await popups.popup(redis, popup_id)
        if found and (contact is None or not contact.records):
            contact = found[0].contact
    told = sorted(written.values(), key=lambda note: note.noted_at)
    return {**as_json(passed), "contact": as_json(contact), "notes": [_note(note) for note in told]}


def _note(note: Note) -> dict[str, Any]:
    by = note.agent.name or note.agent.crm_user
    return {"by": by, "text": note.text, "outcome": note.outcome, "noted_at": as_json(note.noted_at)}
