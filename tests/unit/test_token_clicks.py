"""A click by token: the same press is the same click, a link has no press, a press is bounded."""

from datetime import UTC, datetime

import pytest

from bridge.core.errors import BadSignature, Malformed
from bridge.core.http_types import Incoming, Secret
from bridge.crm.contract import ClickRequest
from bridge.crm.token_clicks import read_click

TOKEN = Secret("click-token-of-the-tests")


def clicked(method: str = "POST", headers: dict[str, str] | None = None, **fields: str) -> ClickRequest:
    said = {"agent": "dana@acme.example", **fields}
    body = "&".join(f"{name}={value}" for name, value in said.items()).encode()
    is_link = method == "GET"
    shown = {"token": TOKEN.reveal(), **said} if is_link else {}
    sent = {} if is_link else {"authorization": f"Bearer {TOKEN.reveal()}", **(headers or {})}
    incoming = Incoming(method, "https://bridge/clicks/sales", sent, shown, b"" if is_link else body, datetime.now(UTC))
    return read_click(TOKEN, incoming, lambda _: None, unit="interview")


def test_the_same_press_is_the_same_click() -> None:
    assert clicked(press="77").key == clicked(press="77").key == "interview:77"
    assert clicked(press="78").key == "interview:78"
    assert clicked().key is None


def test_an_idempotency_key_outranks_the_press() -> None:
    assert clicked(headers={"idempotency-key": "a"}, press="77").key == "idempotency-key:a"


def test_a_link_is_a_press_of_its_own_each_time() -> None:
    assert clicked("GET", press="77").key is None


@pytest.mark.parametrize("length", [256, 257])
def test_a_press_is_bounded(length: int) -> None:
    if length > 256:
        with pytest.raises(Malformed, match="press must have at most 256 characters"):
            clicked(press="7" * length)
    else:
        assert clicked(press="7" * length).key


def test_nothing_is_read_before_the_sender_is_proven() -> None:
    incoming = Incoming("POST", "https://bridge/clicks/sales", {}, {}, b"not a form", datetime.now(UTC))
    with pytest.raises(BadSignature):
        read_click(TOKEN, incoming, lambda _: None)
