"""A question that had no answer is asked again: once, however many hints came while the phone system was away."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.core.errors import PbxUnreachable
from bridge.core.reasons import Reason
from bridge.events import listen
from bridge.events.listen import POLL, Listener

pytestmark = pytest.mark.anyio


class Away:
    """A phone system that answers nothing."""

    name, account = "main", SimpleNamespace(events="push")

    def is_better_whole(self, extensions: int, usual: int) -> bool:
        return False

    async def alone(self, extension: str) -> Any:
        raise PbxUnreachable(Reason("circuit-open", {"seconds": 1}))


async def test_many_questions_without_an_answer_lead_to_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "ASK_AGAIN_SECONDS", 0.01)
    system: Any = Away()
    listener = Listener(services=SimpleNamespace(), system=system)  # type: ignore[arg-type]
    for _ in range(2):
        for _ in range(20):
            assert not await listener._ask(frozenset({"101"}))
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(2 * listen.ASK_AGAIN_SECONDS, over.set)
        await over.wait()
        assert [listener.arrived.get_nowait() for _ in range(listener.arrived.qsize())] == [("", POLL)]
