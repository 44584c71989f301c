"""Text from outside: nothing invisible at its ends, no half characters, no control characters, and not too long."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.text import LONGEST, one_line, received, tidied, trimmed, whole, without_marks

INVISIBLE = [
    " ", "\t", "\n", "\r\n", "\v", "\f", "\x1c", "\x85", "\x00", "\x7f",
    "\u00a0", "\u00ad", "\u034f", "\u061c", "\u115f", "\u180e", "\u2003", "\u2007", "\u200b", "\u200c", "\u200d",
    "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202c", "\u202e", "\u202f", "\u2060", "\u2066", "\u2069",
    "\u2800", "\u3000", "\u3164", "\ufeff", "\ufff9", "\U000e0020",
]  # fmt: skip


@pytest.mark.parametrize("mark", INVISIBLE, ids=ascii)
def test_what_nobody_sees_at_the_ends_is_taken_off(mark: str) -> None:
    text = f"{mark}{mark}Dana Cohen{mark} "
    assert trimmed(text) == received(text) == one_line(text) == without_marks(text) == "Dana Cohen"
    assert trimmed(mark * 3) == received(mark * 3) == ""


@pytest.mark.parametrize("name", ["Dana Cohen", "דנה כהן", "می‌خواهم", "👩‍👧 Family", "☎️", "Zoë", "Ruth\u00a0Levi"])
def test_what_is_inside_a_name_stays(name: str) -> None:
    assert received(name) == one_line(name) == name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Dana \ud83d", "Dana \ufffd"),
        ("\ude00 Dana", "\ufffd Dana"),
        ("a\ud83db", "a\ufffdb"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ud83d\ude00", "\ufffd😀"),
        ("\ud83d\ude00", "😀"),
        ("\udce9", "\ufffd"),
        ("😀 Dana", "😀 Dana"),
        ("", ""),
    ],
    ids=ascii,
)
def test_half_a_character_is_replaced_and_spoils_nothing_beside_it(sent: str, kept: str) -> None:
    assert whole(sent) == received(sent) == one_line(sent) == without_marks(sent) == tidied(sent) == kept


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x08", "\x1b", "\x1f", "\x7f", "\x80", "\x9b"], ids=ascii)
def test_control_characters_are_dropped(control: str) -> None:
    assert received(f"Da{control}na") == one_line(f"Da{control}na") == "Dana"


def test_lines_stay_where_they_may_and_are_one_where_they_may_not() -> None:
    assert received("one\ntwo\tthree") == "one\ntwo\tthree"
    assert one_line("one\ntwo\tthree\u2028four") == "one two three four"


@pytest.mark.parametrize("turn", ["\u202a", "\u202b", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068"], ids=ascii)
def test_a_name_does_not_turn_the_text_around_it(turn: str) -> None:
    assert one_line(f"Da{turn}na") == "Dana"


def test_a_text_is_bounded() -> None:
    assert len(received("x" * 10_000)) == len(one_line("י" * 10_000)) == LONGEST
    assert received("x" * 10, 3) == "xxx"
    assert received("xx yy", 3) == received("xx\u200fyy", 3) == "xx"


def test_an_object_that_is_handed_through_keeps_its_shape() -> None:
    record = {"type": "contact", "\ud83d": ["\ud83d", {"id": 42, "ok": True, "none": None, "x\0": " a\n"}]}
    assert tidied(record) == {
        "type": "contact",
        "\ufffd": ["\ufffd", {"id": 42, "ok": True, "none": None, "x": " a\n"}],
    }
    nested: list[object] = []
    for _ in range(200):
        nested = [nested]
    assert json.dumps(tidied(nested))


@given(
    st.text(st.characters(codec=None) | st.sampled_from([mark for mark in INVISIBLE if len(mark) == 1]), max_size=40)
)
def test_any_text_can_be_kept_and_is_the_same_when_it_comes_again(text: str) -> None:
    for clean in (received, one_line, without_marks):
        kept = clean(text)
        assert kept.encode().decode() == kept
        assert clean(kept) == kept
        assert kept == kept.strip()
    assert one_line(text).splitlines() in ([], [one_line(text)])
