"""Partners: the other web processes of the installation that ask the same phone system; and what is passed on to them.

Passed on are the calls of the extensions that have some. Whether an extension is idle, or exists, a partner's answer
never tells: its question may be older than the click.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from bridge.core.json_codec import from_json
from bridge.core.model import Call
from bridge.pbx.contract import Listing
from bridge.pbx.on_demand import FEW, OnDemand, made, size_of

MOST_CALLS, MOST_CHARACTERS = 500, 250_000
"""A longer answer is not passed on: to write it down takes more of this process than the question takes of each."""


SHORTEST_SECONDS, LONGEST_SECONDS, TIMES_USUAL = 0.2, 2.0, 5
"""How long the answer of a process that may have died is waited for: some times what questions usually take."""


def patience(usual: float, longest: float) -> float:
    """That time, where questions usually take so many seconds and may take `longest`."""
    return min(longest, max(SHORTEST_SECONDS, TIMES_USUAL * usual))


class NoAnswer(Exception):
    """Whoever asked does not tell what was answered: it failed, was too long, or the process is gone."""


@dataclass(frozen=True, slots=True)
class AskedElsewhere:
    """A partner's question for all calls. It was asked at `asked_at` (in this process's ticks) or a little later."""

    asked_at: float
    answer: "asyncio.Future[Listing]"


class Partners(Protocol):
    """The partners in the questions to one phone system."""

    def pays(self, usual: float) -> bool:
        """Whether to ask together with them, where a question usually takes so many seconds."""

    def count(self) -> int:
        """How many there are."""

    def clicks_per_second(self) -> float:
        """How many clicks ask, in all processes."""

    async def take(self, question: str, seconds: float) -> AskedElsewhere | None:
        """None: this process is to ask, and tells within `seconds`. Else what a partner is asking already."""

    def announce(self, question: str, seconds: float) -> None:
        """Tell them of a question that this process asks whatever they do."""

    def tell(self, question: str, listing: Listing | None) -> None:
        """Tell them what was answered; None: that it failed."""


async def written(listing: Listing) -> str:
    """The calls of a listing, to be passed on; "" where they are too many."""
    count = size_of(listing.extensions)
    if count > MOST_CALLS:
        return ""
    lines = (await made(listing)).extensions
    text = _written(lines) if count <= FEW else await asyncio.to_thread(_written, lines)
    return text if len(text) <= MOST_CHARACTERS else ""


def _written(lines: Mapping[str, tuple[Call, ...]]) -> str:
    texts = {extension: _encoder().encode(calls) for extension, calls in lines.items() if calls}
    return json.dumps(texts, ensure_ascii=False).encode("utf-8", "replace").decode()


@cache
def _encoder() -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_exactly)


def _exactly(value: Any) -> Any:
    """With all digits of times, unlike what users see: they can be part of what makes two calls the same."""
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return dict(value)


def read(text: str) -> Listing:
    """What `written` wrote, made when it is asked for. What cannot be read is not there: another version wrote it."""

    @cache
    def texts() -> dict[str, str]:
        try:
            found = json.loads(text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def calls(extension: str) -> tuple[Call, ...]:
        try:
            return from_json(tuple[Call, ...], texts()[extension])
        except ValueError:
            raise KeyError(extension) from None

    return Listing(OnDemand(calls, lambda: {extension: calls(extension) for extension in texts()}))
