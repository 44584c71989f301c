"""Reading the audit is audited: who asked for what. Whom was asked for is kept as a commitment, not in plain."""

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.audit.asking import Wanted
from bridge.audit.chain import SALT_BYTES, commitment
from bridge.core.clock import new_id
from bridge.core.json_codec import json_text, time_text
from bridge.store import keys
from bridge.store.client import TextRedis

COMMAND_LINE = "command line"
COMMITTED = ("crm_user", "extension", "ivrid")
NOTHING: Mapping[str, Any] = {}


async def note(
    redis: TextRedis,
    who: str,
    what: str,
    now: datetime,
    wanted: Wanted | None = None,
    about: Mapping[str, Any] = NOTHING,
) -> None:
    """Write that `who` reads: before anything is shown, in the stream as every line. `about` must not be personal."""
    salt = os.urandom(SALT_BYTES)
    details = {"what": what, **about}
    if wanted is not None:
        details["filters"] = _told(wanted, salt)
        details["salted"] = hashlib.sha256(salt).hexdigest()
    line = {
        "time": time_text(now),
        "act_id": new_id("act", now),
        "who": who,
        "details": details,
        "salt": salt.hex() if wanted is not None else None,
    }
    await redis.xadd(keys.AUDIT, {"kind": "read", "line": json_text(line)})


def _told(wanted: Wanted, salt: bytes) -> dict[str, Any]:
    told: dict[str, Any] = dict(wanted.filters)
    told |= {name: [commitment(salt, told[name])] for name in COMMITTED if name in told}
    return told | {name: [commitment(salt, key) for key in spelled] for name, spelled in wanted.keys.items()}


def asked_for(details: Mapping[str, Any], salt: bytes, values: Mapping[str, list[str]]) -> bool:
    """Whether this reading named one of `values` (lists by filter)."""
    filters = details.get("filters", {})
    return any(
        commitment(salt, value) in filters.get(name, ()) for name, spelled in values.items() for value in spelled
    )
