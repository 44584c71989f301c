"""Mappings that make their values when these are asked for: like any other mapping, and no sooner."""

import asyncio
import threading

import pytest

from bridge.pbx.contract import Listing
from bridge.pbx.on_demand import FEW, Late, OnDemand, made, size_of


def test_a_value_is_made_when_it_is_asked_for_and_once() -> None:
    asked: list[str] = []

    def one(key: str) -> int:
        asked.append(key)
        return {"a": 1, "b": 2}[key]

    found = OnDemand(one, lambda: {"a": 1, "b": 2})
    assert (found["b"], found.get("b"), found.get("c")) == (2, 2, None)
    assert asked == ["b", "c"]


def test_it_equals_what_it_stands_for() -> None:
    whole = {"a": 1, "b": None}
    for found in (OnDemand(whole.__getitem__, lambda: whole), Late(lambda: whole)):
        assert found == whole
        assert whole == found
        assert found != {"a": 1}
        assert (list(found), len(found), "b" in found, "c" in found) == (["a", "b"], 2, True, False)
        with pytest.raises(KeyError):
            found["c"]


def test_late_is_made_once() -> None:
    times: list[int] = []
    found = Late(lambda: {"a": times.append(1)})
    assert not times
    assert "a" in found
    assert dict(found) == {"a": None}
    assert times == [1]


def test_all_calls_of_a_listing_are_made_in_a_thread() -> None:
    here: list[int] = []

    def whole() -> dict[str, tuple[()]]:
        here.append(threading.get_ident())
        return {"101": ()}

    listing = Listing(OnDemand(lambda key: whole()[key], whole))
    assert asyncio.run(made(listing)).extensions == {"101": ()}
    assert len(here) == 1
    assert here[0] != threading.get_ident()


@pytest.mark.parametrize(("size", "is_made"), [(FEW, False), (FEW + 1, True)])
def test_a_thread_is_begun_for_many_calls_alone(size: int, is_made: bool) -> None:
    asked: list[str] = []
    listing = Listing(OnDemand(lambda key: (), lambda: {str(asked.append("all")): ()}, size))
    assert size_of(listing.extensions) == size
    asyncio.run(made(listing))
    assert bool(asked) is is_made


def test_writing_it_down_makes_nothing() -> None:
    found = Late(lambda: {"a": 1 // 0})
    assert repr(found) == "<late>"
    assert repr(OnDemand(lambda key: 1 // 0, lambda: {"a": 1 // 0})) == "<0 made of those on demand>"
