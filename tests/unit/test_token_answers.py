"""What a token endpoint gave: a token that can be sent, and a lifetime that can be believed."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.tokens import LONGEST, granted

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
USUAL = timedelta(minutes=7)


@pytest.mark.parametrize(
    "found",
    [
        None, [], "text", {}, {"access_token": None}, {"access_token": 7}, {"access_token": ""},
        {"access_token": "two\nlines"}, {"access_token": "שלום"}, {"refresh_token": "alone"},
    ],
    ids=repr,
)  # fmt: skip
def test_without_a_token_that_can_be_sent_nothing_was_granted(found: object) -> None:
    assert granted(found, NOW, USUAL) is None


@pytest.mark.parametrize(
    ("seconds", "life"),
    [
        (60, timedelta(minutes=1)), (0.5, timedelta(seconds=0.5)), (LONGEST.total_seconds(), LONGEST),
        (LONGEST.total_seconds() + 1, USUAL), (0, USUAL), (-1, USUAL), (True, USUAL), ("60", USUAL), (None, USUAL),
        (float("nan"), USUAL), (float("inf"), USUAL), (10**400, USUAL),
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_a_lifetime_that_is_none_counts_as_the_usual_one(seconds: object, life: timedelta) -> None:
    told = {"access_token": "a", "expires_in": seconds, "elsewhere": 60}
    tokens = granted(told, NOW, USUAL)
    assert tokens is not None
    assert tokens.expires_at == NOW + life
    elsewhere = granted(told, NOW, USUAL, "elsewhere")
    assert elsewhere is not None
    assert elsewhere.expires_at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("refresh", ["", 7, None, "two\nlines"], ids=repr)
def test_a_refresh_token_that_cannot_be_sent_is_none(refresh: object) -> None:
    tokens = granted({"access_token": "a", "refresh_token": refresh}, NOW, USUAL)
    assert tokens is not None
    assert tokens.refresh is None
    kept = granted({"access_token": "a", "refresh_token": "b"}, NOW, USUAL)
    assert kept is not None
    assert kept.refresh is not None
    assert kept.refresh.reveal() == "b"
