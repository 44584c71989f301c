"""What each make's simulator answers for a whole account, taken down once, to be read again and again without it."""

import asyncio
from dataclasses import dataclass
from typing import Any

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Caller, CallerKind
from bridge.pbx import registry
from bridge.pbx.switchboard import Extension, Switchboard
from tests.contract.session import NOW, ContractSession, SimulatorSession

SECRET = Secret("made-up-secret-of-the-bench-0123")


@dataclass(frozen=True)
class Answers:
    """A make, the account that asks it, what it answers, and what was kept of a log-in before."""

    adapter: Any
    account: Any
    replies: tuple[Reply, ...]
    kept: dict[str, Any]

    async def read(self) -> int:
        """Read them all once more; of how many extensions they tell."""
        listing = await self.adapter.calls(self.account, _Again(self), None)
        return len(listing.extensions)


class _Again(ContractSession):
    """Answers the same once more, in the same order."""

    def __init__(self, answers: Answers) -> None:
        super().__init__("main", answers.adapter, answers.account)
        self.local = dict(answers.kept)
        self._replies = list(answers.replies)

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        return self._replies.pop(0)

    async def token(self, refused: Secret | None = None) -> Secret:
        return SECRET


class _TakingDown(SimulatorSession):
    def __init__(self, adapter: object, account: Any, app: Any) -> None:
        super().__init__(adapter, account, app)
        self.answered: list[Reply] = []

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        place = len(self.answered)
        self.answered.append(Reply(0, {}, b"", 0.0))
        self.answered[place] = reply = await super().send(request, repeatable, wants_body)
        return reply


def board_of(calls: int) -> Switchboard:
    """As many extensions, each talking with somebody outside."""
    board = Switchboard([Extension(str(1000 + number), f"Desk {number}") for number in range(calls)])
    for number, extension in enumerate(board.extensions):
        caller = Caller(f"05{20000000 + number}", name="רות לוי", kind=CallerKind.NUMBER)
        board.answer(board.incoming([extension], caller, NOW, "0722776772"), extension, NOW)
    return board


def answers(kind: str, calls: int, **keys: Any) -> Answers:
    """Those of a make's simulator with so many calls, to who has logged in already."""
    described, adapter = registry.simulator(kind), registry.find(kind)
    section = described.section("http://simulator", SECRET)
    account = adapter.account.model_validate({"kind": kind, **section, **keys})
    session = _TakingDown(adapter, account, described.build(board_of(calls), SECRET).app())
    asyncio.run(adapter.calls(account, session, None))
    session.answered = []
    kept = dict(session.local)
    asyncio.run(adapter.calls(account, session, None))
    return Answers(adapter, account, tuple(session.answered), kept)
