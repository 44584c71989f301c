"""RingCentral's events, as a webhook gets them; pure. Source: the vendor's guides on webhooks and event filters.

An event of the filter `presence?detailedTelephonyState=true` holds all calls of one extension, which it names by its id
alone: the number stands in the address that the subscription was made with (`?extension=101`).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.core.errors import BadSignature, Malformed, PbxUnintelligible
from bridge.core.http_types import Incoming, Response, Secret
from bridge.core.text import without_marks
from bridge.pbx.contract import AskAgain, Change
from bridge.pbx.fields import mapping, moment, written
from bridge.pbx.reading import decoded
from bridge.pbx.ringcentral.presence import is_live, read_calls

CHALLENGE = "validation-token"
PROOFS = (CHALLENGE, "verification-token")
"""Headers in which the subscription's own token comes: guides and API reference name one each."""
LONGEST_CHALLENGE = 255
"""Header and body of the answer may have 1,024 bytes together."""
LONGEST, MOST_PARTIES = 100, 50
JSON = {"Content-Type": "application/json"}
"""Wanted even where the answer is empty."""
NOTHING_TO_DO = Response(200, JSON, b"")


def read_event(secret: Secret | None, pbx: str, incoming: Incoming) -> Change | AskAgain | Response:
    """What the event comes to, or the answer to a challenge or to an event of another kind.

    Raises `BadSignature` and `Malformed`.
    """
    challenge = incoming.headers.get(CHALLENGE, "")
    if incoming.method == "POST" and not incoming.body.strip() and _may_be_echoed(challenge):
        return Response(200, {**JSON, "Validation-Token": challenge}, b"")
    if incoming.method != "POST" or secret is None or not _is_proven(secret, incoming):
        raise BadSignature
    said = _object(incoming.body)
    name, body = written(said.get("event")), said.get("body")
    if "/telephony/sessions" in name:
        return AskAgain(owners=_owners(body))
    if "/presence" not in name or not isinstance(body, dict):
        return NOTHING_TO_DO
    extension = without_marks(incoming.query.get("extension", "")[:LONGEST])
    if not extension:
        return AskAgain(owners=_owners(body))
    return _of_presence(body, pbx, extension, moment(said.get("timestamp")))


def _owners(body: object) -> frozenset[str]:
    """The ids of the extensions that an event names; none: it may be of anybody."""
    said = mapping(body)
    parties = said.get("parties")
    rows = [said, *(one for one in parties if isinstance(one, dict))] if isinstance(parties, list) else [said]
    named = (written(one.get("extensionId"))[:LONGEST] for one in rows[:MOST_PARTIES])
    return frozenset(one for one in named if one)


def _of_presence(body: Mapping[str, Any], pbx: str, extension: str, at: datetime | None) -> Change | AskAgain:
    """The extension's calls; or that they must be asked for, where the event does not tell all of them."""
    try:
        calls = read_calls(body, pbx, extension)
    except PbxUnintelligible:
        calls = None
    if calls is None or _is_in_between(body) or _total(body) > len(body.get("activeCalls") or ()):
        return AskAgain(frozenset({extension}))
    return Change(extension, calls, at)


def _is_in_between(body: Mapping[str, Any]) -> bool:
    """Whether a call that is not there now may ring again: only one that is told as final has ended."""
    listed = [one for one in body.get("activeCalls") or () if isinstance(one, dict)]
    return any(not is_live(one) and one.get("terminationType") != "final" for one in listed)


def _total(body: Mapping[str, Any]) -> int:
    """How many calls there are: an event lists the last seven."""
    told = body.get("totalActiveCalls")
    return told if isinstance(told, int) and not isinstance(told, bool) else 0


def _is_proven(secret: Secret, incoming: Incoming) -> bool:
    """Whether a header has the token that the subscription was made with. All are compared, in constant time."""
    return sum(secret.matches(incoming.headers.get(name, "")) for name in PROOFS) > 0


def _may_be_echoed(challenge: str) -> bool:
    return 0 < len(challenge) <= LONGEST_CHALLENGE and challenge.isascii() and challenge.isprintable()


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(decoded(body))
    except (ValueError, RecursionError):
        raise Malformed("The event is not JSON") from None
    if not isinstance(found, dict):
        raise Malformed("The event is not a JSON object")
    return found
