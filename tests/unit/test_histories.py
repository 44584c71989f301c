"""Ten thousand invented days of a phone system against a model: calls, ring groups, transfers, and what is told of them
lost, doubled, swapped and late, with questions in between. Who gets popups, and which ends are told?"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge.calls.pictures import ANSWERED, Happened, Lines, live, step
from bridge.core.model import Call, CallState, Pop
from bridge.events.pop import MODES
from bridge.events.told import Known
from bridge.pbx.contract import Change, Listing, Picture
from tests.unit.nouns import NOON, call

HISTORIES, MOVES = 10_000, 14
EXTENSIONS = ("10", "101", "1010", "102")
MODE = {"10": Pop.RINGING, "101": Pop.ANSWER, "1010": Pop.RINGING, "102": Pop.BUTTON}


@dataclass
class World:
    """What is really so: each call's state on each extension."""

    chance: random.Random
    lines: dict[str, dict[str, CallState]] = field(default_factory=lambda: {name: {} for name in EXTENSIONS})
    at: datetime = NOON
    made: int = 0

    def move(self) -> str:
        """Something happens; the extension that it happened on."""
        self.at += timedelta(seconds=1)
        busy = [(name, ivrid) for name in EXTENSIONS for ivrid in self.lines[name]]
        what = self.chance.choice(["ring", "group", "answer", "answer", "hold", "transfer", "hang-up"])
        if what in ("ring", "group") or not busy:
            return self._ring(2 if what == "group" else 1)
        name, ivrid = self.chance.choice(busy)
        if what == "hang-up":
            self._end(ivrid)
        elif what == "transfer":
            self.lines[self.chance.choice(EXTENSIONS)].setdefault(ivrid, CallState.RINGING)
        elif what == "hold" and self.lines[name][ivrid] in ANSWERED:
            self.lines[name][ivrid] = CallState.HOLD
        elif what == "answer":
            self._end(ivrid)
            self.lines[name][ivrid] = CallState.TALKING
        return name

    def _ring(self, places: int) -> str:
        self.made += 1
        names = self.chance.sample(EXTENSIONS, places)
        for name in names:
            self.lines[name][f"call-{self.made}"] = CallState.RINGING
        return names[0]

    def _end(self, ivrid: str) -> None:
        for calls in self.lines.values():
            calls.pop(ivrid, None)

    def calls_on(self, extension: str) -> tuple[Call, ...]:
        return tuple(replace(call(ivrid, state), extension=extension) for ivrid, state in self.lines[extension].items())

    def picture(self) -> Picture:
        return Picture(Listing({name: self.calls_on(name) for name in EXTENSIONS}), self.at)


def told_of(world: World, chance: random.Random) -> Iterator[Picture | Change]:
    """What a listener hears of a day: events that are lost, doubled, swapped and late, and answers to questions."""
    late: list[Change] = []
    for _ in range(MOVES):
        name = world.move()
        change = Change(name, world.calls_on(name), world.at)
        fate = chance.random()
        if fate < 0.2:
            late.append(change)
        elif fate < 0.8:
            yield change
            if fate < 0.35:
                yield change
        if late and chance.random() < 0.3:
            yield late.pop(chance.randrange(len(late)))
        if chance.random() < 0.25:
            yield world.picture()
    yield from late
    yield world.picture()
    yield world.picture()


@dataclass
class Seen:
    """What a listener made of it: popups by extension and call, ends by the same."""

    popped: Counter[tuple[str, str]] = field(default_factory=Counter)
    left: Counter[tuple[str, str]] = field(default_factory=Counter)
    rang: set[tuple[str, str]] = field(default_factory=set)
    answered: set[tuple[str, str]] = field(default_factory=set)


def listened(world: World, chance: random.Random) -> tuple[Seen, Lines]:
    """As the listener does it; and what the pictures that it had really showed."""
    seen, known = Seen(), Known({})
    before: Lines = {}
    for told in told_of(world, chance):
        if not known.takes(told):
            known.takes(world.picture())
        for name, calls in known.lines.items():
            seen.rang |= {(name, one.ivrid) for one in calls}
            seen.answered |= {(name, one.ivrid) for one in calls if one.state in ANSWERED}
        turns, before = step(before, known.lines)
        for turn in turns:
            place = (turn.extension, turn.call.ivrid)
            if turn.what is Happened.LEFT:
                seen.left[place] += 1
            elif turn.what in MODES[MODE[turn.extension]] and place not in seen.popped:
                seen.popped[place] += 1
    return seen, before


def test_each_agent_is_popped_as_the_mode_says_and_nobody_elses_call() -> None:
    for number in range(HISTORIES):
        chance = random.Random(number)
        world = World(chance)
        seen, now = listened(world, chance)
        truth = {name: {one.ivrid for one in world.calls_on(name)} for name in EXTENSIONS}
        assert {name: {one.ivrid for one in calls} for name, calls in now.items()} == {
            name: calls for name, calls in truth.items() if calls
        }, number
        assert set(seen.popped) <= seen.rang, f"a ghost in history {number}"
        assert set(seen.popped.values()) <= {1}, f"a double in history {number}"
        assert not [place for place in seen.popped if MODE[place[0]] is Pop.BUTTON], number
        for mode, shown in ((Pop.ANSWER, seen.answered), (Pop.RINGING, seen.answered)):
            wanted = {place for place in shown if MODE[place[0]] is mode}
            assert wanted <= set(seen.popped), f"nobody was told in history {number}"
        gone = {place for place in seen.popped if place[1] not in truth[place[0]]}
        assert gone <= set(seen.left), f"an end was not told in history {number}"
        assert live(now) == now
