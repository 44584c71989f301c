"""JSON as others see it: the contract's names in the contract's order, times in UTC, and back again."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.delivery import Attempt, Delivery, DeliveryState
from bridge.core.json_codec import JsonWriter, as_json, from_json, json_text, time_text
from bridge.core.model import (
    Answer,
    Call,
    Caller,
    CallerKind,
    CallState,
    Direction,
    Outcome,
    Popup,
    PopupAgent,
    Recording,
    ServedFrom,
    YesNo,
)
from tests.unit.nouns import NOON, POPUP

POPUP_SHAPE = {
    "popup_id": str, "click_id": str, "created_at": str, "expires_at": str,
    "agent": {"crm": str, "crm_user": str, "name": str, "pbx": str, "extension": str},
    "call": {
        "pbx": str, "extension": str, "ivrid": str, "original_ivrid": (str, type(None)),
        "did": str, "did_label": (str, type(None)), "direction": str, "state": str,
        "caller": {"number": str, "e164": (str, type(None)), "name": str, "kind": str},
        "started_at": (str, type(None)), "answered_at": (str, type(None)),
        "recording": {"filename": str, "muted": bool}, "customdata": dict},
    "other_calls": list, "why": str, "record": (dict, type(None)), "reason": (dict, type(None)),
    "contact": (dict, type(None)), "trigger": str,
}  # fmt: skip
"""Contract 4, name by name."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
times = st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
callers = st.builds(Caller, texts, st.none() | texts, texts, st.sampled_from(CallerKind))
calls = st.builds(
    Call, texts, texts, texts, st.none() | texts, texts, st.none() | texts, st.sampled_from(Direction),
    st.sampled_from(CallState), callers, st.none() | times, st.none() | times,
    st.none() | st.builds(Recording, texts, st.booleans()), st.dictionaries(texts, texts, max_size=3),
    texts, *(3 * [st.sampled_from(YesNo)]),
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
records = st.dictionaries(texts, st.recursive(scalars, lambda inner: st.lists(inner, max_size=2), max_leaves=4))
popups = st.builds(
    Popup, texts, texts, times, times, st.builds(PopupAgent, texts, texts, texts, texts, texts), calls,
    st.lists(calls, max_size=2).map(tuple), texts, st.none() | records,
)  # fmt: skip


def check_shape(value: Any, shape: Any, where: str = "popup") -> None:
    if isinstance(shape, dict):
        assert list(value) == list(shape), where
        for name, inner in shape.items():
            check_shape(value[name], inner, f"{where}.{name}")
    else:
        assert isinstance(value, shape), where


def test_a_popup_has_the_contracts_names_in_the_contracts_order() -> None:
    popup = json.loads(json_text(POPUP))
    check_shape(popup, POPUP_SHAPE)
    for other in popup["other_calls"]:
        check_shape(other, POPUP_SHAPE["call"], "other call")


def test_an_answer_has_the_contracts_names_in_the_contracts_order() -> None:
    answer = Answer("clk_1", Outcome.FOUND, "talking now; the only call", POPUP, ServedFrom.PBX, 41.7, 44.9)
    written = json.loads(json_text(answer))
    assert list(written) == ["click_id", "outcome", "why", "popup", "served_from", "pbx_ms", "total_ms", "reason"]
    assert (written["outcome"], written["served_from"], written["popup"]["popup_id"]) == ("found", "pbx", "pop_1")
    without = Answer("clk_1", Outcome.NO_ACTIVE_CALL, "no call is active", None, None, None, 1.0)
    assert json.loads(json_text(without))["popup"] is None


def test_a_delivery_has_the_contracts_names_in_the_contracts_order() -> None:
    attempt = Attempt(NOON, 503, 12.5, "http-503", NOON + timedelta(seconds=1))
    delivery = Delivery("dlv_1", "pop_1", "acme", DeliveryState.PENDING, NOON, None, (attempt,))
    written = as_json(delivery)
    names = ["delivery_id", "popup_id", "target", "state", "created_at", "ended_at", "attempts"]
    assert list(written) == [*names, "event", "shown_at"], "what came later stands behind"
    assert list(written["attempts"][0]) == ["at", "status", "ms", "error", "next_try_at", "reason"]


def test_the_words_of_the_contract() -> None:
    assert list(CallState) == ["ringing", "dialing", "talking", "hold", "unknown"]
    assert list(Direction) == ["incoming", "outgoing", "internal", "unknown"]
    assert list(CallerKind) == ["number", "withheld", "internal", "service", "text"]
    assert list(DeliveryState) == ["pending", "delivered", "failed", "expired"]
    assert list(ServedFrom) == ["pbx", "shared", "recent"]
    assert list(Outcome) == [
        "found", "no-active-call", "unknown-agent", "unknown-extension", "no-such-call", "pbx-refused",
        "pbx-unreachable", "pbx-unintelligible",
    ]  # fmt: skip


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=3)), timezone(timedelta(hours=-9, minutes=-30))])
def test_times_are_utc_with_a_z_and_milliseconds(zone: timezone) -> None:
    moment = datetime(2026, 11, 22, 10, 0, 0, 123999, tzinfo=UTC)
    assert time_text(moment.astimezone(zone)) == "2026-11-22T10:00:00.123Z"


def test_other_alphabets_stay_readable() -> None:
    assert "רות לוי" in json_text(POPUP)


@pytest.mark.parametrize("half", ["\ud83d", "Dana \ude00", "\udfff\ud800"])
def test_half_a_character_does_not_make_it_unsendable(half: str) -> None:
    """Names cut in the middle of an emoji come from phone systems, and from CRMs."""
    popup = replace(POPUP, call=replace(POPUP.call, caller=Caller(half)), record={half: [half]})
    text = json_text(popup)
    assert json.loads(text.encode())["call"]["caller"]["number"] == half.encode("utf-8", "replace").decode()


@given(popups)
def test_a_popup_survives_the_round_trip(popup: Popup) -> None:
    text = json_text(popup)
    assert from_json(Popup, text) == popup
    assert from_json(Popup, text.encode()) == popup
    assert json_text(from_json(Popup, text)) == text


@given(popups)
def test_what_is_written_is_json_that_others_can_read(popup: Popup) -> None:
    json.loads(json_text(popup).encode("utf-8"), parse_constant=pytest.fail)


def test_what_the_phone_system_does_not_say_is_left_out_and_a_no_is_not() -> None:
    call = replace(POPUP.call, conference=YesNo.NO, queue="sales")
    written = as_json(call)
    assert (written["conference"], written["queue"]) == ("no", "sales")
    assert not {"parked", "held_by_other"} & set(written)
    assert from_json(Call, json_text(call)) == call


@given(popups)
def test_a_writer_writes_what_is_written_once(popup: Popup) -> None:
    """Nouns that it has made plain before are written in full again."""
    writer = JsonWriter()
    for value in (popup, popup.call, {"popup": popup, "calls": (popup.call, *popup.other_calls)}):
        assert writer.text(value) == json_text(value)


def test_a_writer_does_not_take_one_noun_for_another() -> None:
    """What it was given is still there, so no later noun has its id."""
    writer = JsonWriter()
    assert [writer.text(replace(POPUP.call, ivrid=str(n))) for n in range(20)] == [
        json_text(replace(POPUP.call, ivrid=str(n))) for n in range(20)
    ]
