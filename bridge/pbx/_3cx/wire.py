"""What the Call Control API is asked and what it answers; pure. Source: the vendor's specification and examples.

One question lists every extension that the client may see, idle ones too. `/callcontrol/{dn}/participants` would list
one, but refuses an extension that does not exist as it refuses one that may not be seen.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible, TokenRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Call
from bridge.core.reasons import Reason, reason
from bridge.core.tokens import Tokens, granted
from bridge.pbx._3cx.participants import Participant, call_id_of, number_of, text
from bridge.pbx.contract import Listing
from bridge.pbx.fields import json_in
from bridge.pbx.on_demand import OnDemand
from bridge.pbx.reading import check_status

SYSTEM = "3CX"
TOKEN_LIFE = timedelta(minutes=1)
"""How long a token is taken to be good where the answer does not say: it is replaced when refused, too."""
NOT_EXTENSIONS = ("routepoint", "queue", "ringgroup", "specialmenu", "externalline")
NOT_SEEN = (403, 404)
NOT_SELECTED = Reason("3cx.not-selected")


def ask(base_url: str) -> Request:
    """The question; the session adds the token."""
    return Request("GET", f"{base_url}/callcontrol", {"Accept": "application/json"})


def ask_number(base_url: str, dn: str) -> Request:
    """The question for one extension."""
    return Request("GET", f"{base_url}/callcontrol/{quote(dn, safe='')}", {"Accept": "application/json"})


def ask_events(base_url: str) -> Request:
    """Where the websocket is; the session adds the token."""
    return Request("GET", f"{base_url}/callcontrol/ws")


def ask_token(base_url: str, client_id: str, secret: Secret) -> Request:
    """A log-in as OAuth has it: the vendor's page sends the same fields as multipart/form-data."""
    fields = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret.reveal()}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return Request("POST", f"{base_url}/connect/token", headers, urlencode(fields).encode())


def read_token(reply: Reply, now: datetime) -> Tokens:
    """The token. Raises `TokenRefused`."""
    if reply.status == 404:
        raise TokenRefused(reason("3cx.no-token-service"))
    if not 200 <= reply.status < 300:
        raise TokenRefused(reason("3cx.login-refused", status=reply.status))
    tokens = granted(_json(reply), now, TOKEN_LIFE)
    if tokens is None:
        raise TokenRefused(reason("token-unreadable", status=reply.status))
    # The client credentials alone get the next token: one to refresh would replace them.
    return Tokens(tokens.access, tokens.expires_at)


def read_calls(reply: Reply, pbx: str, trunk_dids: Mapping[str, str]) -> Listing:
    """Each extension with its calls. One that is not listed may exist, and not be selected for this client."""
    return _listing(_extensions(_rows(reply)), pbx, trunk_dids)


def read_number(reply: Reply, pbx: str, trunk_dids: Mapping[str, str]) -> Listing | None:
    """One extension with its calls; None where it is not selected (any more)."""
    if reply.status in NOT_SEEN:
        return None
    check_status(reply, SYSTEM)
    row = _json(reply)
    if not isinstance(row, dict) or not number_of(row.get("dn")):
        raise PbxUnintelligible(reason("3cx.no-numbers"))
    return _listing(_extensions([row]), pbx, trunk_dids)


def refused(reply: Reply) -> PbxError:
    """Why there is no websocket."""
    try:
        check_status(reply, SYSTEM)
    except PbxError as error:
        return error
    return PbxRefused(reason("3cx.no-websocket", status=reply.status))


def _listing(extensions: Iterable[tuple[str, list[Any] | None]], pbx: str, trunk_dids: Mapping[str, str]) -> Listing:
    """Nouns are made for the extensions that are asked for."""
    legs: dict[str, list[Mapping[str, Any]]] = {}
    broken: set[str] = set()
    for dn, rows in extensions:
        legs[dn] = [row for row in rows or () if isinstance(row, dict) and call_id_of(row)]
        if rows is None or len(legs[dn]) < len(rows):
            broken.add(dn)

    def live(dn: str) -> tuple[Call, ...]:
        calls: dict[str, Call] = {}
        for row in legs[dn]:
            call = Participant(row).call(pbx, dn, trunk_dids)
            calls[call.ivrid] = min(calls.get(call.ivrid, call), call, key=Participant.rank)
        return tuple(calls.values())

    found = OnDemand(live, lambda: {dn: live(dn) for dn in legs}, sum(map(len, legs.values())))
    return Listing(found, unreadable=frozenset(broken), empty_hint=NOT_SELECTED)


def trunks_without_did(reply: Reply, trunk_dids: Mapping[str, str]) -> list[str]:
    """Trunks with a call from outside whose dialled number is not known."""
    people = [Participant(row) for _, rows in _extensions(_rows(reply)) for row in rows or () if isinstance(row, dict)]
    return sorted({one.trunk for one in people if one.comes_from_outside and not one.did(trunk_dids)})


def _extensions(listed: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[Any] | None]]:
    """Each extension and its participants (None: they cannot be read)."""
    for row in listed:
        dn, kind, people = number_of(row.get("dn")), text(row.get("type")).casefold(), row.get("participants")
        if dn and not any(other in kind for other in NOT_EXTENSIONS):
            yield dn, people if isinstance(people, list) else [] if people is None else None


def _rows(reply: Reply) -> list[dict[str, Any]]:
    """What is listed. A client always sees at least its own route point: an empty list is none of 3CX's."""
    if reply.status == 403:
        raise PbxRefused(reason("3cx.no-right", status=reply.status))
    check_status(reply, SYSTEM)
    found = _json(reply)
    if not isinstance(found, list):
        raise PbxUnintelligible(reason("3cx.not-a-list"))
    rows = [row for row in found if isinstance(row, dict) and number_of(row.get("dn"))]
    if not rows:
        raise PbxUnintelligible(reason("3cx.no-numbers"))
    return rows


def _json(reply: Reply) -> Any:
    try:
        return json_in(reply)
    except (ValueError, RecursionError):
        raise PbxUnintelligible(reason("3cx.not-json")) from None
