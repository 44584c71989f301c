"""What has happened between two pictures of a phone system."""

from dataclasses import replace

from bridge.calls.pictures import Happened, Turn, step
from bridge.core.model import Call, CallState
from tests.unit.nouns import call

RINGING, TALKING, HOLD = CallState.RINGING, CallState.TALKING, CallState.HOLD


def on(extension: str, state: CallState, ivrid: str = "c0ffee01") -> Call:
    return replace(call(ivrid, state), extension=extension)


def told(turns: list[Turn]) -> list[tuple[str, str, str]]:
    return [(str(turn.what), turn.extension, turn.call.ivrid) for turn in turns]


def test_a_call_rings_is_answered_and_ends() -> None:
    rings, talks = {"101": (on("101", RINGING),)}, {"101": (on("101", TALKING),)}
    assert told(step({}, rings)[0]) == [("rings", "101", "c0ffee01")]
    assert told(step(rings, rings)[0]) == []
    assert told(step(rings, talks)[0]) == [("talks", "101", "c0ffee01")]
    assert told(step(talks, {"101": (on("101", HOLD),)})[0]) == []
    (left,) = step(talks, {})[0]
    assert (left.what, left.was_answered, left.now_on) == (Happened.LEFT, True, ())


def test_a_call_that_was_answered_between_two_polls_talks_at_once() -> None:
    assert told(step({}, {"101": (on("101", TALKING),)})[0]) == [("talks", "101", "c0ffee01")]


def test_a_group_rings_and_one_answers() -> None:
    rings = {name: (on(name, RINGING),) for name in ("101", "102", "103")}
    after = {"102": (on("102", TALKING),)}
    turns = {turn.extension: turn for turn in step(rings, after)[0]}
    assert turns["102"].what is Happened.TALKS
    assert {name: (turns[name].answered_on, turns[name].was_answered) for name in ("101", "103")} == {
        "101": ("102", False),
        "103": ("102", False),
    }


def test_a_phone_that_still_rings_when_another_has_answered_is_nobodys_news() -> None:
    both = {"101": (on("101", TALKING),), "102": (on("102", RINGING),)}
    turns, kept = step({}, both)
    assert told(turns) == [("talks", "101", "c0ffee01")]
    assert told(step(kept, both)[0]) == [("rings", "102", "c0ffee01")], "it rings on: it is passed on"


def test_a_transfer_rings_on_the_second_while_the_first_talks() -> None:
    first = {"101": (on("101", TALKING),)}
    both = {**first, "102": (on("102", RINGING),)}
    assert told(step(first, both)[0]) == [("rings", "102", "c0ffee01")]
    turns = step(both, {"102": (on("102", TALKING),)})[0]
    assert {(turn.extension, turn.what) for turn in turns} == {("101", Happened.LEFT), ("102", Happened.TALKS)}


def test_extension_names_match_exactly() -> None:
    turns = step({"10": (on("10", TALKING),)}, {"101": (on("101", TALKING, "c0ffee02"),)})[0]
    assert [(turn.extension, turn.what) for turn in turns] == [("10", Happened.LEFT), ("101", Happened.TALKS)]
