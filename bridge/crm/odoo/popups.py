"""Popups in Odoo: a toast (module web_notify) or a call to do in the agent's activities; and what becomes of it."""

from typing import Any

from bridge.core.errors import SearchFailed
from bridge.core.model import Call, Popup
from bridge.core.reasons import Reason, say
from bridge.crm.contract import Delivered, Duplicate, RecipientUnknown, Rejected, Result
from bridge.crm.odoo import texts, wire
from bridge.crm.odoo.api import KEPT, Api
from bridge.crm.odoo.contacts import PARTNER

UNSURE, DONE = "?", "done"
"""Remembered before an activity is made, and when it is over."""
TOAST_FAILURES = {"odoo.refused": "odoo.toast-refused", "odoo.no-method": "odoo.no-toasts"}
Linked = tuple[str, int, str] | None
"""The caller's record: model, id and name."""


async def toast(api: Api, popup: Popup, delivery_id: str, agent: int, contact: Linked, language: str) -> Result:
    """A toast on every page of Odoo that the agent has open. A repeat after a lost answer is shown again: Odoo keeps
    nothing of it."""
    if await api.session.recall(f"toast {delivery_id}") is not None:
        return Duplicate()
    title, message = texts.toast(popup.call, contact[2] if contact else "", language)
    told: dict[str, Any] = {"message": message, "title": title, "sticky": True}
    if contact:
        told["action"] = _opening(contact, say(Reason("odoo.open"), language))
    try:
        await api.call("res.users", "notify_info", [agent], **told)
    except SearchFailed as failed:
        return _toast_failure(failed)
    await api.session.remember(f"toast {delivery_id}", "shown", KEPT)
    return Delivered()


def _toast_failure(failed: SearchFailed) -> Result:
    code = failed.reason.code
    if code == "odoo.gone":
        return RecipientUnknown()
    if code not in TOAST_FAILURES:
        raise failed
    return Rejected(Reason(TOAST_FAILURES[code], failed.reason.params))


def _opening(contact: Linked, label: str) -> dict[str, Any]:
    """What the toast's button opens. Without a name for the button the page breaks (measured)."""
    model, record_id, _ = contact or ("", 0, "")
    opening = {"type": "ir.actions.act_window", "res_model": model, "res_id": record_id, "views": [[False, "form"]]}
    return {**opening, "context": {"params": {"button_name": label}}}


def place(pbx: str, ivrid: str, agent: int) -> str:
    """Under which the activity of a call and agent is remembered."""
    return f"activity {pbx} {ivrid} {agent}"


async def activity(api: Api, popup: Popup, agent: int, contact: Linked, language: str) -> Result:
    """A call to do, of the agent's, on the caller's record; on the agent's own where the caller is not known."""
    where = place(popup.call.pbx, popup.call.ivrid, agent)
    known = await find(api, where, popup.call.ivrid, agent)
    if known is not None and await _changed(api, known, popup.call, language):
        return Delivered(str(known))
    model, record_id, name = contact or (PARTNER, await _own_record(api, agent), "")
    kind = await _kind(api)
    told: dict[str, Any] = {
        "res_model_id": await _model_id(api, model),
        "res_id": record_id,
        **({"activity_type_id": kind} if kind else {}),
        "summary": texts.summary(popup.call, language),
        "user_id": agent,
        "note": texts.activity_note(popup.call, popup.popup_id, name, language),
    }
    await api.session.remember(where, UNSURE, KEPT)
    made = wire.made(await api.call("mail.activity", "create", told))
    await api.session.remember(where, str(made), KEPT)
    return Delivered(str(made))


async def find(api: Api, where: str, ivrid: str, agent: int) -> int | None:
    """The activity that there is for this call: as remembered, or looked for where an answer was lost."""
    known = await api.session.recall(where)
    if known != UNSURE:
        return int(known) if known and known.isdecimal() else None
    domain = [["user_id", "=", agent], ["note", "ilike", texts.mark(ivrid)]]
    listed = await api.find("mail.activity", domain, ["id", "note"])
    ids = [one["id"] for one in listed if texts.has_mark(wire.text(one.get("note")), ivrid)]
    if not ids:
        return None
    await api.session.remember(where, str(ids[0]), KEPT)
    return int(ids[0])


async def _changed(api: Api, activity_id: int, call: Call, language: str) -> bool:
    """Whether it is still there, and says so of the call once more."""
    try:
        await api.call("mail.activity", "write", [activity_id], {"summary": texts.summary(call, language)})
    except SearchFailed as failed:
        if failed.reason.code == "odoo.gone":
            return False
        raise
    return True


async def over(api: Api, pbx: str, ivrid: str, agent: int, feedback: str | None) -> Result:
    """The call is over: the activity is done, with a feedback, or was for nothing (None)."""
    where = place(pbx, ivrid, agent)
    known = await find(api, where, ivrid, agent)
    if known is None:
        return Delivered()
    try:
        if feedback is None:
            await api.call("mail.activity", "unlink", [known])
        else:
            await api.call("mail.activity", "action_feedback", [known], feedback=feedback)
    except SearchFailed as failed:
        if failed.reason.code != "odoo.gone":
            raise
    await api.session.remember(where, DONE, KEPT)
    return Delivered(str(known))


async def _model_id(api: Api, model: str) -> int:
    listed = await _kept(api, f"id of {model}", "ir.model", ["model", "=", model])
    if listed is None:
        raise SearchFailed(Reason("odoo.no-model", {"told": model}))
    return listed


async def _kind(api: Api) -> int | None:
    """The type of activity that is a call."""
    return await _kept(api, "type of calls", "mail.activity.type", ["category", "=", "phonecall"])


async def _kept(api: Api, name: str, model: str, condition: list[Any]) -> int | None:
    """The id of the first record that is so, asked once in this process."""
    if name not in api.session.local:
        listed = await api.find(model, [condition], ["id"], limit=1)
        api.session.local[name] = listed[0]["id"] if listed else None
    known: int | None = api.session.local[name]
    return known


async def _own_record(api: Api, agent: int) -> int:
    listed = await api.find("res.users", [["id", "=", agent]], ["partner_id"])
    partner = listed[0].get("partner_id") if listed else None
    if not isinstance(partner, list) or not partner or not wire.is_id(partner[0]):
        raise SearchFailed(Reason("odoo.gone", {"told": "res.users"}))
    return int(partner[0])
