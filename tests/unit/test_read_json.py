"""Phone systems' JSON: read as Python's own reader does, whatever stands in it, and refused where that refuses it."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.pbx.reading import read_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ODD = [
    "20261122100000123456", "-9223372036854775809", "1e400", "-0", "01", "1.", '"\\ud83d"', '"\\ud83d\\ude00"',
    '{"a":1,"a":2}', "NaN", "-Infinity", "[1,]", '"\x01"', "\ufeff1", "\ud83d", '"a', "tru", "[1] x", "", " 1\n",
    "'a'", '{"a" 1}', "[" * 300 + "]" * 300, "[" * 100_000,
]  # fmt: skip


def outcome(read: Any, text: str) -> object:
    try:
        found = read(text)
    except (ValueError, RecursionError) as error:
        return type(error).__name__.replace("JSONDecodeError", "ValueError")
    return repr(found)  # 1, 1.0 and True are three things


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_what_is_odd_is_read_as_ever(text: str) -> None:
    assert outcome(read_json, text) == outcome(json.loads, text)


@given(values, st.integers(0), st.sampled_from(['"', "}", "]", ",", "\\", "\\u12", "\x00", "e", "-", "9" * 20, ""]))
@example({"ivrid": 20261122100000123456}, 0, "")
def test_texts_with_a_fault_anywhere_are_read_as_ever(value: Any, at: int, fault: str) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        place = at % (len(text) + 1)
        text = text[:place] + fault + text[place:]
        assert outcome(read_json, text) == outcome(json.loads, text)


def test_line_breaks_inside_a_text_are_taken_where_they_may_be() -> None:
    assert read_json('"a\nb"', strict=False) == "a\nb"
    with pytest.raises(ValueError, match="control character"):
        read_json('"a\nb"')
