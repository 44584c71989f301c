"""What a listener finds at once on a large floor."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.core.clock import Clock
from bridge.events import listen
from bridge.events.listen import TURNS_AT_ONCE, Listener


def test_a_first_look_at_a_large_floor_does_not_use_up_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 calls that ring at once were told at once, each over a connection of its own, until there were none left."""
    going_on, most, told = 0, 0, 0

    async def pop(*_: Any) -> None:
        nonlocal going_on, most, told
        going_on, told = going_on + 1, told + 1
        most = max(most, going_on)
        await asyncio.sleep(0)
        going_on -= 1

    async def nothing(*_: Any) -> None:
        """Count nothing."""

    monkeypatch.setattr(listen, "pop", pop)
    monkeypatch.setattr(listen, "count", nothing)
    turns = [SimpleNamespace(what="rings") for _ in range(300)]
    monkeypatch.setattr(listen, "step", lambda before, lines: (turns, before))
    services: Any = SimpleNamespace(clock=Clock())
    system: Any = SimpleNamespace(name="main")

    assert asyncio.run(Listener(services, system)._tell(is_whole=False)) == 300
    assert told == 300
    assert most == TURNS_AT_ONCE
