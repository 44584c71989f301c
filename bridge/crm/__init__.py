"""What a CRM is to the bridge, both ways: how its clicks are read and how popups are written for it.

One folder per make, found as in `bridge.pbx`. Each folder offers `ADAPTER`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from bridge.config.models import CrmAccount
from bridge.core.http_types import Request
from bridge.core.model import Note, Popup


@dataclass(frozen=True, slots=True)
class Incoming:
    """A click as it came in: header and query names in lower case, the body's bytes untouched."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What an authenticated click asks for. `key` makes a repeated click the same click; `proof` is the fingerprint of
    the secret that proved it."""

    agent: str | None
    extension: str | None
    ivrid: str | None
    record: Mapping[str, object] | None
    key: str | None
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One make of CRM.

    `read_click(account, incoming)` proves the sender, then reads: it raises `BadSignature`, `Malformed` or
    `UnsupportedMediaType` and nothing else. `write_popup(account, delivery_id, popup, now)` is the push, signed then;
    `write_test(account, message_id, now)` an event of type `call.test` on the same way;
    `write_note` the push of an agent's note to a popup (None: this make takes no notes).
    """

    kind: str
    account: type[CrmAccount]
    read_click: Callable[[Any, Incoming], Asked]
    write_popup: Callable[[Any, str, Popup, datetime], Request]
    write_test: Callable[[Any, str, datetime], Request]
    write_note: Callable[[Any, str, Note, datetime], Request] | None = None


@cache
def kinds() -> Mapping[str, Adapter]:
    """Every make there is a folder for, by the `kind` of the settings."""
    folders = (module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {name: importlib.import_module(f"{__name__}.{name}").ADAPTER for name in sorted(folders)}


def find(kind: str) -> Adapter:
    """The make called `kind`."""
    return kinds()[kind]
