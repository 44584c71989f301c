"""Finding calls by who called. The audit log keeps no names, so that an erasure need not look for them there: a name
leads to numbers by the popups that are still kept, and the numbers lead to entries as old as the log."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.audit import query
from bridge.audit.archive import Archive
from bridge.audit.search import Search
from bridge.core.errors import Malformed
from bridge.core.json_codec import time_text
from bridge.core.model import Outcome
from bridge.core.reasons import reason
from bridge.core.text import trimmed
from bridge.store import keys
from bridge.store.calls import popups
from bridge.store.client import TextRedis

FEWEST_CHARACTERS = 2
MOST_CALLS, CHUNK = 5000, 250
"""How many of the newest calls are looked through, and how many at a time."""
MOST_CALLERS = 20


@dataclass(frozen=True, slots=True)
class Named:
    """How many callers have the name, whether there may be `more`, and since when the names of callers are known."""

    callers: int
    more: bool
    since: str


async def narrowed(
    archive: Archive, redis: TextRedis, search: Search, name: str, now: datetime
) -> tuple[Search, Named]:
    """The search for the calls of callers with this name or company alone, each word of it somewhere in it. The name
    itself is not in it, so it is recorded nowhere. Raises `Malformed`."""
    words = [word for part in name.casefold().split() if (word := trimmed(part))]
    if sum(map(len, words)) < FEWEST_CHARACTERS:
        raise Malformed(reason("refused-short-name", fewest=FEWEST_CHARACTERS))
    since = time_text(now - timedelta(seconds=keys.STORY_SECONDS))
    filters = {key: search.filters[key] for key in ("crm", "crm_user") if key in search.filters}
    kept = replace(search, filters={**filters, "outcome": str(Outcome.FOUND)}, keys={}, since=since, until=None)
    await archive.caught_up(redis)
    calls = await archive.ask(query.popups, archive, kept, MOST_CALLS)
    found: dict[str, None] = {}
    for start in range(0, len(calls), CHUNK):
        ids = [popup_id for _, popup_id in calls[start : start + CHUNK]]
        found |= dict.fromkeys(await popups.callers_named(redis, ids, words))
    wanted = [*found][:MOST_CALLERS]
    is_cut = len(calls) == MOST_CALLS
    named = Named(len(wanted), len(found) > MOST_CALLERS, calls[-1][0] if is_cut else since)
    return replace(search, keys={**search.keys, "caller": _of_both(search, wanted)}), named


def _of_both(search: Search, wanted: list[str]) -> list[str]:
    """Where a number is searched for too, it must be one of theirs."""
    given = search.keys.get("caller")
    return wanted if given is None else [key for key in wanted if key in given]
