"""Every phone system's simulator plays the switchboard as the vendor would, and its adapter reads it back whole."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.errors import PbxError, PbxRefused, PbxUnreachable, RequestFailed, TokenRefused
from bridge.core.http_types import Secret
from bridge.core.model import Call, Caller, CallerKind, CallState, Direction
from bridge.pbx.contract import Listing, ListsExtensions
from bridge.pbx.registry import find, packages, simulator
from bridge.pbx.switchboard import Extension, Switchboard
from tests.contract import samples
from tests.contract.session import NOW, SimulatorSession

SECRET = Secret("made-up-secret-0123456789")
URL = "http://phone-system.example"
RUTH = Caller("0522340002", name="Ruth Levi", kind=CallerKind.NUMBER)
each_kind = pytest.mark.parametrize("kind", packages())


@dataclass
class World:
    """A simulated phone system, the account that leads to it, and its switchboard with neighbours of like names."""

    kind: str
    board: Switchboard
    fake: Any
    account: Any
    names: dict[str, str]

    def session(self) -> SimulatorSession:
        app = Starlette(routes=[Mount(simulator(self.kind).path, self.fake.app())])
        return SimulatorSession(find(self.kind), self.account, app)

    def ask(self, extension: str | None) -> Listing:
        return asyncio.run(find(self.kind).calls(self.account, self.session(), extension))

    def calls(self, extension: str) -> tuple[Call, ...]:
        return self.ask(extension).extensions.get(extension, ())

    def exists(self, extension: str) -> bool:
        adapter = find(self.kind)
        if adapter.lists_idle:
            return extension in self.ask(extension).extensions
        assert isinstance(adapter, ListsExtensions)
        return extension in (asyncio.run(adapter.extensions(self.account, self.session())) or ())


@pytest.fixture
def world(kind: str) -> World:
    described = simulator(kind)
    names = {short: described.extension_of(f"SIP{short}", short) for short in ("10", "101", "1010", "11")}
    board = Switchboard([Extension(name, f"Desk {short}", short) for short, name in names.items()])
    section = {"kind": kind, **described.section(URL + described.path, SECRET)}
    account = find(kind).account.model_validate(section)
    return World(kind, board, described.build(board, SECRET), account, names)


@each_kind
def test_a_call_is_found_on_its_own_extension_alone(world: World, kind: str) -> None:
    """10 is never shown the calls of 101 or 1010, whatever is asked."""
    ivrid = world.board.incoming([world.names["101"]], RUTH, NOW)
    world.board.incoming([world.names["1010"]], RUTH, NOW)
    world.board.answer(ivrid, world.names["101"], NOW)
    assert world.calls(world.names["10"]) == ()
    (call,) = world.calls(world.names["101"])
    assert (call.pbx, call.extension, call.state) == ("main", world.names["101"], CallState.TALKING)
    assert call.caller.number.lstrip("+").endswith("522340002")
    assert [len(world.calls(world.names[short])) for short in ("10", "101", "1010", "11")] == [0, 1, 1, 0]


@each_kind
def test_every_state_is_read_as_the_agent_sees_it(world: World, kind: str) -> None:
    board, ten, eleven = world.board, world.names["10"], world.names["11"]
    ringing = board.incoming([ten], RUTH, NOW)
    assert [(c.state, c.direction) for c in world.calls(ten)] == [(CallState.RINGING, Direction.INCOMING)]
    board.answer(ringing, ten, NOW + timedelta(seconds=2))
    assert [c.state for c in world.calls(ten)] == [CallState.TALKING]
    board.hold(ringing, ten)
    assert {c.state for c in world.calls(ten)} <= {CallState.HOLD, CallState.TALKING, CallState.UNKNOWN}
    dialled = board.outgoing(eleven, RUTH, NOW)
    (out,) = world.calls(eleven)
    assert out.direction is Direction.OUTGOING
    assert out.state in (CallState.DIALING, CallState.RINGING, CallState.UNKNOWN)
    board.callee_answers(dialled, NOW)
    assert [c.state for c in world.calls(eleven)] == [CallState.TALKING]
    board.hang_up(dialled)
    assert world.calls(eleven) == ()


@each_kind
def test_an_idle_extension_is_told_from_one_that_does_not_exist(world: World, kind: str) -> None:
    assert world.exists(world.names["10"])
    assert not world.exists(world.names["10"] + "0")


@each_kind
def test_each_call_has_an_id_of_its_own_that_stays(world: World, kind: str) -> None:
    for _ in range(3):
        world.board.incoming([world.names["10"]], RUTH, NOW)
    first = {call.ivrid for call in world.calls(world.names["10"])}
    assert len(first) == 3
    assert "" not in first
    assert {call.ivrid for call in world.calls(world.names["10"])} == first


def what_comes(world: World) -> Listing | Exception:
    """The listing, or the failure; which names no secret."""
    try:
        return world.ask(world.names["10"])
    except (PbxError, RequestFailed, TokenRefused) as failure:
        assert [secret for secret in samples.secrets_of(world.account) if secret in str(failure)] == []  # noqa: PT017
        return failure


@each_kind
def test_a_system_that_is_down_is_unreachable(world: World, kind: str) -> None:
    become(world.fake.faults, simulator(kind).moods["down"])
    assert isinstance(what_comes(world), PbxUnreachable | RequestFailed)


def is_refusal(came: Listing | Exception) -> bool:
    """Refused outright, or no token given; or an empty list with a hint, from a vendor that refuses by one."""
    if isinstance(came, Listing):
        return not came.extensions and came.empty_hint is not None
    return isinstance(came, PbxRefused | TokenRefused)


@each_kind
def test_a_system_that_refuses_is_told_so(world: World, kind: str) -> None:
    become(world.fake.faults, simulator(kind).moods["refuses"])
    assert is_refusal(what_comes(world))


def become(faults: Any, wanted: Any) -> None:
    for name in vars(wanted) if hasattr(wanted, "__dict__") else wanted.__slots__:
        setattr(faults, name, getattr(wanted, name))


@each_kind
def test_wrong_credentials_are_refused(world: World, kind: str) -> None:
    described = simulator(kind)
    wrong = {"kind": kind, **described.section(URL + described.path, Secret("another-secret-9876543210"))}
    world.account = find(kind).account.model_validate(wrong)
    world.board.incoming([world.names["10"]], RUTH, NOW)
    assert is_refusal(what_comes(world))


@each_kind
def test_a_callers_name_is_text_whatever_it_holds(world: World, kind: str) -> None:
    name = '<b>"O\'Neil" & Söhne</b> רות \U0001f600'
    world.board.incoming([world.names["10"]], Caller("0522340002", name=name, kind=CallerKind.NUMBER), NOW)
    (call,) = world.calls(world.names["10"])
    assert (
        call.caller.name in (name, name.replace("\U0001f600", "?"))
        or call.caller.name == ""
        or "O'Neil" in call.caller.name
    )


@each_kind
def test_a_hundred_calls_are_read_at_once(world: World, kind: str) -> None:
    for _ in range(100):
        world.board.incoming([world.names["10"], world.names["11"]], RUTH, NOW)
    listing = world.ask(None)
    assert len(listing.extensions[world.names["10"]]) == len(listing.extensions[world.names["11"]]) == 100
