"""Whatever happens on phones of like names, each is shown its own calls: every make, simulated, over real HTTP."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Call, Caller, CallerKind, Direction
from bridge.pbx.contract import Listing
from bridge.pbx.registry import find, packages, simulator
from bridge.pbx.switchboard import Extension, NotPossible, Switchboard
from tests.contract.session import NOW, ContractSession
from tests.stage import serving

SECRET = Secret("made-up-secret-0123456789")
SHORTS = ("10", "101", "1010", "110", "1", "0101", "01")
"""Each is the beginning, the end or the middle of another."""
ACTIONS = (
    *("incoming", "incoming", "outgoing", "internal", "answer", "answer"),
    *("callee_answers", "hold", "transfer", "hang_up"),
)
steps = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.sampled_from(SHORTS), st.sampled_from(SHORTS), st.integers(0, 20)),
    min_size=3,
    max_size=14,
)


class Server:
    """A real server in a thread of its own, behind which one simulator after another stands."""

    def __init__(self) -> None:
        self.app: Any = None
        self.url = ""
        self._started, self._loop = threading.Event(), asyncio.new_event_loop()
        self._leave = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _behind(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    async def _serve(self) -> None:
        async with serving(Starlette(routes=[Mount("/", self._behind)])) as self.url:
            self._started.set()
            await self._leave.wait()

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        self._loop.close()


class HttpSession(ContractSession):
    """Its replies come over a real connection."""

    client: httpx.AsyncClient

    async def reply_to(self, request: Request) -> Reply:
        headers, body = dict(request.headers), request.body
        got = await self.client.request(request.method, request.url, headers=headers, content=body)
        return Reply(got.status_code, {name.lower(): value for name, value in got.headers.items()}, got.content, 1.0)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    running.start()
    yield running
    running.stop()


def play(board: Switchboard, names: dict[str, str], script: list[tuple[str, str, str, int]]) -> None:
    """What happened; impossible steps are left out. Each call from or to outside has a number of its own."""
    for number, (action, one, two, which) in enumerate(script):
        now, mine, other = NOW + timedelta(seconds=number), names[one], names[two]
        outside = Caller(f"05223400{number:02}", name=f"Caller {number}", kind=CallerKind.NUMBER)
        ids = sorted({call.ivrid for call in board.all_calls()})
        ivrid = ids[which % len(ids)] if ids else ""
        with suppress(NotPossible):
            match action:
                case "incoming":
                    board.incoming({mine: 0, other: 0}, outside, now, did="0722776772")
                case "outgoing":
                    board.outgoing(mine, outside, now)
                case "internal":
                    board.internal(mine, other, now)
                case "answer":
                    board.answer(ivrid, mine if which % 2 else other, now)
                case "transfer":
                    board.transfer(ivrid, mine, other, now)
                case "hold":
                    board.hold(ivrid, mine)
                case "callee_answers":
                    board.callee_answers(ivrid, now)
                case "hang_up":
                    board.hang_up(ivrid)


def outsiders(calls: tuple[Call, ...]) -> Counter[str]:
    """The numbers of those outside, as every vendor writes them in the end."""
    return Counter(call.caller.number[-9:] for call in calls if call.caller.number[-9:].startswith("5223400"))


@pytest.mark.parametrize(("kind", "more"), [*((kind, {}) for kind in packages()), ("asterisk", {"interface": "ari"})])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=steps)
def test_nobody_is_shown_a_neighbours_call(
    server: Server, kind: str, more: dict[str, str], script: list[tuple[str, str, str, int]]
) -> None:
    adapter, described = find(kind), simulator(kind)
    names = {short: described.extension_of(f"SIP{short}", short) for short in SHORTS}
    board = Switchboard([Extension(name, f"Desk {short}", short) for short, name in names.items()])
    server.app = Starlette(routes=[Mount(described.path, described.build(board, SECRET).app())])
    keys = {"kind": kind, **described.section(server.url + described.path, SECRET), **more}
    account = adapter.account.model_validate(keys)
    play(board, names, script)

    async def ask(session: HttpSession) -> tuple[Listing, list[Listing]]:
        async with httpx.AsyncClient(verify=False, trust_env=False) as session.client:
            everything = await adapter.calls(account, session, None)
            return everything, [await adapter.calls(account, session, name) for name in names.values()]

    everything, alone = asyncio.run(ask(HttpSession("main", adapter, account)))
    for name, listing in zip(names.values(), alone, strict=True):
        wanted = board.calls(name)
        for found in (everything.extensions.get(name, ()), listing.extensions.get(name, ())):
            assert {call.extension for call in found} <= {name}
            assert outsiders(found) == outsiders(wanted)
            inside = [call for call in wanted if call.direction is Direction.INTERNAL]
            assert len(found) == outsiders(wanted).total() + len(inside)
    assert set(everything.extensions) <= {*names.values(), *(call.caller.number for call in board.all_calls())}
