"""What a proven click of HubSpot's asks: of the app's card, of a workflow, or a link; pure.

HubSpot adds who clicked, on which record and in which account to the address of the card's request; the signature
covers address and body. It proves the app, which may be installed in other accounts too: these are refused.
"""

from collections.abc import Mapping
from typing import Any

from bridge.core.errors import BadSignature, Malformed
from bridge.core.http_types import Incoming
from bridge.core.reasons import Reason
from bridge.crm.clicks import MAX_KEY_CHARACTERS, asked, fields_of, idempotency_key, text
from bridge.crm.contract import ClickRequest
from bridge.crm.hubspot import proof, wire
from bridge.crm.hubspot.account import Account
from bridge.crm.proofs import check_token

OF_HUBSPOT = {"agent": ("useremail", "userEmail", "userid", "userId")}
PORTAL = ("portalid", "portalId")
OBJECT_TYPE, OBJECT_ID = ("associatedobjecttype", "associatedObjectType"), ("associatedobjectid", "associatedObjectId")


def read_click(account: Account, incoming: Incoming) -> ClickRequest:
    """What the click asks, once its sender is proven. A request that claims a signature stands or falls by it."""
    if proof.is_signed(incoming):
        fingerprint = proof.check(account.client_secret, incoming).fingerprint
        signed = incoming.headers[proof.SIGNATURE]
    else:
        fingerprint, signed = check_token(account.click_token, incoming, in_body=True), ""
    fields = {**({} if incoming.method == "GET" else fields_of(incoming)), **incoming.query}
    if _first(fields, PORTAL) not in (None, str(account.portal_id)):
        raise BadSignature(Reason("hubspot.other-account"))
    known = {"agent": _first(fields, OF_HUBSPOT["agent"]) or fields.get("agent"), "record": _record(account, fields)}
    return asked({**fields, **known}, _key(fields, signed, incoming), fingerprint)


def _key(fields: Mapping[str, Any], signed: str, incoming: Incoming) -> str | None:
    """The press that the card counts; else the signature, which HubSpot's own repeat of a request has too."""
    press = text(fields, "press_id")
    key = f"press:{press}" if press else f"signature:{signed}" if signed else idempotency_key(incoming)
    if key is not None and len(key) > MAX_KEY_CHARACTERS:
        raise Malformed(f"press_id must have at most {MAX_KEY_CHARACTERS - len('press:')} characters")
    return key


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of these fields that is there."""
    return next((found for name in names if (found := text(fields, name)) is not None), None)


def _record(account: Account, fields: Mapping[str, Any]) -> Any:
    """The record that was open. What is none of HubSpot's is left out: the click counts without it."""
    kind, number = wire.type_of(_first(fields, OBJECT_TYPE) or ""), _first(fields, OBJECT_ID)
    if kind is None or number is None or not wire.ID.fullmatch(number):
        return fields.get("record")
    return {"type": kind, "id": number, "url": wire.page(account, kind, number)}
