"""What is asked after a hint: those extensions alone, at once, and who else had their calls."""

from dataclasses import dataclass, field

import pytest

from bridge.core.model import Call, CallState
from bridge.events.ask import MOST_ALONE, ask
from bridge.events.told import Known
from bridge.pbx.contract import Listing
from tests.unit.nouns import call

pytestmark = pytest.mark.anyio
RINGS, TALKS = call("group", CallState.RINGING), call("group", CallState.TALKING)


@dataclass
class System:
    """A phone system as `ask` uses one: what is so there, and what it was asked."""

    lines: dict[str, tuple[Call, ...]]
    asked: list[str | None] = field(default_factory=list)
    whole_account: bool = False
    unreadable: frozenset[str] = frozenset()

    def is_better_whole(self, extensions: int, usual: int) -> bool:
        return self.whole_account or extensions > usual

    async def alone(self, extension: str) -> Listing:
        self.asked.append(extension)
        return Listing({extension: self.lines.get(extension, ())}, unreadable=self.unreadable)

    async def snapshot(self, extension: str | None, anew: bool = False) -> Listing:
        assert anew
        self.asked.append(extension)
        return Listing(self.lines)


async def asked_after(system: System, known: Known, *extensions: str) -> list[str | None]:
    count = await ask(system, known, frozenset(extensions))  # type: ignore[arg-type]
    assert count == len(system.asked)
    return system.asked


async def test_who_is_told_of_is_asked_about_alone() -> None:
    system, known = System({"101": (RINGS,)}), Known({})
    assert await asked_after(system, known, "101") == ["101"]
    assert known.lines == {"101": (RINGS,)}


async def test_calls_that_cannot_be_read_have_not_ended() -> None:
    system, known = System({}, unreadable=frozenset({"101"})), Known({"101": (TALKS,)})
    await asked_after(system, known, "101")
    assert known.lines == {"101": (TALKS,)}


async def test_the_others_of_a_group_are_asked_about_when_one_has_answered() -> None:
    system, known = System({"102": (TALKS,)}), Known({"101": (RINGS,), "102": (RINGS,), "103": (call("other"),)})
    assert await asked_after(system, known, "102") == ["102", "101"]
    assert known.lines == {"102": (TALKS,), "103": (call("other"),)}


async def test_very_many_are_asked_about_as_a_whole() -> None:
    system, known = System({"101": (RINGS,)}), Known({})
    assert await asked_after(system, known, *map(str, range(MOST_ALONE + 1))) == [None]


async def test_a_phone_system_that_only_tells_all_is_asked_about_all() -> None:
    system, known = System({"101": (RINGS,)}, whole_account=True), Known({})
    assert await asked_after(system, known, "101") == [None]
