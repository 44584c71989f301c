"""Turns of those who wait for a target: one after the other, in step with what the target takes."""

from math import inf

from bridge.egress.target_limits import TURNS_PER_SECOND, Target, Visit

WAITING = 200


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def full_target(time: Time) -> Target:
    target = Target(1, time, lambda: inf)
    assert target.enter()
    return target


def test_those_who_wait_for_a_target_that_never_answers_ask_again_a_few_a_second() -> None:
    target = full_target(Time())
    assert not target.enter()
    turns = [target.turn() for _ in range(WAITING)]
    assert turns == sorted(turns)
    assert turns[-1] > (WAITING - 2) / TURNS_PER_SECOND


def test_those_who_wait_for_a_target_that_takes_many_ask_as_often_as_it_does() -> None:
    time = Time()
    target = full_target(time)
    for _ in range(300):
        target.leave(Visit.ANSWERED)
        assert target.enter()
    time.now += 1
    turns = [target.turn() for _ in range(WAITING)]
    assert turns[-1] <= WAITING / 600
    time.now += 2
    assert target.turn() < 0.03, "turns begin anew after a while"
    assert [target.turn() for _ in range(WAITING)][-1] > (WAITING - 2) / TURNS_PER_SECOND, "it takes no more"
