"""What ARI answers: JSON of known shapes, and statuses that say what is missing; pure."""

import json
from collections.abc import Mapping
from typing import Any

from bridge.core.errors import PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply
from bridge.core.reasons import reason
from bridge.pbx.asterisk.ami import SYSTEM
from bridge.pbx.asterisk.legs import NAME_CHARACTERS, value_of
from bridge.pbx.fields import json_in
from bridge.pbx.reading import check_status

BOOTING = b"Asterisk not booted"
NOT_SET = {404: "Provided variable was not found", 500: "Unable to read provided function"}
NO_ENDPOINT = (404, "Endpoint not found")
GONE = (404, "Channel not found")


def check(reply: Reply) -> None:
    """Raise what a status says. A 404 is a page of HTML where ARI is off, or not yet there while Asterisk starts."""
    if reply.status == 404:
        raise PbxRefused(reason("asterisk.no-ari", status=404))
    if reply.status == 503 and BOOTING in reply.body:
        raise PbxUnreachable(reason("asterisk.booting", status=503))
    check_status(reply, SYSTEM)


def parsed(reply: Reply) -> Any:
    """What the JSON holds."""
    check(reply)
    try:
        return json_in(reply)
    except (ValueError, RecursionError):
        raise PbxUnintelligible(reason("asterisk.not-ari")) from None


def objects(reply: Reply) -> list[dict[str, Any]]:
    """A list of objects, and nothing else: what cannot be read must not pass for "no call"."""
    found = parsed(reply)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise PbxUnintelligible(reason("asterisk.not-ari"))
    return found


def message(reply: Reply) -> str:
    """Why a question was not answered: the `message` of a small JSON object."""
    try:
        found = json.loads(reply.body) if reply.status in NOT_SET and len(reply.body) < NAME_CHARACTERS else None
    except (ValueError, RecursionError):
        return ""
    return str(found.get("message")) if isinstance(found, dict) else ""


def inner(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object within an object; an empty one where it is not there."""
    held = found.get(name)
    return held if isinstance(held, dict) else {}


def text(found: Mapping[str, Any], name: str) -> str:
    """A text of an object; "" where it is not there."""
    held = found.get(name)
    return value_of(held, NAME_CHARACTERS) if isinstance(held, str) else ""


def texts(found: object) -> set[str]:
    """The texts of a list."""
    return {item for item in found if isinstance(item, str)} if isinstance(found, list) else set()
