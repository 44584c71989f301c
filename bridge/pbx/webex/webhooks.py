"""The webhook that brings Webex's events, as popbridge keeps it; pure. Source: the vendor's guides, Register and Manage
Webhooks (webhooks of an organization) and Call Control (Service Apps), and its OpenAPI files.

One webhook, owned by the organization, brings the calls of all its members. One whose address has failed too often is
`inactive` until it is made `active` again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from bridge.core.errors import PbxRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.pbx.fields import message_of, written
from bridge.pbx.webex.answers import answer, rows
from bridge.pbx.webex.events import RESOURCE
from bridge.pbx.webex.wire import HEADERS

WEBHOOKS = "/v1/webhooks"
ACTIVE, ALL, ORGANIZATION = "active", "all", "org"


@dataclass(frozen=True, slots=True)
class Hook:
    """One of those there are for calls. `address` is without its query."""

    its_id: str
    address: str
    is_active: bool


def ask_list(base_url: str) -> Request:
    """Those of the organization."""
    return Request("GET", f"{base_url}{WEBHOOKS}?ownedBy={ORGANIZATION}&max=100", HEADERS)


def read_list(reply: Reply, address: str) -> list[Hook]:
    """Those for calls that come to this address, active ones first. Raises `PbxError`."""
    listed = [
        row for row in rows(answer(reply), "items") if row.get("resource") == RESOURCE and row.get("event") == ALL
    ]
    found = [
        Hook(written(row.get("id")), _bare(written(row.get("targetUrl"))), row.get("status") == ACTIVE)
        for row in listed
    ]
    return sorted((one for one in found if one.its_id and one.address == address), key=lambda one: not one.is_active)


def ask_new(base_url: str, name: str, address: str, secret: Secret) -> Request:
    """To make it."""
    said = {"resource": RESOURCE, "event": ALL, "ownedBy": ORGANIZATION}
    return _with_body("POST", f"{base_url}{WEBHOOKS}", {**_own(name, address, secret), **said})


def ask_revival(base_url: str, one: Hook, name: str, secret: Secret) -> Request:
    """To make one active again."""
    said = {**_own(name, one.address, secret), "status": ACTIVE, "ownedBy": ORGANIZATION}
    return _with_body("PUT", f"{base_url}{WEBHOOKS}/{quote(one.its_id, safe='')}", said)


def check_done(reply: Reply) -> None:
    """Raises `PbxError` unless it was done."""
    if reply.status == 400:
        raise PbxRefused(reason("webex.webhook-refused", message=message_of(reply)))
    answer(reply)


def first(found: Sequence[Hook]) -> Hook | None:
    """The one that serves, or could."""
    return found[0] if found else None


def _own(name: str, address: str, secret: Secret) -> dict[str, str]:
    return {"name": f"popbridge {name}", "targetUrl": address, "secret": secret.reveal()}


def _with_body(method: str, url: str, body: dict[str, str]) -> Request:
    return Request(method, url, {**HEADERS, "Content-Type": "application/json"}, json.dumps(body).encode())


def _bare(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/"), query="", fragment=""))
