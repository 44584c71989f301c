"""AMI, the manager interface, as it is spoken over HTTP: actions out, blocks of `Key: Value` back; pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from bridge.core.errors import PbxRefused, PbxUnintelligible
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.pbx.reading import check_status, decoded, quoted

SYSTEM = "Asterisk"
COOKIE = re.compile(r'mansession_id="?(?P<id>[0-9A-Fa-f]{1,32})"?')
MAX_AGE = re.compile(r"Max-Age=(?P<seconds>[0-9]{1,6})", re.I)
DENIED, NO_CHANNEL = b"Permission denied", b"No such channel"
END = "\r\n\r\n"
MARGIN = timedelta(seconds=5)
"""A login that ends this soon is not used any more."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where and as whom an account is asked."""

    url: str
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Login:
    """A session of Asterisk's: its cookie's value, and until when it is good unless it is used before."""

    cookie: str
    until: datetime


@dataclass(slots=True)
class Block:
    """One event: its fields (of a repeated key the first), and its channel's variables."""

    fields: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A field; "" where it is not there."""
        return self.fields.get(name, "")


def log_in(access: Access) -> Request:
    """The login: by POST, so that the password stays out of addresses and access logs."""
    fields = {"action": "login", "username": access.username, "secret": access.password.reveal()}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", f"{access.url}/rawman", headers, urlencode(fields).encode())


def ask(access: Access, login: Login, action: str, fields: Mapping[str, str]) -> Request:
    """An action, in the session of a login."""
    asked = urlencode({"action": action, **fields})
    headers = {"Cookie": f'mansession_id="{login.cookie}"'} if login.cookie else {}
    return Request("GET", f"{access.url}/rawman?{asked}", headers)


def read_login(reply: Reply, access: Access, now: datetime) -> Login:
    """The session that was opened. Raises `PbxRefused` for a wrong user, password or address: AMI has one answer."""
    found = blocks(reply)
    if found[0].get("Response") != "Success":
        told = quoted_message(found[0].get("Message"), access)
        raise PbxRefused(reason("asterisk.login-refused", message=told or "-"))
    return read_session(reply, now)


def read_session(reply: Reply, now: datetime) -> Login:
    """The session as an answer names and renews it."""
    header = reply.headers.get("set-cookie", "")
    cookie, age = COOKIE.search(header), MAX_AGE.search(header)
    seconds = int(age["seconds"]) if age else 0
    return Login(cookie["id"] if cookie else "", now + timedelta(seconds=seconds) - MARGIN)


def is_error(reply: Reply) -> bool:
    """Whether AMI refused the action: an error inside a 200."""
    return reply.status == 200 and reply.body.lstrip().startswith(b"Response: Error")


def is_gone(reply: Reply) -> bool:
    """Whether the one channel that was asked for is there no more."""
    return is_error(reply) and NO_CHANNEL in reply.body[:200]


def is_denied(reply: Reply) -> bool:
    """Whether the session has expired, or the action is not allowed: AMI answers both alike."""
    return is_error(reply) and DENIED in reply.body[:200]


def read_list(reply: Reply, action: str, access: Access) -> Iterable[Block]:
    """The events of a list that `action` asked for, once the list is known to be whole."""
    found = blocks(reply)
    _check(found[0], action, access)
    last = found[-1]
    if last.get("Event") != f"{action}Complete" or last.get("EventList") != "Complete":
        raise PbxUnintelligible(reason("asterisk.list-cut-off", action=action))
    events = [block for block in found[1:-1] if "Event" in block.fields]
    if last.get("ListItems") != str(len(events)):
        raise PbxUnintelligible(reason("asterisk.list-cut-off", action=action))
    return events


def _check(first: Block, action: str, access: Access) -> None:
    """AMI answers HTTP 200 to everything. Raises `PbxRefused` for an error."""
    if first.get("Response") == "Success":
        return
    told = quoted_message(first.get("Message"), access)
    if told == DENIED.decode():
        raise PbxRefused(reason("asterisk.no-right", action=action))
    raise PbxRefused(reason("asterisk.refused", action=action, message=told or "-"))


def blocks(reply: Reply) -> list[Block]:
    """What stands between empty lines. Raises unless it is AMI's, to its end."""
    if reply.status == 404:
        raise PbxRefused(reason("asterisk.no-web-manager", status=404))
    check_status(reply, SYSTEM)
    text = decoded(reply.body, reply.headers.get("content-type", ""))
    if not text.startswith("Response: ") or not text.endswith(END):
        raise PbxUnintelligible(reason("asterisk.not-ami"))
    return [_block(part.split("\r\n")) for part in _parts(text)]


def block_of(raw: bytes) -> Block:
    """One block as it came on a connection."""
    return _block(raw.decode("utf-8", "replace").removesuffix(END).split("\r\n"))


def _parts(text: str) -> Iterator[str]:
    return (part for part in text.split(END) if part.strip())


def _block(lines: list[str]) -> Block:
    found = Block()
    for line in lines:
        key, colon, value = line.partition(":")
        if key == "Variable":
            name, _, content = value.removeprefix(" ").partition("=")
            found.variables.setdefault(name, content)
        elif colon:
            found.fields.setdefault(key, value.removeprefix(" "))
    return found


def quoted_message(message: str, access: Access) -> str:
    """The vendor's own words, fit to be shown: without the credentials."""
    return quoted(message, access.password.reveal(), access.username)
