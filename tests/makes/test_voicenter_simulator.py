"""The fakes speak as the vendors do: the adapters read from them, over real HTTP, what the switchboard holds."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from bridge.core.errors import PbxRefused, PbxUnintelligible, PbxUnreachable, RequestFailed
from bridge.core.model import Call, Caller, CallerKind, CallState, Direction
from bridge.egress.client import open_client
from bridge.pbx import voicenter
from bridge.pbx.contract import Listing
from bridge.pbx.switchboard import Extension, Switchboard
from bridge.pbx.voicenter.simulator import Faults, VoicenterSimulator
from tests.contract.session import ContractSession

CODE = "invented-account-code"
SUMMER = datetime(2026, 8, 3, 9, 0, tzinfo=UTC)
WINTER = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RUTH = Caller("0501230001", name="רות לוי", kind=CallerKind.NUMBER)
DOCUMENTED = {
    "name": "User 2", "representative": "User 2", "username": "SIPSIP2", "extensionID": 97483478,
    "userID": 46454322, "onlineUserID": 46454322, "onlineUserStatus": 1,
    "calls": [
        {
            "callStarted": 1602465818, "callAnswered": 1602465819, "answered": 1,
            "callername": "Voicenter", "callerphone": "0722776772", "callstatus": "Talking",
            "customdata": {}, "direction": "Outgoing", "ivrid": "2020101201cc7b38df",
            "recording": {"Filename": "2020101201cc7b38df-aws-SIPSIP2-972722776772.mp3", "IsMuted": 0},
            "did": "",
        }
    ],
}  # fmt: skip
"""The vendor's own example, from its page on GetExtensionsCalls."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def board() -> Switchboard:
    return Switchboard([Extension("SIPSIP1", "User 1", "11", logged_in=False), Extension("SIPSIP2", "User 2", "12")])


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The app on a free port, by real HTTP; its address. Connections may come before the server is there for them."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def ask(
    board: Switchboard,
    faults: Faults | None = None,
    now: datetime = WINTER,
    extension: str = "SIPSIP2",
    epoch: str = "local",
    patience: float = 5.0,
) -> Listing:
    """What the adapter makes of the fake's answer."""
    account: dict[str, Any] = {"kind": "voicenter", "code": CODE, "epoch": epoch}
    async with served(VoicenterSimulator(board, CODE, faults or Faults()).app()) as address, open_client() as client:
        us = voicenter.Account(base_url=address, **account)
        session = _Session(voicenter.ADAPTER, us, now)
        session.reply_to = lambda request: client.send(request, patience)  # type: ignore[method-assign]
        return await voicenter.ADAPTER.calls(us, session, extension)


class _Session(ContractSession):
    def __init__(self, adapter: object, account: Any, now: datetime) -> None:
        super().__init__("main", adapter, account, now)


def as_read(call: Call) -> Call:
    """How the vendor lets one see a call of the switchboard: no kinds of number, the first call's id in customdata."""
    first = {"OriginalIvrUniqueID": call.original_ivrid} if call.original_ivrid else {}
    number = "Anonymous" if call.caller.kind is CallerKind.WITHHELD else call.caller.number
    return replace(call, caller=Caller(number, name=call.caller.name), customdata={**call.customdata, **first})


def shape(value: object) -> object:
    """Keys in order and types of everything, values left out."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    return [shape(item) for item in value] if isinstance(value, list) else type(value)


async def raw(board: Switchboard, body: Any, faults: Faults | None = None, **how: Any) -> Any:
    """The fake's own answer to a POST, without the adapter."""
    transport = httpx.ASGITransport(VoicenterSimulator(board, CODE, faults or Faults()).app())
    async with httpx.AsyncClient(transport=transport, base_url="http://fake") as client:
        kind = {"json": body} if "content" not in how else {}
        return (await client.post("/GetExtensionsCalls", **kind, **how)).json()


def talking(board: Switchboard, now: datetime = WINTER) -> Call:
    ivrid = board.incoming(["SIPSIP2"], RUTH, now, did="0722776772", customdata={"ticket": "7", "כן": "לא"})
    board.answer(ivrid, "SIPSIP2", now)
    return board.call(ivrid, "SIPSIP2")


@pytest.mark.anyio
async def test_the_documented_question_gets_an_answer_of_the_documented_shape(board: Switchboard) -> None:
    talking(board)
    answer = await raw(board, {"code": CODE})
    idle, busy = answer["EXTENSIONS"]
    assert (answer["ERR"], answer["DESC"]) == (0, "OK")
    assert shape(busy | {"calls": [busy["calls"][0] | {"customdata": {}}]}) == shape(DOCUMENTED)
    assert shape(idle) == shape(DOCUMENTED | {"calls": []})
    assert (idle["onlineUserID"], idle["onlineUserStatus"]) == (0, 2)


@pytest.mark.anyio
@pytest.mark.parametrize("now", [SUMMER, WINTER])
async def test_the_adapter_reads_back_every_kind_of_call(board: Switchboard, now: datetime) -> None:
    held = talking(board, now).ivrid
    board.hold(held, "SIPSIP2")
    board.incoming(["SIPSIP1", "SIPSIP2"], Caller("", kind=CallerKind.WITHHELD), now, did="")
    board.outgoing("SIPSIP2", Caller("0501230002"), now)
    transferred = board.incoming(["SIPSIP1"], RUTH, now)
    board.answer(transferred, "SIPSIP1", now)
    second = board.transfer(transferred, "SIPSIP1", "SIPSIP2", now)
    listing = await ask(board, now=now)
    assert listing.extensions["SIPSIP2"] == tuple(map(as_read, board.calls("SIPSIP2")))
    assert [call.state for call in listing.extensions["SIPSIP2"]] == ["hold", "ringing", "dialing", "ringing"]
    assert listing.extensions["SIPSIP2"][-1].original_ivrid == transferred != second


@pytest.mark.anyio
async def test_internal_calls_go_out_where_they_were_dialled_and_in_at_the_other_end(board: Switchboard) -> None:
    board.internal("SIPSIP1", "SIPSIP2", WINTER)
    seen = {code: (await ask(board, extension=code)).extensions[code][0] for code in ("SIPSIP1", "SIPSIP2")}
    assert (seen["SIPSIP1"].direction, seen["SIPSIP1"].state) == (Direction.OUTGOING, CallState.DIALING)
    assert (seen["SIPSIP2"].direction, seen["SIPSIP2"].state) == (Direction.INCOMING, CallState.RINGING)
    assert seen["SIPSIP2"].caller.number == "11"


@pytest.mark.anyio
async def test_idle_unknown_and_wrong_code_are_told_apart_as_the_vendor_does(board: Switchboard) -> None:
    assert (await ask(board)).extensions == {"SIPSIP2": ()}
    assert (await ask(board, extension="sipsip2")).extensions == {}
    assert (await ask(board, Faults(code_refused=True))).extensions == {}
    assert await raw(board, {"code": "another"}) == {"ERR": 0, "DESC": "OK", "EXTENSIONS": []}


@pytest.mark.anyio
async def test_questions_that_are_not_the_vendors_are_refused_as_it_does(board: Switchboard) -> None:
    refused = {"ERR": 1, "DESC": "Authorization failed."}
    json_type, form = {"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}
    assert await raw(board, None, content=b"{", headers=json_type) == refused
    assert await raw(board, None, content=b"[" * 100_000, headers=json_type) == refused
    assert await raw(board, ["code"]) == refused
    assert await raw(board, None, content=b"code=x", headers=form) == refused
    assert await raw(board, {"code": 7}) == {"ERR": 2, "DESC": "Internal error."}


@pytest.mark.anyio
async def test_the_get_form_works_too(board: Switchboard) -> None:
    app = VoicenterSimulator(board, CODE, Faults()).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://fake") as client:
        answer = await client.get("/GetExtensionsCalls", params={"code": CODE, "extension": "SIPSIP1"})
    assert [row["username"] for row in answer.json()["EXTENSIONS"]] == ["SIPSIP1"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (Faults(down="closed"), RequestFailed),
        (Faults(down="503"), PbxUnreachable),
        (Faults(address_refused=True), PbxRefused),
        (Faults(internal_error=True), PbxRefused),
        (Faults(internal_error=True, err_as_text=True), PbxRefused),
        (Faults(html_page=True), PbxUnintelligible),
    ],
)
async def test_each_way_to_fail_is_the_failure_it_should_be(
    board: Switchboard, faults: Faults, expected: type[Exception]
) -> None:
    talking(board)
    with pytest.raises(expected):
        await ask(board, faults)


@pytest.mark.anyio
async def test_a_slow_answer_outlasts_the_askers_patience(board: Switchboard) -> None:
    with pytest.raises(RequestFailed) as failure:
        await ask(board, Faults(slow_seconds=1), patience=0.1)
    assert failure.value.cause == "timeout"


@pytest.mark.anyio
@pytest.mark.parametrize("customdata", ["object", "text", "list"])
async def test_odd_but_sound_answers_read_the_same(board: Switchboard, customdata: Any) -> None:
    call = talking(board)
    faults = Faults(err_as_text=True, unknown_keys=True, customdata=customdata)
    assert (await ask(board, faults)).extensions["SIPSIP2"] == (as_read(call),)


@pytest.mark.anyio
@pytest.mark.parametrize("customdata", ["empty list", "empty text", "null"])
async def test_every_empty_customdata_reads_as_none(board: Switchboard, customdata: Any) -> None:
    talking(board)
    assert (await ask(board, Faults(customdata=customdata))).extensions["SIPSIP2"][0].customdata == {}


@pytest.mark.anyio
async def test_numbers_as_ints_and_talking_without_an_answer_time(board: Switchboard) -> None:
    board.answer(board.internal("SIPSIP1", "SIPSIP2", WINTER), "SIPSIP2", WINTER)
    listing = await ask(board, Faults(number_as_int=True, answer_time_missing=True))
    (call,) = listing.extensions["SIPSIP2"]
    assert (call.caller.number, call.state, call.answered_at) == ("11", CallState.TALKING, None)


@pytest.mark.anyio
async def test_times_that_count_the_wall_clock_are_found_out(board: Switchboard) -> None:
    call = talking(board)
    assert (await ask(board, epoch="auto")).extensions["SIPSIP2"][0].started_at == call.started_at
    off = (await ask(board, epoch="utc")).extensions["SIPSIP2"][0].started_at
    assert off is not None
    assert call.started_at is not None
    assert (off - call.started_at).total_seconds() == 2 * 3600
