"""What phone systems tell comes back from where it waits for the listener as it was told."""

import pytest

from bridge.events.told import read, written
from bridge.pbx.contract import AskAgain, Change, Listing, Picture, Told
from tests.contract.session import NOW
from tests.unit.nouns import POPUP

CALL = POPUP.call
LISTING = Listing({CALL.extension: (CALL,), "10": ()}, {"10": "Dana"}, frozenset({"11"}), details={"10": {"a": "b"}})


@pytest.mark.parametrize(
    "told",
    [
        AskAgain(),
        AskAgain(frozenset({"101", "10", "דנה"})),
        Change(CALL.extension, (CALL,), NOW),
        Change("10", ()),
        Picture(LISTING, NOW, {"10": None}),
    ],
    ids=lambda told: type(told).__name__,
)
def test_an_event_survives_the_wait(told: Told) -> None:
    assert read(written(told)) == told


def test_what_cannot_be_read_is_asked_for_anew() -> None:
    assert read({}) == read({"kind": "change", "told": "{}"}) == read({"kind": "x", "told": ""}) == AskAgain()
