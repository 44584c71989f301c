"""What a proven click of Bitrix24's asks; pure.

The application's button posts a form that holds the application's token, the record that is open, and an access token
of whoever clicked: who that is has to be asked for (`who_clicked`). A link, a script or an automation rule names the
agent itself and brings `click_token`; so may the button's address, for portals whose form lacks the application's
token.
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bridge.core.errors import BadSignature, Malformed, UnsupportedMediaType
from bridge.core.http_types import Incoming, Secret
from bridge.core.reasons import Reason, reason
from bridge.crm.bitrix24 import wire
from bridge.crm.bitrix24.account import Account
from bridge.crm.clicks import NAMES, asked, fields_of, idempotency_key, json_object, text
from bridge.crm.contract import ClickRequest
from bridge.crm.proofs import offered, why_no_token

PLACES = {f"CRM_{kind}_DETAIL_TOOLBAR": kind for kind in wire.PAGES}
MAX_VOUCHER_CHARACTERS = 200
KNOWN_FOR = timedelta(minutes=30)
"""How long the user of a token is taken to be known; the token itself lives for an hour, and comes with each click."""


def read_click(account: Account, incoming: Incoming) -> ClickRequest:
    """What the click asks, once its sender is proven."""
    proof = _proven(account, incoming)
    fields = incoming.query if incoming.method == "GET" else {**incoming.query, **fields_of(incoming)}
    key = None if incoming.method == "GET" else idempotency_key(incoming)
    if "PLACEMENT" not in fields:
        return asked({**fields, "record": fields.get("record") or _record(account, fields)}, key, proof)
    agent, extension, ivrid = (text(fields, name) for name in NAMES)
    if agent is None and extension is None and voucher(incoming) is None:
        raise Malformed("AUTH_ID must be there: it says who clicked")
    return ClickRequest(agent, extension, ivrid, _record(account, fields), key, proof)


def _proven(account: Account, incoming: Incoming) -> str:
    """The fingerprint of the token that proves the sender. Raises `BadSignature`."""
    form = _form(incoming)
    told = form.get("APPLICATION_TOKEN") or wire.inside(form.get("auth")).get("application_token")
    if account.application_token is not None and isinstance(told, str) and account.application_token.matches(told):
        return account.application_token.fingerprint
    token = offered(incoming, in_body=True)
    if token is not None and account.click_token is not None and account.click_token.matches(token.token):
        return account.click_token.fingerprint
    raise BadSignature(_why_refused(account) if told else why_no_token(account.click_token, incoming, token))


def _why_refused(account: Account) -> Reason:
    """Why an application's token proves nothing, for the operator."""
    if account.application_token is None:
        return reason("proof-no-secret-set", setting="application_token")
    return Reason("bitrix24.other-application")


def _form(incoming: Incoming) -> Mapping[str, Any]:
    """The body's fields; nothing where they cannot be read: that is told once the sender is proven."""
    try:
        return fields_of(incoming) if incoming.method != "GET" else {}
    except (Malformed, UnsupportedMediaType):
        return {}


def voucher(incoming: Incoming) -> Secret | None:
    """The access token of whoever clicked; None where there is none."""
    told = _form(incoming).get("AUTH_ID")
    is_one = isinstance(told, str) and told.isascii() and told.isalnum() and len(told) <= MAX_VOUCHER_CHARACTERS
    return Secret(told) if is_one and isinstance(told, str) else None


def memory_of(token: Secret) -> str:
    """Under which the user of a token is remembered; the token cannot be told from it."""
    return f"sender {hashlib.sha256(token.reveal().encode()).hexdigest()}"


def agent_in(told: Mapping[str, Any]) -> str:
    """Who that is: the e-mail address where we may see it, else the id. Raises `BadSignature` where it is nobody."""
    number = wire.id_of(told.get("ID"))
    if number is None or told.get("ACTIVE") is False:
        raise BadSignature(Reason("bitrix24.nobody"))
    return wire.text(told.get("EMAIL")) or number


def _record(account: Account, fields: Mapping[str, Any]) -> dict[str, object] | None:
    """The record that was open. What is none of Bitrix24's is left out: the click counts without it."""
    kind = PLACES.get(text(fields, "PLACEMENT") or "", "")
    options = fields.get("PLACEMENT_OPTIONS")
    try:
        told = json_object(options, "PLACEMENT_OPTIONS") if isinstance(options, str) else wire.inside(options)
    except Malformed:
        return None
    number = wire.id_of(told.get("ID"))
    return {"type": kind, "id": number, "url": wire.page(account.base_url, kind, number)} if kind and number else None
