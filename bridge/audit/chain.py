"""The chain: each entry's digest covers the entry before it, so no entry can be changed, removed or inserted unnoticed.

A digest does not cover personal fields themselves but a proof of them: an HMAC under a salt of the entry's own. While
fields and salt exist, the proof can be checked; once both are erased, the proof alone keeps the chain intact and
reveals nothing about the fields.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

START = bytes(32)
"""The digest before the first entry."""
SALT_BYTES = 16
CALLER = ("caller", "caller_key", "ivrid", "original_ivrid")
AGENT = ("crm_user", "agent", "extension", "why", "source_ip", "reason")
GROUPS = {"caller": CALLER, "agent": AGENT}
"""The personal fields of a lookup, by whom they describe. A call's id leads to the caller at the phone system."""
PROVEN = {"lookups": ("caller", "agent"), "callers": ("caller",)}
"""By table: the groups of its personal fields, each with its proof. A table may lack some fields of a group."""
ADDED = frozenset({"reason"})
"""Personal fields that earlier versions did not have: part of a proof only where there is one, so old proofs hold."""
UNCOVERED = frozenset((*CALLER, *AGENT, "seq", "salt", "caller_salt", "agent_salt", "prev", "digest"))

Row = dict[str, Any]


def sealed(table: str, row: Row, prev: bytes) -> Row:
    """The entry with its salts, proofs, link and digest."""
    row = {**row, **_proofs(row, PROVEN.get(table, ()))}
    return {**row, "prev": prev, "digest": digest(table, row, prev)}


def _proofs(row: Row, groups: Iterable[str]) -> Row:
    made: Row = {}
    for group in groups:
        salt = os.urandom(SALT_BYTES)
        made |= {f"{group}_salt": salt, f"{group}_proof": group_proof(group, row, salt)}
    return made


def group_proof(group: str, row: Mapping[str, Any], salt: bytes) -> bytes:
    """What represents one group of personal fields in the digest."""
    values = [row.get(field) for field in GROUPS[group] if field not in ADDED]
    added = {field: row[field] for field in GROUPS[group] if field in ADDED and row.get(field) is not None}
    return hmac.digest(salt, json.dumps([*values, added] if added else values).encode(), "sha256")


def digest(table: str, row: Mapping[str, Any], prev: bytes) -> bytes:
    """An entry's digest: over the digest before it and every field except its number, personal fields and salts."""
    covered = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in row.items()
        if value is not None and name not in UNCOVERED
    }
    text = json.dumps([table, covered], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(prev + text.encode()).digest()


def commitment(salt: bytes, value: str) -> str:
    """What represents a number or a name in an access log entry: whoever knows the value can find it again."""
    return hmac.new(salt, value.encode(), "sha256").hexdigest()
