"""A real Kamailio with SIPp's phones: what it answers is read, up to the popup. Needs both programs; see sip_server."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.core.http_types import Secret
from bridge.pbx.kamailio import ADAPTER, Account, wire
from bridge.pbx.registry import simulator
from bridge.pbx.switchboard import Switchboard
from tests.contract.session import ContractSession
from tests.makes.sip_server import HOME, MISSING, OUTSIDE, SipServer, sip_server
from tests.stage import Make, Stage, open_stage, until

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(bool(MISSING), reason=MISSING)]
DAVID, DID = "0501234567", "0722776772"
AGENTS = [f"acme,{one}@acme.example,main,{one},Agent {one}" for one in ("10", "101", "1010", "102")]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SipServer]:
    async with sip_server(tmp_path) as running:
        yield running


@pytest.fixture
async def stage(server: SipServer, tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """The running product, whose phone system is the real proxy."""

    def unused(board: Switchboard) -> Any:
        return simulator("kamailio").build(board, Secret("unused"))

    make = Make("kamailio", lambda _: server.section(fresh_seconds=0), unused, "101", "102")
    async with open_stage(tmp_path, redis_url, make, agents=AGENTS) as ready:
        yield ready


async def rows(server: SipServer) -> list[dict[str, Any]]:
    """What the proxy lists, unread."""
    account = Account.model_validate({"kind": "kamailio", **server.section()})
    asked = wire.ask(account.access, wire.DIALOGS)
    async with httpx.AsyncClient() as client:
        reply = await client.post(asked.url, headers=dict(asked.headers), content=asked.body)
    found: list[dict[str, Any]] = json.loads(reply.content.decode("utf-8", "replace"))["result"]
    return found


async def reaches(server: SipServer, *states: int) -> None:
    """Waits until the calls, each of which has been in the routing script, are in these states."""

    async def there() -> bool:
        return [row["state"] for row in await rows(server)] == list(states)

    await until(there, 20)


async def press(stage: Stage, extension: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = (await stage.click({"agent": f"{extension}@acme.example"})).json()
    return answer


async def shown(stage: Stage, extension: str) -> Mapping[str, Any]:
    """The call in the popup of the extension's agent."""
    call: Mapping[str, Any] = (await press(stage, extension))["popup"]["call"]
    return call


async def test_a_call_rings_is_answered_ends_and_its_ghost_is_no_call(stage: Stage, server: SipServer) -> None:
    await server.phone("101", rings_ms=2000)
    server.call(DID, DAVID, name="דנה כהן", talks_ms=2000)
    await reaches(server, 2)
    ringing = await shown(stage, "101")
    assert {name: ringing[name] for name in ("state", "direction", "did", "answered_at")} == {
        "state": "ringing", "direction": "incoming", "did": DID, "answered_at": None,
    }  # fmt: skip
    assert (ringing["caller"]["number"], ringing["caller"]["name"]) == (DAVID, "דנה כהן")
    await reaches(server, 4)
    talking = await shown(stage, "101")
    assert (talking["state"], talking["ivrid"]) == ("talking", ringing["ivrid"])
    assert talking["started_at"] < talking["answered_at"]
    await reaches(server, 5)
    assert (await press(stage, "101"))["outcome"] == "no-active-call"


async def test_the_ghost_of_a_call_to_the_extension_itself_is_no_call(stage: Stage, server: SipServer) -> None:
    """It has lost its variables, and still names 101 as the one who was called."""
    await server.phone("101", rings_ms=100)
    server.call("101", DAVID, talks_ms=300)
    await reaches(server, 5)
    assert (await rows(server))[0]["to_uri"] == f"sip:101@{HOME}"
    assert (await press(stage, "101"))["outcome"] == "no-active-call"


async def test_names_of_any_bytes_spoil_nothing(stage: Stage, server: SipServer) -> None:
    await server.phone("101")
    await server.phone("102")
    server.call(DID, DAVID, name="דנה כהן".encode("windows-1255"))
    server.call("102", "0522340002", name=b'<b>\\"O\'Neil\\"</b> \xff\xfe \x01')

    await reaches(server, 2, 2)
    assert (await shown(stage, "101"))["caller"]["name"] == "דנה כהן"
    odd = await shown(stage, "102")
    assert odd["caller"]["name"].startswith('<b>"O\'Neil"</b>')
    assert odd["caller"]["number"] == "0522340002"


async def test_a_group_rings_on_both_and_is_who_answered_alone(stage: Stage, server: SipServer) -> None:
    await server.phone("101", "600")
    await server.phone("102", "600", rings_ms=1500)
    server.call("600", DAVID)
    await reaches(server, 2)
    first, second = await shown(stage, "101"), await shown(stage, "102")
    assert (first["state"], second["state"], first["ivrid"]) == ("ringing", "ringing", second["ivrid"])
    await reaches(server, 4)
    assert (await press(stage, "101"))["outcome"] == "no-active-call"
    assert (await shown(stage, "102"))["state"] == "talking"


async def test_a_colleague_and_somebody_outside_are_told_apart(stage: Stage, server: SipServer) -> None:
    await server.phone("102", rings_ms=200)
    server.call("102", "101", home=HOME, name="Dana")
    await reaches(server, 4)
    placed, taken = await shown(stage, "101"), await shown(stage, "102")
    assert (placed["direction"], placed["caller"]["number"]) == ("internal", "102")
    assert (taken["direction"], taken["caller"]["number"], taken["caller"]["name"]) == ("internal", "101", "Dana")


async def test_a_call_to_the_outside_is_dialing_until_it_is_answered(stage: Stage, server: SipServer) -> None:
    server.trunk(rings_ms=1500)
    server.call("0522340002", "101", home=HOME)
    await reaches(server, 2)
    dialing = await shown(stage, "101")
    assert (dialing["state"], dialing["direction"], dialing["did"]) == ("dialing", "outgoing", "")
    assert dialing["caller"]["e164"] == "+972522340002"
    await reaches(server, 4)
    assert (await shown(stage, "101"))["state"] == "talking"


async def test_neighbours_and_forged_extensions_see_nothing(stage: Stage, server: SipServer) -> None:
    """Somebody outside writes From: 102; that is no call of 102's. And 10 is neither 101 nor 1010."""
    for one in ("10", "101", "1010", "102"):
        await server.phone(one, rings_ms=200)
    server.call("101", "102", home=OUTSIDE)
    await reaches(server, 4)
    assert (await shown(stage, "101"))["caller"]["number"] == "102"
    assert {one: (await press(stage, one))["outcome"] for one in ("10", "1010", "102")} == dict.fromkeys(
        ("10", "1010", "102"), "no-active-call"
    )
    assert (await stage.click({"extension": "999"})).json()["outcome"] == "unknown-extension"


class RealSession(ContractSession):
    """A session over a real connection."""

    async def reply_to(self, request: Any) -> Any:
        async with httpx.AsyncClient() as client:
            got = await client.request(request.method, request.url, headers=dict(request.headers), content=request.body)
        return wire.Reply(got.status_code, dict(got.headers), got.content, 1.0)


async def test_the_scripts_lines_let_through_what_is_needed_and_nothing_else(server: SipServer) -> None:
    await server.phone("101")
    server.call(DID, DAVID)
    await reaches(server, 2)
    account = Account.model_validate({"kind": "kamailio", **server.section()})
    found = await ADAPTER.probe(account, RealSession("main", ADAPTER, account))
    assert [finding.message for finding in found] == [
        "the script sets the dialog variable callee",
        "1 user is registered",
    ]
    wrong = Account.model_validate({"kind": "kamailio", **server.section(password="wrong")})
    async with httpx.AsyncClient() as client:
        for asked, status in (
            (wire.ask(wrong.access, wire.DIALOGS), 401),
            (wire.ask(account.access, "core.kill"), 403),
            (wire.ask(account.access, wire.REGISTERED, "brief"), 200),
            (wire.ask(account.access, "dlg.end_dlg", "1", "2"), 403),
        ):
            reply = await client.post(asked.url, headers=dict(asked.headers), content=asked.body)
            assert reply.status_code == status
        assert (await client.get(f"{server.url}/")).status_code == 404
