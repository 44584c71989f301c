"""What RingCentral's API is asked; pure. Source: the vendor's API reference and OpenAPI file.

The API knows an extension by an internal id. Which one an extension's number has, the list of extensions tells.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit, urlunsplit

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.text import without_marks
from bridge.pbx.contract import Person
from bridge.pbx.fields import moment, written
from bridge.pbx.ringcentral.answers import answer, pages, records

API = "/restapi/v1.0"
TOKEN = "/restapi/oauth/token"  # noqa: S105 - an address
ACCOUNT = f"{API}/account/~"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PAGE_SIZE = 1000
LONGEST = 200
ID = re.compile(r"\d{1,30}")
FILTER = re.compile(r"/extension/(\d{1,30})/presence")
HEADERS = {"Accept": "application/json"}


def ask_extensions(base_url: str, number: str | None, page: int = 1) -> Request:
    """The list of extensions, or (with a number) the one that has it. Plan group: Medium."""
    wanted = {"extensionNumber": number} if number is not None else {"page": str(page), "perPage": str(PAGE_SIZE)}
    return Request("GET", f"{base_url}{ACCOUNT}/extension?{urlencode(wanted)}", HEADERS)


def ask_presence(base_url: str, extension_id: str) -> Request:
    """The calls of one extension, by its id. Plan group: Light."""
    return Request("GET", f"{base_url}{ACCOUNT}/extension/{extension_id}/presence?detailedTelephonyState=true", HEADERS)


def ask_all(base_url: str, page: int) -> Request:
    """The calls of all extensions. Plan group: Heavy."""
    wanted = urlencode({"detailedTelephonyState": "true", "page": str(page), "perPage": str(PAGE_SIZE)})
    return Request("GET", f"{base_url}{ACCOUNT}/presence?{wanted}", HEADERS)


def ask_subscriptions(base_url: str) -> Request:
    """The subscriptions to events that this application has. Plan group: Light."""
    return Request("GET", f"{base_url}{API}/subscription", HEADERS)


def ask_token(base_url: str, client_id: str, secret: Secret, jwt: Secret, refresh: Secret | None) -> Request:
    """A log-in by the JWT, or a new pair of tokens for a refresh token. Plan group: Auth."""
    fields = {"grant_type": JWT_GRANT, "assertion": jwt.reveal()}
    if refresh is not None:
        fields = {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}
    headers = {
        **HEADERS,
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": _basic(client_id, secret),
    }
    return Request("POST", f"{base_url}{TOKEN}", headers, urlencode(fields).encode())


def read_id(reply: Reply, number: str) -> str | None:
    """The id of the extension that has this number; None: there is none. Raises `PbxError`."""
    found = ((number_of(one), written(one.get("id"))) for one in records(answer(reply)))
    return next((its_id for its, its_id in found if its == number and ID.fullmatch(its_id)), None)


def read_extensions(reply: Reply) -> tuple[list[Mapping[str, Any]], int]:
    """The rows of one page that have a number, and how many pages there are. Raises `PbxError`."""
    found = answer(reply)
    return [one for one in records(found) if number_of(one)], pages(found)


def number_of(row: Mapping[str, Any]) -> str:
    """The number of an extension in a row of the list."""
    return without_marks(written(row.get("extensionNumber"))[:LONGEST])


def person_of(row: Mapping[str, Any]) -> Person | None:
    """The user of a row, where it names an e-mail address."""
    contact = row.get("contact")
    email = without_marks(written(contact.get("email"))[:LONGEST]) if isinstance(contact, dict) else ""
    return Person(email, number_of(row), without_marks(written(row.get("name"))[:LONGEST])) if email else None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription to events: its state, the extension that its address names, and the ids that it is made for.

    `address` is that without its query; `has_calls`: its events hold the calls; `expires_at`: None where not told.
    """

    status: str
    extension: str
    ids: frozenset[str]
    its_id: str = ""
    address: str = ""
    filters: tuple[str, ...] = ()
    has_calls: bool = False
    expires_at: datetime | None = None


def read_subscriptions(reply: Reply, pbx: str) -> list[Subscription]:
    """Those whose events come to `/events/NAME` of this phone system. Raises `PbxError`."""
    return [one for row in records(answer(reply)) if (one := _subscription(row, pbx))]


def _subscription(row: Mapping[str, Any], pbx: str) -> Subscription | None:
    mode, filters = row.get("deliveryMode"), row.get("eventFilters")
    try:
        address = urlsplit(written(mode.get("address")) if isinstance(mode, dict) else "")
    except ValueError:
        return None
    if unquote(address.path.rstrip("/")).rpartition("/events/")[2] != pbx:
        return None
    named = [written(one) for one in filters] if isinstance(filters, list) else []
    ids = frozenset(found[1] for one in named if (found := FILTER.search(one)))
    extension = parse_qs(address.query).get("extension", [""])[0]
    return Subscription(
        written(row.get("status")),
        extension,
        ids,
        its_id=written(row.get("id")),
        address=_bare(address),
        filters=tuple(named),
        has_calls=any("/presence" in one and "detailedTelephonyState=true" in one for one in named),
        expires_at=moment(row.get("expirationTime")),
    )


def _bare(address: SplitResult) -> str:
    """An address without its query, as it is compared."""
    path = address.path.rstrip("/")
    return urlunsplit(address._replace(netloc=address.netloc.lower(), path=path, query="", fragment=""))


def _basic(client_id: str, secret: Secret) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret.reveal()}".encode()).decode()
