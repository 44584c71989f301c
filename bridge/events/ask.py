"""Asking a phone system what its hints may mean: those extensions at the same time, and whoever had their calls too."""

import asyncio
from collections.abc import Collection

from bridge.calls.phone_system import PhoneSystem
from bridge.calls.pictures import Happened, Lines, step
from bridge.events.told import Known
from bridge.pbx.contract import Change

MOST_ALONE = 16
"""Extensions that are asked about one by one, where the phone system can be asked so; more of them as a whole."""


async def ask(system: PhoneSystem, known: Known, extensions: frozenset[str]) -> int:
    """Ask about these extensions, or (none named) about all, into `known`; how many questions that took.

    Raises `PbxError`: there was no answer to one of them, and nothing new is known then.
    """
    if not extensions or system.is_better_whole(len(extensions), MOST_ALONE):
        known.show(await system.snapshot(None, anew=True))
        return 1
    before = known.lines
    await _ask_each(system, known, extensions)
    others = _others(before, known.lines, extensions)
    if others:
        await _ask_each(system, known, others)
    return len(extensions) + len(others)


async def _ask_each(system: PhoneSystem, known: Known, extensions: Collection[str]) -> None:
    listings = await asyncio.gather(*(system.alone(extension) for extension in extensions))
    for extension, listing in zip(extensions, listings, strict=True):
        if extension in listing.unreadable:
            continue  # what cannot be read has not ended
        known.takes(Change(extension, listing.extensions.get(extension, ())))


def _others(before: Lines, after: Lines, asked: Collection[str]) -> list[str]:
    """Who else is known to have a call that was answered or has left: not every phone of a group is told of each time,
    and the others' cards are to say who answered."""
    turns, _ = step(*({extension: lines.get(extension, ()) for extension in asked} for lines in (before, after)))
    changed = {turn.call.identity for turn in turns if turn.what is not Happened.RINGS}
    return [
        extension
        for extension, calls in after.items()
        if changed and extension not in asked and any(call.identity in changed for call in calls)
    ]
