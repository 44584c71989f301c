"""Fields of JSON as phone systems write them, whatever their type: each reads what is meant, or nothing; pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.core.http_types import Reply
from bridge.pbx.reading import decoded, quoted, read_json

LONGEST_NUMBER = 10**40


def json_in(reply: Reply) -> object:
    """What the answer holds. Raises `ValueError` where that is no JSON, `RecursionError` where it is too deep."""
    return read_json(decoded(reply.body, reply.headers.get("content-type", "")))


def written(value: object) -> str:
    """A text as it stands; a whole number is meant as one, anything else as nothing."""
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < LONGEST_NUMBER
    return str(value) if is_number else ""


def mapping(value: object) -> Mapping[str, Any]:
    """An object; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def moment(value: object) -> datetime | None:
    """A time by ISO 8601, in UTC; None where it does not say its time zone, or is none."""
    try:
        found = datetime.fromisoformat(written(value))
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def message_of(reply: Reply) -> str:
    """What an answer says is wrong, fit to be shown: `message` of an API, `error_description` or `error` of OAuth."""
    try:
        said = mapping(json_in(reply))
    except (ValueError, RecursionError):
        return ""
    told = (written(said.get(name)) for name in ("message", "error_description", "error"))
    return quoted(next(filter(None, told), ""))
