"""The chain: each line's digest covers the line before it, so that no line can be changed, taken out or put in unseen.

A digest does not cover personal fields themselves but a proof of them, an HMAC under a salt of the line's own. While
fields and salt are there, the proof can be checked; once both are erased, the proof alone keeps the chain whole and
tells nothing about what was there.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from typing import Any

START = bytes(32)
SALT_BYTES = 16
CALLER = ("caller", "caller_key", "ivrid", "original_ivrid")
AGENT = ("crm_user", "agent", "extension", "why", "source_ip")
GROUPS = {"caller": CALLER, "agent": AGENT}
"""The personal fields of a lookup, by whom they tell of. A call's id leads to the caller at the phone system."""
UNCOVERED = frozenset((*CALLER, *AGENT, "seq", "salt", "caller_salt", "agent_salt", "prev", "digest"))

Row = dict[str, Any]


def sealed(table: str, row: Row, prev: bytes) -> Row:
    """The line with its salts, proofs, link and digest."""
    if table == "lookups":
        row = {**row, **_proofs(row)}
    return {**row, "prev": prev, "digest": digest(table, row, prev)}


def _proofs(row: Row) -> Row:
    made: Row = {}
    for group in GROUPS:
        salt = os.urandom(SALT_BYTES)
        made |= {f"{group}_salt": salt, f"{group}_proof": group_proof(group, row, salt)}
    return made


def group_proof(group: str, row: Mapping[str, Any], salt: bytes) -> bytes:
    """What stands for one group of personal fields in the digest."""
    values = [row.get(field) for field in GROUPS[group]]
    return hmac.digest(salt, json.dumps(values).encode(), "sha256")


def digest(table: str, row: Mapping[str, Any], prev: bytes) -> bytes:
    """A line's digest: over the digest before it and every field but the number, personal fields and salts."""
    covered = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in row.items()
        if value is not None and name not in UNCOVERED
    }
    text = json.dumps([table, covered], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(prev + text.encode()).digest()


def commitment(salt: bytes, value: str) -> str:
    """What stands for a number or a name in a line about reading: whoever knows the value can find it again."""
    return hmac.new(salt, value.encode(), "sha256").hexdigest()
