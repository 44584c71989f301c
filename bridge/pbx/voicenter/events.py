"""Voicenter's notifications: the pop-up screen's for each phase of a call, and the record of one that has ended; pure.

Source: the vendor's pages on pop-up screens and on CDR notifications. They are not signed, may come from Voicenter or
from the agent's browser, may come twice, and phases may be missing: so each only says whose calls to ask for again.
"""

import json
from urllib.parse import parse_qsl

from bridge.core.http_types import Incoming, Response, Secret
from bridge.core.text import one_line
from bridge.pbx.contract import AskAgain
from bridge.pbx.event_proof import prove_by_address

EXTENSION, ENDED = "extenUser", ("ivruniqueid", "callerextension", "targetextension")
OK, RECORDED = b'{"STATUS":"OK"}', b'{"Err":0,"Errdesc":"OK"}'
HEADERS = {
    "Content-Type": "application/json",
    "Access-Control-Allow-Origin": "chrome-extension://ifiaikfdhcagbagdeflffjdammidpbio",
    "Access-Control-Allow-Headers": "Content-Type",
}
"""The vendor's extension for Chrome sends them from the agent's browser."""


def read_event(secret: Secret | None, incoming: Incoming) -> AskAgain | Response:
    """Whose calls to ask for again. Raises `BadSignature`."""
    if incoming.method == "OPTIONS":
        return Response(204, HEADERS)
    prove_by_address(secret, incoming)
    fields = _fields(incoming)
    names = (fields.get(EXTENSION), *(fields.get(name) for name in ENDED[1:]))
    return AskAgain(frozenset(one_line(name) for name in names if isinstance(name, str) and name.strip()))


def answer(incoming: Incoming) -> Response:
    """What each of the two wants to hear: anything else is an error there."""
    return Response(200, HEADERS, RECORDED if ENDED[0] in _fields(incoming) else OK)


def _fields(incoming: Incoming) -> dict[str, object]:
    """What it says, by JSON, by a form or in the address; nothing where it cannot be read."""
    body = incoming.body.decode("utf-8", "replace").strip()
    if body.startswith("{"):
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = {}
        return found if isinstance(found, dict) else {}
    return {**incoming.query, **_in_names(incoming), **dict(parse_qsl(body))}


def _in_names(incoming: Incoming) -> dict[str, object]:
    """Query names come in lower case."""
    names = {name.lower(): name for name in (EXTENSION, *ENDED)}
    return {names[name]: value for name, value in incoming.query.items() if name in names}
