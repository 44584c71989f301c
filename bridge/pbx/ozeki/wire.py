"""Ozeki's words to nouns and back; pure. Source: its pages on ListActiveCalls, ListExtensions, status codes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, urlencode

from bridge.core.errors import PbxRefused, PbxUnintelligible
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Call
from bridge.core.reasons import Reason, reason
from bridge.core.text import one_line, without_marks
from bridge.pbx.contract import Listing
from bridge.pbx.on_demand import Late, OnDemand
from bridge.pbx.ozeki.calls import CALLEE, Clock, Row, calls_of
from bridge.pbx.ozeki.document import OK, Document, NotReadable, read
from bridge.pbx.reading import check_status, quoted

SYSTEM = "Ozeki"
FORM = "application/x-www-form-urlencoded"
CALL_DETAILS = ("RingDuration", "TalkDuration")
"""Seconds. `NotificationName`, which every page of the vendor's lists too, is a field of notifications alone."""
NO_SUCH_CALL = "601"
MAY_NOT_ASK = {"301", "303", "304", "305", "306", "307"}
REMEDY = {
    "301": "check-generation",
    "304": "check-credentials",
    "305": "check-credentials",
    "306": "check-rights",
    "307": "check-addresses",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Where, how and as whom an account is asked; without credentials where `username` is None."""

    url: str
    method: str
    username: str | None
    password: Secret | None


def ask_calls(access: Access) -> Request:
    """The question for all calls: there is none for one extension."""
    return _ask(access, "ListActiveCalls")


def ask_extensions(access: Access) -> Request:
    """The question for the extensions there are."""
    return _ask(access, "ListExtensions")


def _ask(access: Access, command: str) -> Request:
    fields = {"command": command}
    if access.username is not None and access.password is not None:
        fields |= {"Username": access.username, "Password": access.password.reveal()}
    asked, headers = urlencode(fields, quote_via=quote), {"Accept": "application/xml"}
    if access.method == "get":
        return Request("GET", f"{access.url}?{asked}", headers)
    return Request("POST", access.url, {**headers, "Content-Type": FORM}, asked.encode())


def read_calls(reply: Reply, pbx: str, access: Access, clock: Clock) -> Listing:
    """Each call under each extension that has part in it. What names nobody is left out, and counted in the hint."""
    answer = _answer(reply)
    if answer.code == NO_SUCH_CALL:
        return Listing({})
    _check_code(answer, access)
    rows, by_end = _by_end(answer)
    unread = len(answer.rows) - len(rows) + answer.stray
    if unread and not rows:
        raise PbxUnintelligible(reason("ozeki.calls-without-parties"))

    def of(extension: str) -> tuple[Call, ...]:
        return _calls(by_end[extension], pbx, clock)[extension]

    return Listing(
        OnDemand(of, lambda: _calls(rows, pbx, clock), 2 * len(rows)),
        empty_hint=reason("ozeki.calls-unread", count=unread) if unread else None,
        call_details=Late(lambda: {without_marks(row.get("CallId", "")): _details(row) for row in rows}),
    )


def _calls(rows: Iterable[Row], pbx: str, clock: Clock) -> dict[str, tuple[Call, ...]]:
    """The calls in these rows by extension."""
    found: dict[str, list[Call]] = {}
    for row in rows:
        for call in calls_of(row, pbx, clock):
            found.setdefault(call.extension, []).append(call)
    return {extension: tuple(calls) for extension, calls in found.items()}


def _by_end(answer: Document) -> tuple[list[Row], dict[str, list[Row]]]:
    """The rows that name somebody; and the same by each who is named in them, extension or not."""
    rows: list[Row] = []
    found: dict[str, list[Row]] = {}
    for row in answer.rows:
        if ends := [end for name in ("Source", *CALLEE) if (end := row.get(name))]:
            rows.append(row)
            for end in dict.fromkeys(map(without_marks, ends)):
                found.setdefault(end, []).append(row)
    return rows, found


def _details(row: Mapping[str, str]) -> dict[str, str]:
    return {name: one_line(row[name]) for name in CALL_DETAILS if row.get(name)}


def read_extensions(reply: Reply, access: Access) -> frozenset[str] | None:
    """What calls name extensions by: PhoneNumber, or Id where rows have none (XE). None: this account may not ask."""
    answer = _answer(reply)
    if answer.code in MAY_NOT_ASK:
        return None
    _check_code(answer, access)
    return frozenset(number for row in answer.rows if (number := row.get("PhoneNumber") or row.get("Id")))


def _answer(reply: Reply) -> Document:
    check_status(reply, SYSTEM)
    try:
        return read(reply.body, reply.headers.get("content-type", ""))
    except NotReadable as error:
        raise PbxUnintelligible(reason(error.code)) from None


def _check_code(answer: Document, access: Access) -> None:
    """Errors come inside a 200. Raises `PbxRefused` for every Code but success."""
    if answer.code == OK:
        return
    told, code = _quoted(answer.message, access), _quoted(answer.code, access)[:20]
    refused = "ozeki.refused" if told else "ozeki.refused-silently"
    also = (Reason(f"ozeki.{REMEDY[answer.code]}"),) if answer.code in REMEDY else ()
    raise PbxRefused(Reason(refused, {"message": told, "number": code}, also))


def _quoted(text: str, access: Access) -> str:
    """The vendor's own words, fit to be shown: without the credentials, however they are written."""
    private = (access.password.reveal() if access.password else "", access.username or "")
    return quoted(text, *(form for one in private for form in (one, quote(one), quote_plus(one))))
