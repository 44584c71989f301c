"""What a phone system is to the bridge. One folder per make; `find` knows every folder that is here.

A folder offers `ADAPTER`. To add a make, add a folder: contract tests, doctor, demo and README walk `kinds`.
"""

import asyncio
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from bridge.config.models import PbxAccount
from bridge.core.errors import PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply, Request
from bridge.core.model import Call, Caller

Read = TypeVar("Read")
Send = Callable[[Request], Awaitable[Reply]]
"""How an adapter reaches its phone system. Time limits and caps are already in it."""


LARGE_REPLY_BYTES = 64 * 1024
"""A reply above this is read in a thread, so that other clicks do not wait for it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a phone system said: each extension it told about with its live calls (none: idle).

    `names` are the extensions' own names where the vendor gives them; `unreadable` those whose calls could not be
    read. `empty_hint` is what it may mean besides when an extension is missing, told after a comma.
    """

    extensions: Mapping[str, tuple[Call, ...]]
    names: Mapping[str, str] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    empty_hint: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller who waits in a queue."""

    caller: Caller
    ivrid: str
    joined_at: datetime
    waiting_seconds: float


@dataclass(frozen=True, slots=True)
class CallQueue:
    """A queue of the phone system and who waits in it, longest first."""

    queue: str
    name: str
    callers: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the phone system and their extension, by its own account directory."""

    email: str
    extension: str
    name: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """One make of phone system. Each question raises `PbxRefused`, `PbxUnintelligible` or `PbxUnreachable` and nothing
    else (what `send` raises passes through).

    `calls(account, send, pbx, extension, now)`: the live calls on `extension`, or (None) on all extensions, as a
    `Listing` whose calls bear the name `pbx`. `always_whole`: the vendor lists the whole account whatever is asked.
    `extensions(account, send)`: the extensions there are, for vendors whose list of calls leaves out idle ones; None
    where this account may not ask. `queues(account, send, queue, now)` and `people(account, send)` where there are any.
    """

    kind: str
    account: type[PbxAccount]
    calls: Callable[[Any, Send, str, str | None, datetime], Awaitable[Listing]]
    always_whole: bool = False
    extensions: Callable[[Any, Send], Awaitable[frozenset[str] | None]] | None = None
    queues: Callable[[Any, Send, str | None, datetime], Awaitable[tuple[CallQueue, ...]]] | None = None
    people: Callable[[Any, Send], Awaitable[tuple[Person, ...]]] | None = None


async def read(reply: Reply, how: Callable[[Reply], Read]) -> Read:
    """What `how` (a wire function) reads in `reply`; a large one in a thread."""
    if len(reply.body) > LARGE_REPLY_BYTES:
        return await asyncio.to_thread(how, reply)
    return how(reply)


@cache
def kinds() -> Mapping[str, Adapter]:
    """Every make there is a folder for, by the `kind` of the settings."""
    folders = (module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {name: importlib.import_module(f"{__name__}.{name}").ADAPTER for name in sorted(folders)}


def find(kind: str) -> Adapter:
    """The make called `kind`."""
    return kinds()[kind]


def check_status(reply: Reply, system: str) -> None:
    """Raise what an HTTP status other than 2xx means for a question about calls. `system` is how the agent knows it."""
    status = reply.status
    if 200 <= status < 300:
        return
    if status in (401, 403, 407):
        raise PbxRefused(f"{system} refused the bridge (HTTP {status}): check its credentials and allowed addresses")
    if status == 429 or status >= 500:
        raise PbxUnreachable(f"{system} is not working at the moment (HTTP {status})")
    if 300 <= status < 500:
        raise PbxRefused(f"{system} does not offer this question at that address (HTTP {status}): check base_url")
    raise PbxUnintelligible(f"{system} answered with HTTP {status}")
