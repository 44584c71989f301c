"""Calls in Odoo's history: one message in the chatter of the caller's record, written once and changed from then on."""

from bridge.core.delivery import CallEnd, Note
from bridge.core.errors import SearchFailed
from bridge.core.reasons import Reason
from bridge.crm.contract import Delivered, Duplicate, Rejected, Result
from bridge.crm.odoo import texts, wire
from bridge.crm.odoo.api import KEPT, Api

UNSURE = "?"


async def keep(api: Api, call: CallEnd, model: str, record_id: int, language: str, agent: str, ref: str | None) -> str:
    """Write the call, or change what was written of it; the message's id."""
    where = f"message {call.pbx} {call.ivrid} {agent}"
    known = int(ref) if ref and ref.isdecimal() else await _find(api, where, call.ivrid, model, record_id)
    text = texts.history(call, language)
    if known is not None and await _changed(api, known, text):
        return str(known)
    await api.session.remember(where, UNSURE, KEPT)
    made = wire.made(await api.call(model, "message_post", [record_id], body=text))
    await api.session.remember(where, str(made), KEPT)
    return str(made)


async def note(api: Api, told: Note, delivery_id: str, language: str) -> Result:
    """An agent's note, in the chatter of the record that the popup was about."""
    where = f"note {delivery_id}"
    if await api.session.recall(where) is not None:
        return Duplicate()
    linked = (await api.session.recall(about(told.agent.pbx, told.ivrid)) or "").split(" ")
    if len(linked) != 2 or not linked[1].isdecimal():
        return Rejected(Reason("odoo.no-record"))
    made = wire.made(await api.call(linked[0], "message_post", [int(linked[1])], body=texts.note(told, language)))
    await api.session.remember(where, str(made), KEPT)
    return Delivered(str(made))


def about(pbx: str, ivrid: str) -> str:
    """Under which the caller's record is remembered."""
    return f"record {pbx} {ivrid}"


async def _find(api: Api, where: str, ivrid: str, model: str, record_id: int) -> int | None:
    known = await api.session.recall(where)
    if known != UNSURE:
        return int(known) if known and known.isdecimal() else None
    domain = [["model", "=", model], ["res_id", "=", record_id], ["body", "ilike", texts.mark(ivrid)]]
    listed = await api.find("mail.message", domain, ["id", "body"])
    ids = [one["id"] for one in listed if texts.has_mark(wire.text(one.get("body")), ivrid)]
    return int(ids[0]) if ids else None


async def _changed(api: Api, message_id: int, text: str) -> bool:
    """Whether the message is still there, and says so now."""
    try:
        await api.call("mail.message", "write", [message_id], {"body": text})
    except SearchFailed as failed:
        if failed.reason.code == "odoo.gone":
            return False
        raise
    return True
