"""FreeSWITCH's API commands and what they answer; pure. Source: the vendor's own mod_commands and mod_xml_rpc.

The answers are the same on both ways in: JSON or lines of text, errors as plain text inside a 200.
"""

import json
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import Reason, reason
from bridge.pbx.contract import Listing
from bridge.pbx.freeswitch.domains import Domains
from bridge.pbx.freeswitch.legs import Row, listing, text
from bridge.pbx.reading import check_status, decoded, quoted, read_json

Ask = Callable[[str], Awaitable[Reply]]
"""Sends one API command."""
SYSTEM = "FreeSWITCH"
CHANNELS = "show channels as json"
REGISTRATIONS = "show registrations as json"
NO_CALL = "00000000-0000-0000-0000-000000000000"
"""A call that does not exist: whether it may be asked about is seen all the same."""
USER_MAY_NOT = 686
"""mod_xml_rpc's own status for a directory user whose `http-allowed-api` lacks the command."""
IDLE_TEXT = "0 total."
"""What `show` answers when it has nothing to list and ignores `as json`."""
BLANKS = "\ufeff \t\r\n"
ERROR = re.compile(r"-(?:ERR|USAGE|Error)\b|INVALID COMMAND")
NO_COMMAND = re.compile(r"INVALID COMMAND|Command not found", re.I)
NOT_WORKING = re.compile(r"SQL error|database", re.I)
UUID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
MOST_ROWS = 60_000
BEFORE_ROWS = re.compile(r'"rows"\s*:\s*\[\s*')
COMMA = re.compile(r"\s*,\s*(?=\{)")


@dataclass(frozen=True, slots=True)
class Access:
    """Where and as whom mod_xml_rpc is asked."""

    url: str
    username: str
    password: Secret


def request(access: Access, command: str) -> Request:
    """An API command as a request. `txtapi` answers as the console does."""
    name, _, arguments = command.partition(" ")
    asked = f"?{quote(arguments, safe='')}" if arguments else ""
    proof = b64encode(f"{access.username}:{access.password.reveal()}".encode()).decode()
    headers = {"Authorization": f"Basic {proof}", "Accept": "text/plain"}
    return Request("GET", f"{access.url}/txtapi/{name}{asked}", headers)


def list_users(domain: str | None) -> str:
    """The command that lists the directory's users."""
    return f"list_users domain {domain}" if domain else "list_users"


def dump(uuid: str) -> str:
    """The command that lists a channel's variables. `uuid` comes from the phone system: see `is_uuid`."""
    return f"uuid_dump {uuid} json"


def is_uuid(uuid: str) -> bool:
    """Whether it is fit to stand in a command: no blank, no line end."""
    return UUID.fullmatch(uuid) is not None


def read_calls(reply: Reply, pbx: str, password: Secret, domains: Domains) -> Listing:
    """Each call under each extension that has part in it."""
    return listing(_rows(reply, password), pbx, domains)


def read_realms(reply: Reply, password: Secret) -> frozenset[str]:
    """The domains in which phones are registered."""
    return frozenset(realm for row in _rows(reply, password) if (realm := text(row.get("realm")).casefold()))


def read_users(reply: Reply, password: Secret) -> frozenset[tuple[str, str]] | None:
    """(user, domain) of the directory's users; None where there are none to list or this account may not list them.

    A user who is in several groups is listed once for each.
    """
    try:
        answer = _answer(reply, password)
    except PbxRefused:
        if reply.status in (200, USER_MAY_NOT, 403):
            return None
        raise
    lines = answer.splitlines()
    if not lines or not lines[0].startswith("userid|context|domain|") or lines[-1] != "+OK":
        raise PbxUnintelligible(reason("freeswitch.not-users"))
    rows = (line.split("|") for line in lines[1:-1] if line.strip())
    return frozenset((row[0], row[2]) for row in rows if len(row) > 2 and row[0]) or None


def read_variables(reply: Reply, names: Iterable[str]) -> Mapping[str, str]:
    """These variables of a channel; none of a call that has ended meanwhile, or where reading them is not allowed: the
    call itself counts more than what is known besides."""
    try:
        found = _object(_answer(reply, Secret("")))
    except PbxError:
        return {}
    held = ((name, text(found.get(f"variable_{name}"))) for name in names)
    return {name: value for name, value in held if value}


def may_dump(reply: Reply) -> bool:
    """Whether variables may be read: the answer about a call that does not exist says that there is none."""
    return reply.status == 200 and b"No such channel" in reply.body


def _rows(reply: Reply, password: Secret) -> list[Row]:
    """What `show … as json` lists. With nothing to list there is no `rows`; the count must be that of the rows."""
    answer = _answer(reply, password)
    if answer == IDLE_TEXT:
        return []
    rows, envelope = _row_by_row(answer)
    if text(_object(envelope).get("row_count")) != str(len(rows)):
        raise PbxUnintelligible(reason("freeswitch.count-differs"))
    return rows


def _row_by_row(answer: str) -> tuple[list[Row], str]:
    """The rows, and the answer without them. One by one they hold up no other click, as 1 MiB of JSON at once would."""
    rows: list[Row] = []
    start = BEFORE_ROWS.search(answer)
    if start is None:
        return rows, answer
    at, decoder = start.end(), json.JSONDecoder()
    while answer.startswith("{", at) and len(rows) < MOST_ROWS:
        try:
            row, at = decoder.raw_decode(answer, at)
        except (ValueError, RecursionError):
            raise PbxUnintelligible(reason("freeswitch.not-json")) from None
        rows.append(row)
        comma = COMMA.match(answer, at)
        if comma is None:
            break
        at = comma.end()
    return rows, answer[: start.end()] + answer[at:]


def _object(answer: str) -> dict[str, Any]:
    try:
        found = read_json(answer)
    except (ValueError, RecursionError):
        raise PbxUnintelligible(reason("freeswitch.not-json")) from None
    if not isinstance(found, dict):
        raise PbxUnintelligible(reason("freeswitch.not-json"))
    return found


def _answer(reply: Reply, password: Secret) -> str:
    """The answer's text, once it is known to be no error."""
    if reply.status in (USER_MAY_NOT, 403):
        raise PbxRefused(reason("freeswitch.user-may-not", status=reply.status))
    check_status(reply, SYSTEM)
    answer = decoded(reply.body, reply.headers.get("content-type", "")).strip(BLANKS)
    if ERROR.match(answer):
        raise _error(answer, password)
    return answer


def _error(answer: str, password: Secret) -> PbxError:
    """Errors are a line of text: `-ERR permission denied`, `-ERR show Command not found!`, `-ERR SQL error […]`."""
    told = quoted(answer, password.reveal())
    if NO_COMMAND.search(answer):
        return PbxRefused(Reason("freeswitch.refused", {"message": told}, (Reason("freeswitch.load-commands"),)))
    if NOT_WORKING.search(answer):
        return PbxUnreachable(reason("freeswitch.not-working", message=told))
    if "permission denied" in answer.lower():
        return PbxRefused(Reason("freeswitch.refused", {"message": told}, (Reason("freeswitch.allow-commands"),)))
    return PbxRefused(reason("freeswitch.refused", message=told))
