"""Kamailio's dialogs as `dlg.list` tells them; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import unquote

from bridge.core.text import one_line

RINGING, TALKING, ENDED = {1, 2}, {3, 4}, 5
"""`state`: unconfirmed and early; confirmed before and after the ACK; deleted, but listed for some seconds more."""
URI = re.compile(r"(?:sip|sips|tel):(?P<rest>[^?>\s]*)", re.I)
PLAIN = re.compile(r"sips?:(?P<user>[\w.+*#-]{1,200})@(?P<host>[\w.-]+)(?:[:;][\w.:;=-]*)?", re.A)
"""What nearly all addresses are, read at once."""
MAX_CHARACTERS = 1000
"""Of one field: callers can influence names and variables."""


def text(value: object) -> str:
    """A field as text; a number is taken as it stands, anything else for nothing."""
    if isinstance(value, str):
        return one_line(value, MAX_CHARACTERS)
    return str(value)[:MAX_CHARACTERS] if isinstance(value, int) and not isinstance(value, bool) else ""


def mapping(found: object, name: str) -> dict[str, Any]:
    """`found[name]` where that is an object; else `found` itself, or an empty one."""
    held = found.get(name) if isinstance(found, dict) else None
    return held if isinstance(held, dict) else found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Address:
    """User and host of a SIP address, without parameters, port and password; "" for what it does not have."""

    user: str
    host: str

    @classmethod
    def read(cls, written: str) -> Self:
        """`sip:101@192.0.2.20:5060;transport=udp`, `tel:+97250…`, or `101@example.com`, as variables have it."""
        if plain := PLAIN.fullmatch(written):
            return cls(plain["user"], plain["host"].casefold())
        found = URI.match(written)
        user, at, host = (found["rest"] if found else written).rpartition("@")
        if not at:
            user, host = host, ""
        name = re.split("[;:]", user, maxsplit=1)[0]
        return cls(one_line(unquote(name), MAX_CHARACTERS), _without_port(host.split(";")[0]).casefold())


def _without_port(host: str) -> str:
    return host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Dialog:
    """One dialog. `answered_by` is the phone's own address, known once it has answered."""

    call_id: str
    state: int
    caller: Address
    callee: Address
    answered_by: Address
    started_at: datetime | None
    answered_at: datetime | None
    variables: Mapping[str, object]

    def said(self, name: str) -> str:
        """A variable; "" where it is not set."""
        return text(self.variables.get(name))

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """A row of `dlg.list`. What is missing or of another type is empty; an odd state is none that is known."""
        state, callee = row.get("state"), row.get("callee")
        contact = callee.get("contact") if isinstance(callee, dict) else None
        return cls(
            call_id=text(row.get("call-id")),
            state=state if type(state) is int else 0,
            caller=Address.read(text(row.get("from_uri"))),
            callee=Address.read(text(row.get("to_uri"))),
            answered_by=Address.read(text(contact)),
            started_at=_moment(row.get("init_ts")),
            answered_at=_moment(row.get("start_ts")),
            variables=_variables(row.get("variables")),
        )


def _variables(rows: object) -> dict[str, object]:
    """A list of objects of one key each, newest first: of a name that is there twice the newest counts."""
    pairs = (pair for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict) for pair in row.items())
    found: dict[str, object] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def _moment(seconds: object) -> datetime | None:
    """Seconds since 1970 in UTC; 0 is no time."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
