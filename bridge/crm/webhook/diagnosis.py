"""Why a Standard Webhooks signature proves nothing, for the operator; pure.

Senders that sign by themselves err in a few ways: hex for base64, the text of the key for the key, milliseconds, a
content without id or time. Each way is computed and compared, so that what is said is known and not guessed.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping

from bridge.core.http_types import Secret
from bridge.core.reasons import Reason, reason
from bridge.crm.proofs import DIGEST_BYTES, all_of, decoded_digest, same, why_time
from bridge.crm.webhook.signature import ID, JOINED, PREFIX, TOLERANCE_SECONDS, key_bytes

MILLISECONDS = 1e11
"""From here on a timestamp counts milliseconds: as seconds it would be in the year 5138."""
MOST_ENTRIES = 8
MAX_ENTRY_CHARACTERS = 600
NEEDED = ("webhook-id", "webhook-timestamp", "webhook-signature")


def why_not(secrets: Iterable[Secret], received: Mapping[str, str], body: bytes, now: float) -> Reason:
    """Every cause that is known. The same work is done whatever is wrong."""
    known, missing = list(secrets), [name for name in NEEDED if not received.get(name)]
    tried = dict(_tried(known, received, body))
    if not known:
        return reason("proof-no-secret-set", setting="click_secrets")
    if missing:
        return reason("proof-headers-missing", headers=missing)
    found = [*_of_time(received["webhook-timestamp"], now), *_of_id(received["webhook-id"])]
    found += _of_signature(received["webhook-signature"], tried)
    return all_of(found or [reason("proof-wrong-secret", setting="click_secrets")])


def _of_time(timestamp: str, now: float) -> Iterator[Reason]:
    if not (timestamp.isascii() and timestamp.isdigit()) or timestamp.startswith("0") or len(timestamp) > 15:
        yield Reason("proof-timestamp-unreadable")
        return
    seconds = float(timestamp)
    if seconds >= MILLISECONDS:
        yield Reason("proof-timestamp-milliseconds")
        seconds /= 1000
    off = why_time(seconds, now, TOLERANCE_SECONDS)
    if off is not None:
        yield off


def _of_id(message_id: str) -> Iterator[Reason]:
    if not ID.fullmatch(message_id):
        yield Reason("proof-id-with-dot" if "." in message_id else "proof-id-malformed")


def _of_signature(header: str, tried: Mapping[bytes, Reason | None]) -> Iterator[Reason]:
    """What is wrong with the signature; nothing where it is right. A cause that is certain outweighs the others."""
    entries = header[: MOST_ENTRIES * MAX_ENTRY_CHARACTERS].split(" ")[:MOST_ENTRIES]
    if any(JOINED.fullmatch(entry) for entry in entries):
        yield Reason("proof-header-twice")
        return
    causes = [_of_entry(entry, tried) for entry in entries]
    certain = next(((is_ours, found) for is_ours, found in causes if is_ours), causes[0])
    yield from certain[1]


def _of_entry(entry: str, tried: Mapping[bytes, Reason | None]) -> tuple[bool, list[Reason]]:
    """Whether one of our secrets made it, and what is wrong with it all the same."""
    version, comma, text = entry.rpartition(",")
    text = text.removeprefix("sha256=")
    decoded = decoded_digest(text)
    form = [] if (version, comma) == ("v1", ",") else [Reason("proof-signature-version")]
    if decoded is None:
        return False, [*form, Reason("proof-signature-unreadable")]
    digest, written = decoded
    if written != "base64":
        form.append(Reason(f"proof-signature-{written}"))
    if len(digest) != DIGEST_BYTES:
        return False, [*form, reason("proof-signature-length", bytes=len(digest), wanted=DIGEST_BYTES)]
    made = [cause for known, cause in tried.items() if same(known, digest)]
    if not made:
        return False, [*form, reason("proof-wrong-secret", setting="click_secrets")]
    return True, [*form, *(cause for cause in made if cause)]


def _tried(secrets: list[Secret], received: Mapping[str, str], body: bytes) -> Iterator[tuple[bytes, Reason | None]]:
    """What the sender may have computed with one of our secrets, and what was wrong with it (None: nothing)."""
    message_id = received.get("webhook-id", "").encode("utf-8", "replace")
    timestamp = received.get("webhook-timestamp", "").encode("utf-8", "replace")
    contents = {
        b".".join((message_id, timestamp, body)): None,
        b".".join((timestamp, body)): Reason("proof-signed-without-id"),
        body: Reason("proof-signed-body-alone"),
    }
    for secret in secrets:
        text = secret.reveal()
        undecoded = Reason("proof-key-not-decoded")
        keys = {text.encode(): undecoded, text.removeprefix(PREFIX).encode(): undecoded, key_bytes(secret): None}
        for key, of_key in keys.items():
            for content, of_content in contents.items():
                causes = [cause for cause in (of_key, of_content) if cause]
                yield hmac.digest(key, content, hashlib.sha256), all_of(causes) if causes else None
