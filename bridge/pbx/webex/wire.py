"""What Webex's API is asked; pure. Source: the vendor's OpenAPI files (webex/webex-openapi-specs).

The API knows who has calls as a member: a person, a workspace or a virtual line. Which member an extension is of, the
list of numbers tells.
"""

import re
from urllib.parse import quote, urlencode

from bridge.core.errors import PbxRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.core.text import without_marks
from bridge.pbx.fields import mapping, written
from bridge.pbx.webex.answers import answer, rows

TOKEN, NUMBERS, MEMBERS = "/v1/access_token", "/v1/telephony/config/numbers", "/v1/telephony/calls/members"
OWNERS = frozenset({"PEOPLE", "PLACE", "VIRTUAL_LINE"})
"""Owners of numbers that have calls of their own: queues and menus have none."""
PAGE_SIZE = 2000
LONGEST = 200
ID = re.compile(r"[A-Za-z0-9_=-]{1,200}")
HEADERS = {"Accept": "application/json"}


def ask_numbers(base_url: str, location: str | None, extension: str | None, start: int = 0) -> Request:
    """The numbers of all members, or (with an extension) of those who have it."""
    asked = {"extension": extension} if extension is not None else {"max": str(PAGE_SIZE), "start": str(start)}
    return Request(
        "GET", f"{base_url}{NUMBERS}?{urlencode(asked | ({'locationId': location} if location else {}))}", HEADERS
    )


def ask_calls(base_url: str, member: str) -> Request:
    """The calls of one member."""
    return Request("GET", f"{base_url}{MEMBERS}/{quote(member, safe='')}/calls", HEADERS)


def ask_token(base_url: str, client_id: str, secret: Secret, refresh: Secret) -> Request:
    """A new access token: a Service App has no other way to one."""
    fields = {"grant_type": "refresh_token", "client_id": client_id, "client_secret": secret.reveal()}
    headers = {**HEADERS, "Content-Type": "application/x-www-form-urlencoded"}
    return Request(
        "POST", f"{base_url}{TOKEN}", headers, urlencode({**fields, "refresh_token": refresh.reveal()}).encode()
    )


def read_members(reply: Reply) -> tuple[dict[str, frozenset[str]], int]:
    """The members of each extension, and how many rows the page has. Raises `PbxError`."""
    listed = rows(answer(reply), "phoneNumbers")
    found: dict[str, frozenset[str]] = {}
    for row in listed:
        extension, member = without_marks(written(row.get("extension"))[:LONGEST]), _member(row.get("owner"))
        if extension and member:
            found[extension] = found.get(extension, frozenset()) | {member}
    return found, len(listed)


def only(members: frozenset[str], extension: str) -> str | None:
    """The one member who has the extension; None: nobody. Raises `PbxRefused` where several locations have it."""
    if len(members) > 1:
        raise PbxRefused(reason("webex.several", extension=extension, count=len(members)))
    return next(iter(members), None)


def _member(owner: object) -> str:
    said = mapping(owner)
    its_id = written(said.get("id"))
    return its_id if written(said.get("type")) in OWNERS and ID.fullmatch(its_id) else ""
