"""The simulated client: what each action does, and what holds whatever is done in whatever order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.core.model import Caller, CallerKind, CallState, Direction
from bridge.pbx.switchboard import Extension, NotPossible, Switchboard

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(seconds=7)
RUTH = Caller("0501230001", name="רות לוי", kind=CallerKind.NUMBER)
CODES = ["SIPDana1", "SIPOmer2", "SIPNoaa3"]


@pytest.fixture
def board() -> Switchboard:
    return Switchboard(Extension(code, name, short) for code, name, short in zip(CODES, "ABC", "123", strict=True))


def test_a_customer_call_rings_then_talks(board: Switchboard) -> None:
    ivrid = board.incoming(["SIPDana1"], RUTH, NOON, did="0722776772", customdata={"ticket": "7"})
    ringing = board.call(ivrid, "SIPDana1")
    assert (ringing.state, ringing.direction, ringing.did) == (CallState.RINGING, Direction.INCOMING, "0722776772")
    assert (ringing.started_at, ringing.answered_at, ringing.customdata) == (NOON, None, {"ticket": "7"})
    board.answer(ivrid, "SIPDana1", LATER)
    talking = board.call(ivrid, "SIPDana1")
    assert (talking.state, talking.started_at, talking.answered_at) == (CallState.TALKING, NOON, LATER)


def test_a_call_that_rings_on_three_phones_is_one_call_and_stops_elsewhere_when_answered(board: Switchboard) -> None:
    ivrid = board.incoming(CODES, RUTH, NOON)
    assert [call.ivrid for call in board.all_calls()] == [ivrid] * 3
    board.answer(ivrid, "SIPOmer2", LATER)
    assert [(call.extension, call.state) for call in board.all_calls()] == [("SIPOmer2", CallState.TALKING)]


def test_an_outgoing_call_dials_until_the_other_side_answers(board: Switchboard) -> None:
    ivrid = board.outgoing("SIPDana1", RUTH, NOON)
    assert board.call(ivrid, "SIPDana1").state is CallState.DIALING
    assert board.placed_by(ivrid) == "SIPDana1"
    board.callee_answers(ivrid, LATER)
    assert board.call(ivrid, "SIPDana1").state is CallState.TALKING
    board.hang_up(ivrid)
    assert board.placed_by(ivrid) is None


def test_an_internal_call_is_on_both_phones_and_each_sees_the_other(board: Switchboard) -> None:
    ivrid = board.internal("SIPDana1", "SIPOmer2", NOON)
    dana, omer = board.call(ivrid, "SIPDana1"), board.call(ivrid, "SIPOmer2")
    assert (dana.state, dana.caller.number, dana.caller.kind) == (CallState.DIALING, "2", CallerKind.INTERNAL)
    assert (omer.state, omer.caller.number, omer.direction) == (CallState.RINGING, "1", Direction.INTERNAL)
    board.answer(ivrid, "SIPOmer2", LATER)
    assert {call.state for call in board.all_calls()} == {CallState.TALKING}


def test_a_transferred_call_is_a_new_call_that_knows_the_first(board: Switchboard) -> None:
    first = board.incoming(["SIPOmer2"], RUTH, NOON, did="0722776772")
    board.answer(first, "SIPOmer2", NOON)
    second = board.transfer(first, "SIPOmer2", "SIPDana1", LATER)
    call = board.call(second, "SIPDana1")
    assert (call.original_ivrid, call.caller, call.did, call.state) == (first, RUTH, "0722776772", CallState.RINGING)
    assert board.calls("SIPOmer2") == ()
    board.answer(second, "SIPDana1", LATER)
    third = board.transfer(second, "SIPDana1", "SIPNoaa3", LATER)
    assert board.call(third, "SIPNoaa3").original_ivrid == first


def test_hold_lets_a_second_call_in_and_resume_brings_the_first_back(board: Switchboard) -> None:
    first = board.incoming(["SIPDana1"], RUTH, NOON)
    board.answer(first, "SIPDana1", NOON)
    board.hold(first, "SIPDana1")
    second = board.incoming(["SIPDana1"], Caller("", kind=CallerKind.WITHHELD), LATER)
    assert [call.state for call in board.calls("SIPDana1")] == [CallState.HOLD, CallState.RINGING]
    board.hang_up(second)
    board.resume(first, "SIPDana1")
    assert [call.state for call in board.calls("SIPDana1")] == [CallState.TALKING]


def test_a_recording_can_be_muted(board: Switchboard) -> None:
    ivrid = board.incoming(["SIPDana1"], RUTH, NOON)
    board.mute_recording(ivrid, "SIPDana1", muted=True)
    recording = board.call(ivrid, "SIPDana1").recording
    assert recording is not None
    assert recording.muted


@pytest.mark.parametrize(
    "impossible",
    [
        lambda board, ivrid: board.incoming(["SIPdana1"], RUTH, NOON),
        lambda board, ivrid: board.incoming([], RUTH, NOON),
        lambda board, ivrid: board.internal("SIPOmer2", "SIPOmer2", NOON),
        lambda board, ivrid: board.answer(ivrid, "SIPDana1", LATER),
        lambda board, ivrid: board.answer(ivrid, "SIPOmer2", LATER),
        lambda board, ivrid: board.answer("gone", "SIPDana1", LATER),
        lambda board, ivrid: board.callee_answers(ivrid, LATER),
        lambda board, ivrid: board.resume(ivrid, "SIPDana1"),
        lambda board, ivrid: board.transfer(ivrid, "SIPDana1", "SIPDana1", LATER),
        lambda board, ivrid: board.transfer(ivrid, "SIPDana1", "nowhere", LATER),
        lambda board, ivrid: board.hang_up("gone"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(board: Switchboard, impossible) -> None:
    ivrid = board.incoming(["SIPDana1"], RUTH, NOON)
    board.answer(ivrid, "SIPDana1", NOON)
    before = board.all_calls()
    with pytest.raises(NotPossible):
        impossible(board, ivrid)
    assert board.all_calls() == before


class AnyDay(RuleBasedStateMachine):
    """Anything anybody could do with three phones, possible or not."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Switchboard(Extension(code, code) for code in CODES)
        self.now = NOON
        self.ids: list[str] = []

    def attempt(self, action, *arguments) -> None:
        self.now += timedelta(seconds=1)
        before = self.board.all_calls()
        try:
            given = action(*arguments)
        except NotPossible:
            assert self.board.all_calls() == before
            return
        if isinstance(given, str):
            assert given not in self.ids
            self.ids.append(given)

    @rule(to=st.lists(st.sampled_from(CODES), max_size=3))
    def customer_calls(self, to: list[str]) -> None:
        self.attempt(self.board.incoming, to, RUTH, self.now)

    @rule(code=st.sampled_from(CODES))
    def dial(self, code: str) -> None:
        self.attempt(self.board.outgoing, code, RUTH, self.now)

    @rule(code=st.sampled_from(CODES), to=st.sampled_from(CODES))
    def dial_colleague(self, code: str, to: str) -> None:
        self.attempt(self.board.internal, code, to, self.now)

    @rule(data=st.data(), code=st.sampled_from(CODES))
    def answer(self, data: st.DataObject, code: str) -> None:
        ivrid = data.draw(st.sampled_from(self.ids or ["none"]))
        self.attempt(self.board.answer, ivrid, code, self.now)

    @rule(data=st.data())
    def callee_answers(self, data: st.DataObject) -> None:
        self.attempt(self.board.callee_answers, data.draw(st.sampled_from(self.ids or ["none"])), self.now)

    @rule(data=st.data(), code=st.sampled_from(CODES), back=st.booleans())
    def hold_or_resume(self, data: st.DataObject, code: str, back: bool) -> None:
        ivrid = data.draw(st.sampled_from(self.ids or ["none"]))
        self.attempt(self.board.resume if back else self.board.hold, ivrid, code)

    @rule(data=st.data(), code=st.sampled_from(CODES), to=st.sampled_from(CODES))
    def transfer(self, data: st.DataObject, code: str, to: str) -> None:
        ivrid = data.draw(st.sampled_from(self.ids or ["none"]))
        self.attempt(self.board.transfer, ivrid, code, to, self.now)

    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        self.attempt(self.board.hang_up, data.draw(st.sampled_from(self.ids or ["none"])))

    @rule(code=st.sampled_from(CODES))
    def clear(self, code: str) -> None:
        self.board.clear(code)
        assert self.board.calls(code) == ()

    @invariant()
    def each_call_makes_sense(self) -> None:
        for call in self.board.all_calls():
            assert call in self.board.calls(call.extension)
            assert call.ivrid in self.ids
            answered = call.state in (CallState.TALKING, CallState.HOLD)
            assert answered == (call.answered_at is not None)
            assert call.started_at is not None
            assert call.answered_at is None or call.answered_at >= call.started_at
            assert call.original_ivrid is None or call.original_ivrid in self.ids
            assert (call.state is CallState.DIALING) <= (self.board.placed_by(call.ivrid) == call.extension)

    @invariant()
    def nobody_hears_two_ends_that_were_not_meant(self) -> None:
        """A call from outside is talked on at one phone only, an internal one at two."""
        for ivrid in {call.ivrid for call in self.board.all_calls()}:
            legs = [call for call in self.board.all_calls() if call.ivrid == ivrid]
            busy = [leg for leg in legs if leg.answered_at is not None]
            assert len(busy) <= (2 if legs[0].direction is Direction.INTERNAL else 1)


TestAnyDay = AnyDay.TestCase
