"""What the Open API is asked, and the list of extensions; pure. Source: the vendor's P-Series developer guide.

The access token stands in the address of every question: in a header it is ignored. Without a `User-Agent` nothing is
answered, whatever its value.
"""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.text import without_marks
from bridge.pbx.fields import written
from bridge.pbx.yeastar import answers

PATH = "/openapi/v1.0"
CALLS, EXTENSIONS = "call/query", "extension/list"
TYPES = ("inbound", "outbound", "internal")
"""The communication types that calls can be asked for by."""
PAGE_SIZE = 500
HEADERS = {"User-Agent": "OpenAPI", "Accept": "application/json"}


def ask(api: str, interface: str, token: Secret, fields: Mapping[str, str]) -> Request:
    """A question."""
    asked = urlencode({"access_token": token.reveal(), **fields})
    return Request("GET", f"{api}/{interface}?{asked}", HEADERS)


def subscribe(api: str, token: Secret) -> Request:
    """Where the websocket is."""
    return Request("GET", f"{api}/subscribe?{urlencode({'access_token': token.reveal()})}", HEADERS)


def page(number: int) -> dict[str, str]:
    """One page of a list, in an order that stays."""
    return {"page": str(number), "page_size": str(PAGE_SIZE), "sort_by": "number", "order_by": "asc"}


def ask_token(api: str, identity: str, secret: Secret, refresh: Secret | None) -> Request:
    """A log-in, or a new pair of tokens for a refresh token."""
    interface = "get_token" if refresh is None else "refresh_token"
    login = {"username": identity, "password": secret.reveal()}
    body = login if refresh is None else {"refresh_token": refresh.reveal()}
    headers = {**HEADERS, "Content-Type": "application/json"}
    return Request("POST", f"{api}/{interface}", headers, json.dumps(body).encode())


def read_extensions(reply: Reply, secret: Secret) -> tuple[frozenset[str], int]:
    """The numbers on one page of `extension/list`, and how many there are in all."""
    found = answers.answer(reply, secret)
    rows = answers.objects(found.get("data"), "data")
    numbers = frozenset(number for row in rows if (number := without_marks(written(row.get("number")))))
    total = found.get("total_number")
    return numbers, total if isinstance(total, int) else len(numbers)
