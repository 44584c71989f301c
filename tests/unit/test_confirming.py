"""The line that asks the identity provider about sign-ins goes on, whatever one of them comes to."""

import asyncio
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.core import background
from bridge.core.clock import Clock
from bridge.signin import renewal

pytestmark = pytest.mark.anyio


class Store:
    """Two sign-ins that are due, each for whoever asks first."""

    def __init__(self) -> None:
        self.waiting = ["one", "other"]

    async def due(self, now: datetime, most: int) -> list[str]:
        return list(self.waiting)

    async def is_mine(self, signin_id: str, now: datetime) -> bool:
        self.waiting.remove(signin_id)
        return True


async def test_a_fault_with_one_sign_in_keeps_no_other_from_being_confirmed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []
    both = asyncio.Event()

    async def confirm(signin_id: str, *_: object) -> None:
        asked.append(signin_id)
        if signin_id == "one":
            raise KeyError("planted")
        both.set()

    monkeypatch.setattr(renewal, "confirm", confirm)
    monkeypatch.setattr(renewal, "LOOK_SECONDS", 0.0)
    nobody: Any = None
    signon: Any = SimpleNamespace(store=Store())
    keeping = asyncio.create_task(renewal.keep_confirmed(signon, nobody, nobody, Clock()))
    await asyncio.wait_for(both.wait(), 10)
    await background.end(keeping)
    assert asked == ["one", "other"]
    assert "could not be confirmed" in caplog.text
