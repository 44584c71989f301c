"""What the API's routes accept in a query: named filters and nothing else, so that a misspelled one is not ignored."""

from collections.abc import Collection

from starlette.datastructures import QueryParams
from starlette.requests import Request

from bridge.core.errors import Malformed
from bridge.core.reasons import reason

PAGING = frozenset({"limit", "cursor"})
SHOWN = 50


def known_only(request: Request, filters: Collection[str], also: Collection[str] = PAGING) -> QueryParams:
    """The request's query. Raises `Malformed` for a filter of another name."""
    unknown = {*request.query_params} - {*filters, *also}
    if unknown:
        raise Malformed(reason("refused-unknown-filter", given=min(unknown)[:SHOWN], known=[*filters, *sorted(also)]))
    return request.query_params


def yes_or_no(text: str | None, name: str) -> bool:
    """`true` or `false`; left out, false. Raises `Malformed`."""
    if text not in (None, "", "true", "false"):
        raise Malformed(reason("refused-true-or-false", name=name))
    return text == "true"
