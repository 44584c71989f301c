"""One question to a phone system, shared by those who wait for it."""

import asyncio
from dataclasses import dataclass

from bridge.core.model import ServedFrom
from bridge.pbx.contract import Listing


@dataclass(frozen=True, slots=True)
class QueryResult:
    """An answer: the listing, when it was asked (in ticks), how this click came by it."""

    listing: Listing
    asked_at: float
    served_from: ServedFrom


@dataclass(slots=True)
class Query:
    """A question about one extension, or (None) all, asked at `asked_at` (in ticks)."""

    extension: str | None
    asked_at: float
    task: "asyncio.Future[Listing]"
    joined: int = 0
    is_ours: bool = True
    """False: it is a partner's, or it is not known yet whether it will be; what it does not name is not told."""

    def covers(self, extension: str | None) -> bool:
        """Whether its answer is about this extension, or (None) about all."""
        return self.extension in (None, extension) and (self.is_ours or extension is not None)

    def tells(self, listing: Listing, extension: str | None, clicked_at: float) -> bool:
        """Whether a click may be told this answer to it."""
        return (self.is_ours and self.asked_at >= clicked_at) or has_calls(listing, extension)


def has_calls(listing: Listing, extension: str | None) -> bool:
    """Whether an answer older than the click may be told: one with calls, and any snapshot of everything."""
    return extension is None or bool(listing.extensions.get(extension))
