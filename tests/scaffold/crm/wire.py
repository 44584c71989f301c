"""New Make's requests and answers; pure. FILL IN: the vendor's pages, by name and version."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bridge.core.errors import RequestFailed, SearchFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Popup
from bridge.core.reasons import reason
from bridge.crm.contract import Found, FoundRecord, SearchNumber

MOST_RECORDS = 20
MAX_CHARACTERS = 320


@dataclass(frozen=True, slots=True)
class Api:
    """Where its API is, and the key to it."""

    url: str
    key: Secret

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Request:
        """A request with the key in a header."""
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.key.reveal()}"}
        if body is None:
            return Request(method, f"{self.url}{path}", headers)
        sent = json.dumps(body, ensure_ascii=False).encode()
        return Request(method, f"{self.url}{path}", {**headers, "Content-Type": "application/json"}, sent)


def show_popup(api: Api, delivery_id: str, popup: Popup, agent: str) -> Request:
    """A popup for this agent. FILL IN: escape what callers control (name, number) for the place where it is shown."""
    call = popup.call
    body = {"agent": agent, "popup_id": popup.popup_id, "ivrid": call.ivrid, "number": call.caller.number}
    return api.request("PUT", f"/popups/{delivery_id}", body)


def ask_access(api: Api) -> Request:
    """Whether the key works."""
    return api.request("GET", "/me")


def ask_contacts(api: Api, number: SearchNumber) -> Request:
    """The search. FILL IN: where the vendor compares texts, try `number.formats` one after the other."""
    return api.request("GET", f"/contacts?{urlencode({'phone': number.e164, 'limit': MOST_RECORDS + 1})}")


def read_contacts(reply: Reply) -> Found:
    """The records with all their numbers: the core compares those digit by digit. Raises `SearchFailed`."""
    rows = _answer(reply).get("contacts")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SearchFailed(reason("newmake.no-list"))
    return Found(tuple(_record(row) for row in rows[:MOST_RECORDS]), len(rows) > MOST_RECORDS)


def _answer(reply: Reply) -> Mapping[str, Any]:
    if reply.status == 429 or reply.status >= 500:
        why = reason("newmake.not-working", status=reply.status)
        raise RequestFailed(f"http-{reply.status}", why)
    if not 200 <= reply.status < 300:
        raise SearchFailed(reason("newmake.refused", status=reply.status))
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise SearchFailed(reason("newmake.not-json")) from None
    if not isinstance(found, dict):
        raise SearchFailed(reason("newmake.not-json"))
    return found


def _record(row: Mapping[str, Any]) -> FoundRecord:
    phones = row.get("phones")
    return FoundRecord(
        type="contact",  # FILL IN: the vendor's own word, such as Contact or res.partner.
        id=_text(row.get("id")),
        name=_text(row.get("name")),
        phones=tuple(_text(phone) for phone in phones) if isinstance(phones, list) else (),
        company=_text(row.get("company")),
    )


def _text(value: object) -> str:
    """A field as text that can be stored."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    return str(value).encode("utf-8", "replace").decode().strip()[:MAX_CHARACTERS]
