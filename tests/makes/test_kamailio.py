"""Kamailio's simulator with its faults, its probe, its settings, and the cost of a thousand dialogs."""

import asyncio
import json
import time
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible, RequestFailed
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Reply, Secret
from bridge.core.model import Caller, CallerKind, CallState
from bridge.core.reasons import languages
from bridge.pbx.contract import Listing
from bridge.pbx.kamailio import ADAPTER, Account, exchange, simulator, wire
from bridge.pbx.kamailio.calls import listing
from bridge.pbx.kamailio.dialogs import Address, Dialog
from bridge.pbx.switchboard import Extension, Switchboard
from tests.contract.session import NOW, ScriptedSession, SimulatorSession

SECRET = Secret("Invented42")
RUTH = Caller("0522340002", name="Ruth Levi", kind=CallerKind.NUMBER)
KEYS = {"kind": "kamailio", "region": "IL", "domains": [exchange.DOMAIN], "variables": ["ticket"]}


def account(**changed: Any) -> Account:
    url, proof = "http://192.0.2.20:8060", {"username": simulator.USER, "password": SECRET.reveal()}
    return Account.model_validate({**KEYS, "base_url": url, **proof, **changed})


class World:
    """A simulated proxy with three desks."""

    def __init__(self) -> None:
        self.board = Switchboard([Extension(code, f"Desk {code}") for code in ("10", "101", "102")])
        self.fake = simulator.SIMULATED.build(self.board, SECRET)
        self.account = account()

    def session(self) -> SimulatorSession:
        return SimulatorSession(ADAPTER, self.account, self.fake.app())

    def listing(self) -> Listing:
        return asyncio.run(ADAPTER.calls(self.account, self.session(), None))

    def extensions(self) -> frozenset[str] | None:
        return asyncio.run(ADAPTER.extensions(self.account, self.session()))

    def probe(self) -> list[Finding]:
        return asyncio.run(ADAPTER.probe(self.account, self.session()))


@pytest.fixture
def world() -> World:
    return World()


def test_a_call_that_has_ended_is_listed_for_a_while_and_is_no_call(world: World) -> None:
    ivrid = world.board.incoming(["101"], RUTH, NOW, did="0722776772")
    assert list(world.listing().extensions) == ["101"]
    world.board.hang_up(ivrid)
    session = world.session()
    assert asyncio.run(ADAPTER.calls(world.account, session, None)).extensions == {}
    rows = json.loads(world.fake._written(world.fake._dialogs()).body)["result"]
    assert [(row["call-id"], row["state"], row["variables"]) for row in rows] == [(ivrid, 5, [])]


def test_of_a_group_only_who_answered_has_the_call(world: World) -> None:
    ivrid = world.board.incoming(["101", "102"], RUTH, NOW)
    assert {name: calls[0].state for name, calls in world.listing().extensions.items()} == {
        "101": CallState.RINGING,
        "102": CallState.RINGING,
    }
    world.board.answer(ivrid, "102", NOW)
    assert list(world.listing().extensions) == ["102"]


def test_one_name_in_another_encoding_spoils_no_other_call(world: World) -> None:
    world.board.incoming(["101"], RUTH, NOW)
    world.board.incoming(["102"], RUTH, NOW)
    world.fake.faults.broken_bytes = True
    names = {name: calls[0].caller.name for name, calls in world.listing().extensions.items()}
    assert names == {"101": "דנה Ruth Levi", "102": "דנה Ruth Levi"}


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ({"refused": "method"}, PbxRefused, "dialog.so"),
        ({"refused": "rights"}, PbxRefused, "403"),
        ({"html_page": True}, PbxUnintelligible, "not JSON"),
        ({"cut_to": 300}, PbxUnintelligible, "cut off"),
        ({"down": "503"}, PbxError, "503"),
        ({"down": "closed"}, RequestFailed, "closed the connection"),
    ],
)
def test_what_goes_wrong_is_named(world: World, fault: dict[str, Any], error: type[Exception], says: str) -> None:
    world.board.incoming(["101"], RUTH, NOW)
    for name, value in fault.items():
        setattr(world.fake.faults, name, value)
    with pytest.raises(error, match=says):
        world.listing()


def test_who_is_not_registered_is_not_listed_and_may_be_anybody_where_nobody_may_ask(world: World) -> None:
    assert world.extensions() == {"10", "101", "102"}
    world.fake.faults.refused = "users"
    assert world.extensions() is None
    world.fake.faults.refused = "method"
    assert world.extensions() is None


def test_a_registration_of_another_domain_is_nobodys() -> None:
    rows = [{"AoR": "101@sip.example.com"}, {"AoR": "102@other.example"}, {"Info": {"AoR": "103"}}, 7]
    body = json.dumps({"result": {"Domains": [{"Domain": {"AoRs": rows}}]}}).encode()
    assert wire.read_registered(Reply(200, {}, body, 1.0), account().rules, account().access) == {"101", "103"}


def test_the_probe_says_what_the_script_leaves_out(world: World) -> None:
    said = {finding.grade: finding.message for finding in world.probe()}
    assert "no call at the moment" in str(said[Grade.OK]) or "3 users" in said[Grade.OK]
    world.board.outgoing("101", RUTH, NOW)
    messages = [finding.message for finding in world.probe() if finding.grade is Grade.WARN]
    assert any("no call has the dialog variable callee" in message for message in messages)
    assert any("http" in message for message in messages), "192.0.2.20 is not this machine"
    world.board.incoming(["101"], RUTH, NOW)
    world.fake.faults.refused = "users"
    found = {finding.message: finding.grade for finding in world.probe()}
    assert found["the script sets the dialog variable callee"] is Grade.OK
    assert any("idle extension looks the same" in message for message in found)


def test_the_probe_warns_of_a_script_that_lets_everything_through() -> None:
    anything = Reply(200, {}, b'{"jsonrpc":"2.0","result":[],"id":1}', 1.0)
    nobody = Reply(200, {}, b'{"jsonrpc":"2.0","result":{"Domains":[]},"id":1}', 1.0)
    open_to_all = account(username=None, password=None)
    session = ScriptedSession(ADAPTER, open_to_all, [anything, nobody, anything])
    found = [finding.message for finding in asyncio.run(ADAPTER.probe(open_to_all, session))]
    assert any("every method may be called" in message for message in found)
    assert any("without a password" in message for message in found)


@pytest.mark.parametrize(
    "keys",
    [
        {"username": None}, {"password": None}, {"username": "a:b"}, {"username": "a\nb"}, {"domains": ["sip:101@x"]},
        {"domains": ["example.com/x"]},
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        account(**keys)


@pytest.mark.parametrize(
    ("written", "user", "host"),
    [
        ("sip:101@192.0.2.20:5060", "101", "192.0.2.20"),
        ("SIP:101@Example.COM;transport=tcp", "101", "example.com"),
        ("sip:101;phone-context=x:secret@example.com", "101", "example.com"),
        ("sip:a%40b@example.com", "a@b", "example.com"),
        ("sip:101@[2001:db8::1]:5060", "101", "2001:db8::1"),
        ("sip:example.com", "example.com", ""),
        ("tel:+972501234567", "+972501234567", ""),
        ("101@example.com", "101", "example.com"),
        ("", "", ""),
    ],
)
def test_an_address_is_read(written: str, user: str, host: str) -> None:
    assert Address.read(written) == Address(user, host)


def test_a_thousand_dialogs_are_read_in_a_moment() -> None:
    board = Switchboard([Extension(str(number), "") for number in range(1000, 2000)])
    for number in range(1000, 2000):
        board.incoming([str(number)], RUTH, NOW, did="0722776772")
    body = simulator.SIMULATED.build(board, SECRET)._written(list(exchange.dialogs(board).values())).body
    started = time.perf_counter()
    found = wire.read_calls(Reply(200, {}, body, 1.0), "main", account().rules, account().access)
    assert len(found.extensions) == 1000
    assert time.perf_counter() - started < 1.0


def test_its_reasons_have_words_in_every_language() -> None:
    mine = {key for key in languages()["en"] if key.startswith("reason.kamailio.")}
    assert mine
    assert all(mine <= set(words) for words in languages().values())


def test_a_dialog_that_names_nobody_is_left_out() -> None:
    odd = [Dialog.read({}), Dialog.read({"call-id": "c", "from_uri": 7, "to_uri": None, "state": 4, "variables": {}})]
    assert listing(odd, "main", account().rules).extensions == {}
