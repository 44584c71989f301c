"""Kamailio's JSON-RPC: questions out, answers back; pure. Source: answers of a real 5.6, its pages on dialog.

Errors come with HTTP 4xx or 500 and a JSON body; a question that it cannot read is answered by closing the connection.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.core.errors import PbxRefused, PbxUnintelligible
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.pbx.contract import Listing
from bridge.pbx.kamailio.calls import Rules, listing
from bridge.pbx.kamailio.dialogs import Dialog, mapping, text
from bridge.pbx.reading import check_status, decoded, quoted, read_json

SYSTEM = "Kamailio"
DIALOGS, REGISTERED, HARMLESS = "dlg.list", "ul.dump", "core.version"
"""Methods: live calls, registered users, and one that popbridge has no use for."""
NO_METHOD = "Method Not Found"


@dataclass(frozen=True, slots=True)
class Access:
    """Where and as whom it is asked."""

    url: str
    username: str | None
    password: Secret | None


def ask(access: Access, method: str, *params: str) -> Request:
    """A question. The script may ask for HTTP Basic: Kamailio itself knows no users here."""
    asked = {"jsonrpc": "2.0", "method": method, **({"params": params} if params else {}), "id": 1}
    headers = {"Content-Type": "application/json"}
    if access.password is not None:
        proof = b64encode(f"{access.username}:{access.password.reveal()}".encode()).decode()
        headers["Authorization"] = f"Basic {proof}"
    return Request("POST", f"{access.url}/RPC", headers, json.dumps(asked, separators=(",", ":")).encode())


def read_calls(reply: Reply, pbx: str, rules: Rules, access: Access) -> Listing:
    """Each call under each extension that has part in it."""
    return listing(read_dialogs(reply, access), pbx, rules)


def read_dialogs(reply: Reply, access: Access) -> list[Dialog]:
    """What it tracks, the calls that have just ended among them."""
    rows = result(reply, access)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PbxUnintelligible(reason("kamailio.no-list"))
    return [Dialog.read(row) for row in rows]


def read_registered(reply: Reply, rules: Rules, access: Access) -> frozenset[str] | None:
    """The users who are registered; None where there is no `usrloc`, or the script does not let ask for it."""
    try:
        found = result(reply, access)
    except PbxRefused:
        if reply.status == 403 or _is_no_method(reply):
            return None
        raise
    return frozenset(user for name in _names(found) if (user := rules.user(name)))


def _names(found: object) -> list[str]:
    """The AoRs of all domains of `ul.dump brief`: `101`, or `101@example.com`."""
    if not isinstance(found, dict) or not isinstance(found.get("Domains"), list):
        raise PbxUnintelligible(reason("kamailio.not-users"))
    rows = (mapping(row, "AoRs") for domain in found["Domains"] for row in _rows(mapping(domain, "Domain")))
    return [text(row.get("AoR")) or text(mapping(row, "Info").get("AoR")) for row in rows]


def _rows(domain: Mapping[str, Any]) -> Sequence[Any]:
    rows = domain.get("AoRs")
    if not isinstance(rows, list):
        raise PbxUnintelligible(reason("kamailio.not-users"))
    return rows


def result(reply: Reply, access: Access) -> Any:
    """What was asked for. An error is told by its own words, without the credentials."""
    body = _body(reply)
    error = body.get("error")
    if isinstance(error, dict) and text(error.get("message")) == NO_METHOD:
        raise PbxRefused(reason("kamailio.no-method", status=reply.status))
    if isinstance(error, dict):
        raise PbxRefused(reason("kamailio.refused", status=reply.status, message=_quoted(error, access)))
    check_status(reply, SYSTEM)
    if "result" not in body:
        raise PbxUnintelligible(reason("kamailio.not-rpc"))
    return body["result"]


def _body(reply: Reply) -> Mapping[str, Any]:
    """The JSON object. A caller's name in another encoding makes it no UTF-8: the name alone is read otherwise."""
    try:
        found = read_json(decoded(reply.body, reply.headers.get("content-type", "")), strict=False)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        check_status(reply, SYSTEM)
        raise PbxUnintelligible(reason("kamailio.not-json"))
    return found


def _is_no_method(reply: Reply) -> bool:
    return NO_METHOD.encode() in reply.body[:200]


def _quoted(error: Mapping[str, Any], access: Access) -> str:
    """The vendor's words, fit to be shown."""
    password = access.password.reveal() if access.password else ""
    return quoted(text(error.get("message")), password, access.username or "") or "-"
