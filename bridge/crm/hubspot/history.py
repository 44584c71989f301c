"""Writing calls and notes into HubSpot: one call per call and agent, made once and then changed.

HubSpot has no key by which it could tell a repeat. So we write down that we are about to make a call before we do; who
comes after a lost answer looks for its mark, at the contact (which knows its calls at once) or by a search (whose index
lags behind).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bridge.core.delivery import Note
from bridge.core.errors import RateLimited, SearchFailed, TokenRefused
from bridge.core.reasons import reason
from bridge.crm.contract import Delivered, Duplicate, Rejected, Result
from bridge.crm.hubspot import calls, wire
from bridge.crm.hubspot.api import Api
from bridge.crm.hubspot.calls import Place

KEPT = timedelta(hours=12)
"""Longer than a call and its note."""
UNSURE = "?"
INDEX_SECONDS = 90.0
"""How far the index of searches may lag behind, and some more. Until then a call that is not found may be there all the
same."""
PLURALS = {"contact": "contacts", "company": "companies"}
MOST_CALLS = 50
Linked = tuple[str, str] | None
"""Type and id of the record that the call belongs to."""


async def keep(api: Api, place: Place, properties: Mapping[str, str], linked: Linked, ref: str | None = None) -> str:
    """The id of the call: made, or the one that there is, changed."""
    known = ref if ref and wire.ID.fullmatch(ref) else await _known(api, place, linked)
    if known is None:
        return await _make(api, place, properties, linked)
    changed = {name: value for name, value in properties.items() if name != "hs_call_body"}
    await _change(api, known, changed)
    if linked is not None:
        await _link(api, place, known, linked)
    return known


async def _known(api: Api, place: Place, linked: Linked) -> str | None:
    known = await api.session.recall(place.key("call"))
    if known is None or not known.startswith(UNSURE):
        return known
    begun, joined = _begun(known, linked)
    found = await _find(api, place, joined)
    if found is not None:
        await api.session.remember(place.key("call"), found, KEPT)
    elif joined is None and api.session.now.timestamp() < begun + INDEX_SECONDS:
        raise SearchFailed(reason("hubspot.not-indexed"))
    return found


def _begun(known: str, linked: Linked) -> tuple[float, Linked]:
    """When the call was about to be made, and the record that it was to belong to then."""
    _, *told = known.split(" ")
    if not told:  # as earlier versions kept it
        return 0.0, linked
    return float(told[0]), (told[1], told[2]) if len(told) == 3 else None


async def _find(api: Api, place: Place, linked: Linked) -> str | None:
    """The call with our mark, if it was made."""
    if linked is not None and linked[0] in PLURALS:
        at = await api.find(PLURALS[linked[0]], linked[1], "?associations=calls")
        ids = [number for number in map(wire.id_of, _associated(at or {})) if number]
        newest = sorted(ids, key=int, reverse=True)[:MOST_CALLS]
        body = {"properties": ["hs_call_body"], "inputs": [{"id": number} for number in newest]}
        path = wire.path("calls", "/batch/read")
        items = wire.listed(await api.ask("POST", path, body, repeatable=True)) if newest else []
    else:
        wanted = {"propertyName": "hs_call_body", "operator": "CONTAINS_TOKEN", "value": place.mark}
        body = {"filterGroups": [{"filters": [wanted]}], "properties": ["hs_call_body"], "limit": 5, "after": "0"}
        items = wire.listed(
            await api.ask("POST", wire.path("calls", "/search"), {**body, "sorts": []}, repeatable=True)
        )
    ours = (wire.id_of(one.get("id")) for one in items if place.mark in str(wire.properties(one).get("hs_call_body")))
    return next((number for number in ours if number), None)


def _associated(item: Mapping[str, Any]) -> list[Any]:
    """The ids of its calls."""
    inside: Any = item
    for name in ("associations", "calls", "results"):
        inside = inside.get(name) if isinstance(inside, dict) else None
    return [one.get("id") for one in inside if isinstance(one, dict)] if isinstance(inside, list) else []


async def _make(api: Api, place: Place, properties: Mapping[str, str], linked: Linked) -> str:
    joined = [calls.association(*linked)] if linked is not None and linked[0] in calls.ASSOCIATIONS else []
    begun = (UNSURE, str(int(api.session.now.timestamp())), *(linked if joined and linked else ()))
    await api.session.remember(place.key("call"), " ".join(begun), KEPT)
    try:
        number = wire.made(
            await api.ask("POST", wire.path("calls"), {"properties": properties, "associations": joined})
        )
    except (SearchFailed, RateLimited, TokenRefused) as refused:
        if refused.reason.code not in wire.PASSING:  # it said no: there is nothing that the search could not find yet
            await api.session.remember(place.key("call"), " ".join((UNSURE, "0", *begun[2:])), KEPT)
        raise
    await api.session.remember(place.key("call"), number, KEPT)
    if joined and linked is not None:
        await api.session.remember(place.key("linked"), " ".join(linked), KEPT)
    return number


async def _link(api: Api, place: Place, number: str, linked: tuple[str, str]) -> None:
    """Join the call to its record, where it was made before that was known. Twice does no harm."""
    if await api.session.recall(place.key("linked")) == " ".join(linked) or linked[0] not in calls.ASSOCIATIONS:
        return
    kind = calls.ASSOCIATIONS[linked[0]]
    await api.ask("PUT", wire.path("calls", f"/{number}/associations/{linked[0]}/{linked[1]}/{kind}"), repeatable=True)
    await api.session.remember(place.key("linked"), " ".join(linked), KEPT)


async def _change(api: Api, number: str, properties: Mapping[str, str]) -> None:
    await api.ask("PATCH", wire.path("calls", f"/{number}"), {"properties": properties}, repeatable=True)


async def note(api: Api, place: Place, told: Note, delivery_id: str) -> Result:
    """A note at the end of its call's body, once."""
    number = await _known(api, place, None)
    item = await api.find("calls", number, "?properties=hs_call_body") if number is not None else None
    if number is None or item is None:
        return Rejected(reason("hubspot.no-call"))
    body = str(wire.properties(item).get("hs_call_body") or "")
    if delivery_id in body:
        return Duplicate(number)
    await _change(api, number, {"hs_call_body": calls.noted(body, told, delivery_id)})
    return Delivered(number)


async def over(api: Api, place: Place, properties: Mapping[str, str]) -> None:
    """What is different once the call is over, if there is a call of ours."""
    number = await _known(api, place, None)
    if number is None:
        return
    try:
        await _change(api, number, properties)
    except SearchFailed as failed:
        if failed.reason.params.get("status") != 404:  # somebody has deleted it
            raise
