"""Mappings whose values are made when they are asked for: of an answer with 5,000 calls, a click wants those of one
extension."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

from bridge.core.model import Call
from bridge.pbx.contract import Listing

Made = TypeVar("Made")
FEW = 50
"""Calls that are made without a thread: it takes longer to begin one."""


class Late(Mapping[str, Made]):
    """`make` gives the whole mapping, when it is first looked at. It must not fail: whoever asks reads no answer any
    more."""

    def __init__(self, make: Callable[[], Mapping[str, Made]]) -> None:
        self._make = make

    @cached_property
    def whole(self) -> Mapping[str, Made]:
        """All of it, made once."""
        return self._make()

    def __getitem__(self, key: str) -> Made:
        return self.whole[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole)

    def __len__(self) -> int:
        return len(self.whole)

    def __repr__(self) -> str:
        return f"<{'made' if 'whole' in self.__dict__ else 'late'}>"  # asyncio writes down results of tasks at times


class OnDemand(Late[Made]):
    """`one` gives the value of one key, or raises KeyError, and must not fail otherwise; the whole of it is made for
    whoever walks, counts or compares the mapping. `size` is about how many nouns there are in all of it, where that is
    known before they are made.
    """

    def __init__(
        self, one: Callable[[str], Made], make: Callable[[], Mapping[str, Made]], size: int | None = None
    ) -> None:
        super().__init__(make)
        self._one, self.size = one, size
        self._made: dict[str, Made] = {}

    def __getitem__(self, key: str) -> Made:
        if "whole" in self.__dict__:
            return self.whole[key]
        if key not in self._made:
            self._made[key] = self._one(key)
        return self._made[key]

    def __repr__(self) -> str:
        return f"<{len(self._made)} made of those on demand>"


def size_of(extensions: Mapping[str, tuple[Call, ...]]) -> int:
    """About how many calls there are, without making any where that is known."""
    if isinstance(extensions, OnDemand) and extensions.size is not None:
        return extensions.size
    return sum(map(len, extensions.values()))


async def made(listing: Listing) -> Listing:
    """The listing, for whoever walks all its calls: made in a thread, where they are made on demand and are many."""
    extensions = listing.extensions
    if isinstance(extensions, OnDemand) and (extensions.size is None or extensions.size > FEW):
        await asyncio.to_thread(len, extensions)
    return listing
