"""What a phone system is to the bridge. One folder per make; `find` knows every folder that is here.

A folder offers `ADAPTER`. To add a make, add a folder: contract tests, doctor, demo and README walk `kinds`.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from bridge.domain import Call
from bridge.errors import PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.messages import Reply, Request
from bridge.settings import PbxAccount

Send = Callable[[Request], Awaitable[Reply]]
"""How an adapter reaches its phone system. Time limits and caps are already in it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a phone system said: each extension it knows with its live calls (none: idle).

    An extension that is not in it is not known to the phone system. `empty_hint` is what an empty answer of this
    vendor may mean besides.
    """

    extensions: Mapping[str, tuple[Call, ...]]
    empty_hint: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One make of phone system.

    `calls(account, send, pbx, extension, now)` asks which calls are live on `extension` and gives a `Listing`, its
    calls bearing the name `pbx`. It raises `PbxRefused`, `PbxUnintelligible` or `PbxUnreachable` and nothing else
    (what `send` raises passes through).
    """

    kind: str
    account: type[PbxAccount]
    calls: Callable[[Any, Send, str, str, datetime], Awaitable[Listing]]


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
