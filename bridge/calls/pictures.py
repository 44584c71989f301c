"""Who is on which call: pictures of a phone system, and what has happened between two of them; pure.

A picture is every extension that has live calls, with its calls. Events that come twice, late or in another order, and
polls in between, end in the same picture; so what agents are told depends on pictures alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.core.model import Call, CallState

Lines = Mapping[str, tuple[Call, ...]]
"""A picture: the live calls by extension."""
ANSWERED = frozenset({CallState.TALKING, CallState.HOLD})


class Happened(StrEnum):
    """What has happened to a call on an extension: it is there now, not answered; it is answered; it is gone."""

    RINGS = "rings"
    TALKS = "talks"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Turn:
    """One call on one extension. `call` is as it is now, or as it was last when it has left.

    `is_new`: it is first seen answered, so nobody was told that it rang. Of one that has left, `was_answered` says if
    it was answered here, `now_on` which extensions still have it, and `answered_on` the one of them that has answered
    it ("": none).
    """

    what: Happened
    extension: str
    call: Call
    was_answered: bool = False
    now_on: tuple[str, ...] = ()
    answered_on: str = ""
    is_new: bool = field(default=False, compare=False)


def live(lines: Lines) -> Lines:
    """The picture without idle extensions."""
    return {extension: calls for extension, calls in lines.items() if calls}


def step(before: Lines, after: Lines) -> tuple[list[Turn], Lines]:
    """What has happened between two pictures, and the picture to compare with the next one.

    A call that still rings on one extension of a group in the very picture that first shows it answered on another is
    nobody's news: it is left out of the picture, and told if it still rings in the next one.
    """
    taken = _answered(after) - _answered(before)
    turns: list[Turn] = []
    kept: dict[str, tuple[Call, ...]] = {}
    for extension, calls in after.items():
        known = {call.identity: call for call in before.get(extension, ())}
        stay = []
        for call in calls:
            name = call.identity
            earlier = known.get(name)
            if earlier is None and call.state not in ANSWERED and name in taken:
                continue
            stay.append(call)
            if call.state in ANSWERED and (earlier is None or earlier.state not in ANSWERED):
                turns.append(Turn(Happened.TALKS, extension, call, is_new=earlier is None))
            elif earlier is None:
                turns.append(Turn(Happened.RINGS, extension, call))
        if stay:
            kept[extension] = tuple(stay)
    return [*_left(before, after), *turns], kept


def _answered(lines: Lines) -> set[str]:
    return {call.identity for calls in lines.values() for call in calls if call.state in ANSWERED}


def _left(before: Lines, after: Lines) -> list[Turn]:
    places: dict[str, list[tuple[str, Call]]] = {}
    for extension, calls in after.items():
        for call in calls:
            places.setdefault(call.identity, []).append((extension, call))
    turns = []
    for extension, calls in before.items():
        here = {call.identity for call in after.get(extension, ())}
        for call in calls:
            if call.identity not in here:
                turns.append(_turn(extension, call, places.get(call.identity, [])))
    return turns


def _turn(extension: str, call: Call, elsewhere: list[tuple[str, Call]]) -> Turn:
    answered_on = next((other for other, now in elsewhere if now.state in ANSWERED), "")
    was_answered = call.state in ANSWERED
    return Turn(Happened.LEFT, extension, call, was_answered, tuple(other for other, _ in elsewhere), answered_on)
