"""Which of the live calls is chosen, and why."""

import itertools
import random
from dataclasses import replace
from typing import Any

import pytest

from bridge.clicks.choose import choose
from bridge.core.model import Call, CallState, YesNo
from bridge.core.reasons import say
from tests.unit.nouns import call

TALKING, RINGING, DIALING, HOLD, UNKNOWN = (
    CallState.TALKING,
    CallState.RINGING,
    CallState.DIALING,
    CallState.HOLD,
    CallState.UNKNOWN,
)
RANKS = [{TALKING}, {RINGING, DIALING}, {HOLD}, {UNKNOWN}]
"""Contract 4: talking, then ringing or dialing, then hold; what cannot be named comes last."""
NOW = {
    TALKING: "talking now",
    RINGING: "ringing now",
    DIALING: "dialing now",
    HOLD: "on hold now",
    UNKNOWN: "in a state the phone system did not name",
}
BESIDE = {
    TALKING: "talking",
    RINGING: "ringing",
    DIALING: "dialing",
    HOLD: "on hold",
    UNKNOWN: "in an unnamed state",
}


def rank(state: CallState) -> int:
    return next(place for place, states in enumerate(RANKS) if state in states)


def chosen(*calls: Call, ivrid: str | None = None) -> tuple[str, list[str], str]:
    """ivrid of the chosen call, ivrids of the others, why."""
    choice = choose(calls, ivrid)
    assert choice is not None
    return choice.call.ivrid, [other.ivrid for other in choice.others], say(choice.reason)


@pytest.mark.parametrize("state", list(CallState))
def test_an_only_call(state: CallState) -> None:
    assert chosen(call("a", state)) == ("a", [], f"{NOW[state]}; the only call")


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"queue": "sales"}, "from the queue sales; "),
        ({"conference": YesNo.YES}, "in a conference; "),
        ({"parked": YesNo.YES}, "parked; "),
        ({"held_by_other": YesNo.YES}, "the other side has put you on hold; "),
        ({"held_by_other": YesNo.YES, "queue": "sales"}, "the other side has put you on hold; from the queue sales; "),
        ({"conference": YesNo.NO, "parked": YesNo.NO, "held_by_other": YesNo.NO}, ""),
    ],
)
def test_what_else_is_known_of_the_call_is_in_the_sentence(known: dict[str, Any], words: str) -> None:
    assert chosen(replace(call("a"), **known)) == ("a", [], f"talking now; {words}the only call")


@pytest.mark.parametrize(("first", "second"), list(itertools.product(CallState, repeat=2)))
def test_every_pair_of_states(first: CallState, second: CallState) -> None:
    older, newer = call("old", first, started=10), call("new", second, started=20)
    wins, loses = (older, newer) if rank(first) < rank(second) else (newer, older)
    newest = ", the newest" if rank(first) == rank(second) else ""
    why = f"{NOW[wins.state]}{newest}; 1 other call is {BESIDE[loses.state]}"
    assert chosen(older, newer) == chosen(newer, older) == (wins.ivrid, [loses.ivrid], why)


def test_the_whys_of_the_contract() -> None:
    assert chosen(call("a"))[2] == "talking now; the only call"
    assert chosen(call("a"), call("b", HOLD))[2] == "talking now; 1 other call is on hold"


def test_why_counts_the_other_calls() -> None:
    calls = [call("a"), call("b", HOLD), call("c", HOLD)]
    assert chosen(*calls)[2] == "talking now; 2 other calls are on hold"
    assert chosen(*calls, call("d", RINGING))[2] == "talking now; 3 other calls: 1 ringing, 2 on hold"


def test_the_newest_of_equals_and_a_call_without_a_time_last() -> None:
    calls = [call("b", started=5), call("c", started=None), call("a", started=9)]
    assert chosen(*calls)[:2] == ("a", ["b", "c"])


def test_the_choice_does_not_hang_on_the_order_they_come_in() -> None:
    calls = [call(str(n), state, started=n % 3) for n, state in enumerate(list(CallState) * 3)]
    shuffled = random.Random(7).sample(calls, len(calls))
    assert chosen(*calls) == chosen(*shuffled)


def test_the_call_that_was_asked_for() -> None:
    asked = chosen(call("a"), call("b", HOLD), ivrid="b")
    assert asked == ("b", ["a"], "the call that was asked for; on hold now; 1 other call is talking")


@pytest.mark.parametrize("ivrid", ["ab", "bc", "abcd", "ABC", "abc ", " abc"])
def test_an_ivrid_is_compared_exactly(ivrid: str) -> None:
    assert choose([call("abc"), call("d")], ivrid) is None


def test_one_call_on_two_extensions_is_one_call() -> None:
    """Ringing at the desk and on the mobile: the vendor lists it on both extensions."""
    desk, mobile = call("a", RINGING), call("a", RINGING, extension="SIPDana2")
    assert chosen(desk, mobile) == ("a", [], "ringing now; the only call")


def test_of_one_call_on_two_extensions_the_one_that_talks_is_shown() -> None:
    choice = choose([call("a", RINGING, started=9), call("a", TALKING, extension="SIPDana2")], None)
    assert choice is not None
    assert (choice.call.extension, choice.others) == ("SIPDana2", ())


def test_other_calls_are_listed_once_each_too() -> None:
    twice = [call("b", HOLD), call("b", HOLD, extension="SIPDana2")]
    assert chosen(call("a"), *twice) == ("a", ["b"], "talking now; 1 other call is on hold")


def test_two_phone_systems_may_use_the_same_ivrid() -> None:
    assert chosen(call("a", started=2), call("a", HOLD, pbx="office"))[1] == ["a"]


def test_calls_without_an_ivrid_are_calls_of_their_own() -> None:
    assert chosen(call("", started=2), call("", started=1), call("", HOLD))[1] == ["", ""]


def test_the_call_that_the_agent_chose_earlier() -> None:
    """It outweighs the rule while it is live, and is outweighed by a call that is asked for."""
    calls = [call("a", TALKING), call("b", HOLD), call("c", RINGING)]

    def told(ivrid: str | None, before: str | None) -> tuple[str, str]:
        choice = choose(calls, ivrid, before)
        assert choice is not None
        return choice.call.ivrid, say(choice.reason)

    assert told(None, "b") == ("b", "you chose it; on hold now; 2 other calls: 1 talking, 1 ringing")
    assert told("c", "b")[0] == "c"
    assert told(None, "gone") == told(None, None)
    assert choose(calls, "gone", "b") is None
