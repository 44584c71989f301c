"""Choosing the call, saying why, and making the popup."""

import itertools
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.calls.labels import Labels, labelled
from bridge.clicks.choose import choose
from bridge.clicks.popup import make_popup
from bridge.core.model import Call, CallerKind, CallState
from bridge.core.reasons import say
from tests.unit.nouns import CLICK, DANA, NOON, call

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
LABELS = Labels({"0776707528": "Sales line"}, {"main": "IL", "office": "HU"})


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


def test_one_call_on_two_lines_is_one_call() -> None:
    """Ringing at the desk and on the mobile: the vendor lists it on both extensions."""
    desk, mobile = call("a", RINGING), call("a", RINGING, extension="SIPDana2")
    assert chosen(desk, mobile) == ("a", [], "ringing now; the only call")


def test_of_one_call_on_two_lines_the_one_that_talks_is_shown() -> None:
    choice = choose([call("a", RINGING, started=9), call("a", TALKING, extension="SIPDana2")], None)
    assert choice is not None
    assert (choice.call.extension, choice.others) == ("SIPDana2", ())


def test_other_calls_are_told_once_each_too() -> None:
    twice = [call("b", HOLD), call("b", HOLD, extension="SIPDana2")]
    assert chosen(call("a"), *twice) == ("a", ["b"], "talking now; 1 other call is on hold")


def test_two_phone_systems_may_use_the_same_ivrid() -> None:
    assert chosen(call("a", started=2), call("a", HOLD, pbx="office"))[1] == ["a"]


def test_calls_without_an_ivrid_are_calls_of_their_own() -> None:
    assert chosen(call("", started=2), call("", started=1), call("", HOLD))[1] == ["", ""]


@pytest.mark.parametrize(
    ("number", "kind", "public"),
    [
        ("0722776772", CallerKind.NUMBER, "+972722776772"),
        ("103", CallerKind.INTERNAL, None),
        ("*6759", CallerKind.SERVICE, None),
        ("Anonymous", CallerKind.WITHHELD, None),
        ("", CallerKind.WITHHELD, None),
        ("Dana Cohen", CallerKind.TEXT, None),
    ],
)
def test_the_caller_by_the_contracts_examples(number: str, kind: CallerKind, public: str | None) -> None:
    caller = labelled(call(number=number), LABELS).caller
    assert (caller.number, caller.kind, caller.e164, caller.name) == (number, kind, public, "רות לוי")


def test_a_number_is_read_in_its_own_phone_systems_country() -> None:
    assert labelled(call(number="06 1 234 5678", pbx="office"), LABELS).caller.e164 == "+3612345678"
    assert labelled(call(number="06 1 234 5678"), LABELS).caller.e164 is None


@pytest.mark.parametrize("written", ["0776707528", "077-670-7528", "+972776707528", "972776707528"])
@pytest.mark.parametrize("dialled", ["0776707528", "972776707528", "+972776707528"])
def test_a_did_has_its_label_in_any_spelling(written: str, dialled: str) -> None:
    labels = Labels({"0722776772": "Support", written: "Sales line"}, {"main": "IL"})
    shown = labelled(call(did=dialled), labels)
    assert (shown.did, shown.did_label) == (dialled, "Sales line")


@pytest.mark.parametrize("did", ["", "0722776772", "670", "07767075280", "Anonymous"])
def test_a_did_without_a_label(did: str) -> None:
    assert labelled(call(did=did), LABELS).did_label is None


@pytest.mark.parametrize("did", ["*6759", "main-menu", "100"])
def test_a_did_that_is_no_public_number_has_its_label_by_its_exact_text(did: str) -> None:
    labels = Labels({"*6759": "Short", "main-menu": "Menu", "100": "Desk"}, {"main": "IL"})
    assert labelled(call(did=did), labels).did_label == labels.dids[did]


def test_the_popup() -> None:
    transferred = call("b", did="0776707528", customdata={"OriginalIvrUniqueID": "z", "ticket": "7"}, original="z")
    click = replace(CLICK, record={"type": "contact", "id": "42"})
    choice = choose([call("a", HOLD, did="0776707528"), transferred], None)
    assert choice is not None
    made = make_popup(click, DANA, choice, LABELS, "pop_1", NOON, ttl=120)
    assert (made.popup_id, made.click_id, made.why) == ("pop_1", "clk_1", "talking now; 1 other call is on hold")
    assert (made.created_at, made.expires_at) == (NOON, NOON + timedelta(seconds=120))
    assert made.call == labelled(transferred, LABELS)
    assert (made.call.original_ivrid, made.call.did_label) == ("z", "Sales line")
    assert made.call.customdata == {"OriginalIvrUniqueID": "z", "ticket": "7"}
    assert [(other.ivrid, other.did_label, other.caller.e164) for other in made.other_calls] == [
        ("a", "Sales line", "+972722776772")
    ]
    assert made.record == {"type": "contact", "id": "42"}


def test_the_popup_names_the_line_that_the_call_is_on() -> None:
    choice = choose([call("a", extension="SIPDana2", pbx="office")], None)
    assert choice is not None
    agent = make_popup(CLICK, DANA, choice, LABELS, "pop_1", NOON, 120).agent
    assert (agent.crm, agent.crm_user, agent.name) == ("acme", "dana@acme.example", "Dana Cohen")
    assert (agent.pbx, agent.extension) == ("office", "SIPDana2")


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
