"""Ozeki's adapter and the fake of it: what the switchboard holds is what is read, by both generations of the API."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.calls.live_calls import Lookup
from bridge.config.models import PbxAccount
from bridge.core.clock import Clock as SystemClock
from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply
from bridge.core.model import Call, Caller, CallerKind, CallState, Direction, ExtensionId, Outcome
from bridge.egress.client import EgressClient, open_client
from bridge.pbx import ozeki
from bridge.pbx.contract import Listing
from bridge.pbx.ozeki import wire
from bridge.pbx.ozeki.calls import SLACK, Clock, calls_of, extensions_in
from bridge.pbx.ozeki.simulator import Faults, OzekiSimulator
from bridge.pbx.switchboard import Extension, NotPossible, Switchboard
from tests.contract.session import ContractSession, SimulatorSession
from tests.stage import serving

Generation = Literal["9509", "xe"]
SAMPLES = Path(ozeki.__file__).parent / "samples"
HERE = ZoneInfo("Europe/Budapest")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
USERNAME, PASSWORD = "popbridge api", "Invented&42+ő"
DESKS = (Extension("101", "Dana Cohen"), Extension("10", "נועה פרץ"), Extension("1010", "R&D <test>", logged_in=False))
CODES = tuple(desk.code for desk in DESKS)
ANNA = Caller("+36305550001", name="Kovács Anna", kind=CallerKind.NUMBER)
DID = "+3615550100"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "windows-1255", "windows-1255 declared", "utf-8 declared utf-16"]
HEAD, TAIL = b"<Response><Code>200</Code><ActiveCalls>", b"</ActiveCalls></Response>"
each_generation = pytest.mark.parametrize("generation", ["9509", "xe"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def board() -> Switchboard:
    return Switchboard(DESKS)


def fake(board: Switchboard, generation: Generation = "9509", faults: Faults | None = None) -> OzekiSimulator:
    return OzekiSimulator(board, USERNAME, PASSWORD, faults or Faults(), generation, HERE, lambda: NOW)


def account(generation: Generation = "9509", address: str = "http://ozeki.example", **changed: Any) -> ozeki.Account:
    keys = {"kind": "ozeki", "base_url": address, "username": USERNAME, "password": PASSWORD, "region": "HU"}
    return ozeki.Account.model_validate({**keys, "timezone": HERE.key, "generation": generation, **changed})


ACCESS = account().access


def read_calls(reply: Reply, now: datetime = NOW) -> Listing:
    return wire.read_calls(reply, "main", ACCESS, Clock(HERE, now))


def talk(system: OzekiSimulator, question: str = "calls", **changed: Any) -> Any:
    """What the adapter makes of the fake's answer, without a network between them."""

    us = account(**{"generation": system.generation, **changed})
    session = SimulatorSession(ozeki.ADAPTER, us, system.app(), NOW)
    if question == "extensions":
        return asyncio.run(ozeki.ADAPTER.extensions(us, session))
    return asyncio.run(ozeki.ADAPTER.calls(us, session, None))


def as_read(board: Switchboard, call: Call, generation: Generation) -> Call:
    """How Ozeki lets one see a call of the switchboard."""
    placed_by = board.placed_by(call.ivrid)
    legs = [leg for leg in board.all_calls() if leg.ivrid == call.ivrid]
    internal = call.direction is Direction.INTERNAL
    number = "Anonymous" if call.caller.kind is CallerKind.WITHHELD else call.caller.number
    name = "" if placed_by == call.extension else call.caller.name
    held = internal and any(leg.state is CallState.HOLD for leg in legs)
    return replace(
        call,
        original_ivrid=None,
        did=call.did if generation == "9509" else "",
        state=CallState.HOLD if held else call.state,
        caller=Caller(number, name=name),
        answered_at=call.answered_at if call.answered_at != NOW else None,
        recording=None,
        customdata={},
    )


def all_as_read(board: Switchboard, generation: Generation) -> dict[str, set[tuple[Any, ...]]]:
    """The calls that should be read, by extension; not their order, which is the vendor's."""
    calls = {code: [as_read(board, call, generation) for call in board.calls(code)] for code in CODES}
    return {code: set(map(_comparable, listed)) for code, listed in calls.items() if listed}


def _comparable(call: Call) -> tuple[Any, ...]:
    return tuple(str(getattr(call, name)) for name in Call.__dataclass_fields__)


def found(listing: Listing) -> dict[str, set[tuple[Any, ...]]]:
    return {code: set(map(_comparable, calls)) for code, calls in listing.extensions.items()}


# Names of callers: a letter, then anything a name may hold. The blank after & keeps `&lt;` from being meant.
names = st.text("אבגש áőü'\"<>-&日", max_size=12).map(lambda text: " ".join(f"N{text}".replace("&", "& ").split()))
outside = st.builds(
    Caller, st.sampled_from(["+36305550001", "06305550002", "0036305550003"]), name=names, kind=st.just("number")
) | st.just(Caller("", kind=CallerKind.WITHHELD))
deeds = st.tuples(st.integers(0, 9), st.sampled_from(CODES), st.sampled_from(CODES), outside, st.integers(0, 3))


def do(board: Switchboard, deed: tuple[int, str, str, Caller, int], now: datetime) -> None:
    what, one, other, caller, which = deed
    live = board.calls(one)
    ivrid = live[which % len(live)].ivrid if live else "none"
    match what:
        case 0 | 1:
            board.incoming(CODES[which:] or [one], caller, now, did=DID, customdata={"ticket": "7"})
        case 2:
            board.outgoing(one, Caller("06305550009", name="Somebody", kind=CallerKind.NUMBER), now)
        case 3 | 4:
            board.internal(one, other, now)
        case 5 | 6:
            board.answer(ivrid, one, now)
        case 7:
            board.hold(ivrid, one)
        case 8:
            board.transfer(ivrid, one, other, now)
        case 9:
            board.callee_answers(ivrid, now)


@st.composite
def days(draw: st.DrawFn) -> Switchboard:
    """A switchboard after some deeds, possible or not, a second apart, the last one now."""
    board = Switchboard(DESKS)
    for ago, deed in reversed(list(enumerate(draw(st.lists(deeds, min_size=1, max_size=14))))):
        try:
            do(board, deed, NOW - timedelta(seconds=ago))
        except NotPossible:
            continue
    return board


@settings(max_examples=150, deadline=None)
@given(
    board=days(),
    generation=st.sampled_from(["9509", "xe"]),
    faults=st.builds(
        Faults,
        no_list=st.booleans(),
        ended_calls=st.booleans(),
        default_namespace=st.booleans(),
        misspelt=st.booleans(),
        bare_ampersand=st.booleans(),
        encoding=st.sampled_from(ENCODINGS),
    ),
)
def test_whatever_the_switchboard_holds_is_read_back(board: Switchboard, generation: Any, faults: Faults) -> None:
    assert found(talk(fake(board, generation, faults))) == all_as_read(board, generation)


@each_generation
def test_every_state_of_a_call_is_read_with_its_times(board: Switchboard, generation: Generation) -> None:
    earlier = NOW - timedelta(seconds=90)
    held = board.incoming(["101"], ANNA, earlier, did=DID)
    board.answer(held, "101", earlier + timedelta(seconds=20))
    board.hold(held, "101")
    board.incoming(["101", "10"], Caller("", kind=CallerKind.WITHHELD), earlier)
    board.internal("101", "10", earlier)
    board.callee_answers(board.outgoing("10", Caller("06305550002"), earlier), NOW - timedelta(seconds=5))
    read = talk(fake(board, generation)).extensions
    assert [(call.state, call.direction) for call in read["101"]] == [
        ("hold", "incoming"), ("ringing", "incoming"), ("dialing", "internal"),
    ]  # fmt: skip
    assert [(call.state, call.direction, call.caller.number) for call in read["10"]] == [
        ("ringing", "internal", "101"), ("ringing", "incoming", "Anonymous"), ("talking", "outgoing", "06305550002"),
    ]  # fmt: skip
    first = read["101"][0]
    assert (first.started_at, first.answered_at) == (earlier, earlier + timedelta(seconds=20))
    assert (first.caller.name, first.did) == ("Kovács Anna", DID if generation == "9509" else "")


@each_generation
def test_ten_is_not_a_hundred_and_one_nor_a_thousand_and_ten(board: Switchboard, generation: Generation) -> None:
    board.incoming(["101"], ANNA, NOW)
    listing = talk(fake(board, generation))
    assert list(listing.extensions) == ["101"]
    board.incoming(["1010"], ANNA, NOW)
    assert sorted(talk(fake(board, generation)).extensions) == ["101", "1010"]


@pytest.mark.parametrize(
    ("ends", "listed"),
    [
        (["+36305550001", "101"], ["101"]),
        (["101", "06305550002", "06305550002"], ["101"]),
        (["103", "101", "101"], ["103", "101"]),
        (["+36305550001", "600", "101"], ["600", "101"]),
        (["+36305550001", "20000001"], ["+36305550001", "20000001"]),
        (["Anonymous", "20000001"], ["20000001"]),
        (["", "101"], ["101"]),
        (["*97", "101"], ["101"]),
        (["Kovács Anna", "20000001"], ["Kovács Anna", "20000001"]),
        (["sipdana", "SIPDana"], ["sipdana", "SIPDana"]),
        (["101", "101"], ["101"]),
        ([], []),
    ],
)
def test_who_of_a_call_may_be_an_extension(ends: list[str], listed: list[str]) -> None:
    assert extensions_in(ends) == listed


def at(start: str, now: datetime, talk_seconds: str = "0") -> Call:
    """One call read at `now`."""
    fields = {"Source": "103", "Destination": "101", "StartTime": start, "TalkDuration": talk_seconds}
    row = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    body = f"<Response><Code>200</Code><ActiveCalls><Call>{row}</Call></ActiveCalls></Response>"
    reply = Reply(200, {}, body.encode(), 1.0)
    return read_calls(reply, now).extensions["101"][0]


@given(
    moment=st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    since=st.integers(0, 3000),
)
def test_local_times_come_back_as_utc_on_every_day_of_the_year(moment: datetime, since: int) -> None:
    """Also in the hour that comes twice, as long as the call is younger than that hour."""
    moment = moment.replace(microsecond=0)
    wall_clock = moment.astimezone(HERE).strftime("%Y-%m-%d %H:%M:%S")
    read = at(wall_clock, moment + timedelta(seconds=since)).started_at
    first_time_of_two = moment.astimezone(HERE).fold == 0 and read != moment
    assert read == moment or (first_time_of_two and read == moment + timedelta(hours=1))
    assert read <= moment + timedelta(seconds=since) + SLACK


@pytest.mark.parametrize(
    ("talked", "answered_at"),
    [
        ("3.056", NOW - timedelta(seconds=3.056)), ("956", NOW - timedelta(seconds=956)), ("0.000", None), ("0", None),
        ("", None), ("nan", None), ("-1", None), ("1e300", None), ("0,5", NOW - timedelta(seconds=0.5)), ("x", None),
    ],
)  # fmt: skip
def test_the_moment_of_answering_is_reckoned_back(talked: str, answered_at: datetime | None) -> None:
    assert at("2026-11-22 10:59:00", NOW, talked).answered_at == answered_at


def sample(name: str) -> Reply:
    return Reply(200, {}, (SAMPLES / f"{name}.xml").read_bytes(), 1.0)


def test_the_documented_lists_of_extensions_name_them_as_calls_do() -> None:
    assert wire.read_extensions(sample("extensions"), ACCESS) == {"101", "102", "103"}
    assert wire.read_extensions(sample("xe_extensions"), ACCESS) == {"1000", "1001", "1002", "100"}


@pytest.mark.parametrize("code", [301, 303, 304, 305, 306, 307])
def test_an_account_that_may_not_ask_for_extensions_is_no_failure(code: int) -> None:
    assert wire.read_extensions(sample(f"code_{code}"), ACCESS) is None


@pytest.mark.parametrize("code", [300, 302, 999])
def test_other_errors_of_that_question_are(code: int) -> None:
    with pytest.raises(PbxRefused, match=f"Code {code}"):
        wire.read_extensions(sample(f"code_{code}"), ACCESS)


@each_generation
def test_the_extensions_there_are(board: Switchboard, generation: Generation) -> None:
    assert talk(fake(board, generation), "extensions") == set(CODES)
    assert talk(fake(board, generation, Faults(extensions_refused=True)), "extensions") is None


@each_generation
@pytest.mark.parametrize("no_list", [True, False])
def test_nobody_on_the_phone(board: Switchboard, generation: Generation, no_list: bool) -> None:
    listing = talk(fake(board, generation, Faults(no_list=no_list)))
    assert (listing.extensions, listing.unreadable) == ({}, frozenset())
    assert listing.empty_hint is None


@each_generation
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"password": "another"}, "Authentication failed (Code 305); check username and password"),
        ({"username": "another"}, "Code 305"),
    ],
)
def test_wrong_credentials_are_refused(
    board: Switchboard, generation: Generation, changed: dict[str, str], says: str
) -> None:
    with pytest.raises(PbxRefused) as refused:
        talk(fake(board, generation), **changed)
    assert says in str(refused.value)


def test_xe_may_ask_for_no_credentials(board: Switchboard) -> None:
    board.incoming(["101"], ANNA, NOW)
    open_system = OzekiSimulator(board, USERNAME, None, Faults(), "xe", HERE, lambda: NOW)
    assert list(talk(open_system, username=None, password=None).extensions) == ["101"]
    with pytest.raises(PbxRefused, match="Code 304"):
        talk(fake(board, "xe"), username=None, password=None)


@each_generation
@pytest.mark.parametrize(
    ("faults", "error", "says"),
    [
        (Faults(refused=303), PbxRefused, "Code 303"),
        (Faults(refused=306), PbxRefused, "what this API user is allowed to do"),
        (Faults(refused=307), PbxRefused, "check which addresses"),
        (Faults(refused=401), PbxRefused, "'9986'"),
        (Faults(down="503"), PbxUnreachable, "503"),
        (Faults(html_page=True), PbxUnintelligible, "page"),
    ],
    ids=str,
)
def test_each_way_to_fail(
    board: Switchboard, generation: Generation, faults: Faults, error: type[PbxError], says: str
) -> None:
    with pytest.raises(error, match=says):
        talk(fake(board, generation, faults))


def test_the_newer_generation_takes_no_form_and_xe_is_not_under_api(board: Switchboard) -> None:
    with pytest.raises(PbxRefused, match="405"):
        talk(fake(board), method="post")
    with pytest.raises(PbxRefused, match="404"):
        talk(fake(board, "xe"), generation="9509")


@pytest.mark.parametrize(
    "keys",
    [
        {"username": None, "password": None},
        {"username": None},
        {"password": None},
        {"generation": "xe", "password": None},
        {"username": ""},
        {"generation": "7780"},
        {"method": "put"},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_mistakes(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        account(**keys)


@pytest.mark.parametrize("written", [PASSWORD, "Invented%2642%2B%C5%91", USERNAME, "popbridge+api", "popbridge%20api"])
def test_no_error_quotes_the_credentials(written: str) -> None:
    text = f"<Response><Code>{written[:9]}</Code><Message>at\n {written}!</Message></Response>".replace("&", "&amp;")
    with pytest.raises(PbxRefused) as refused:
        read_calls(Reply(200, {}, text.encode(), 1.0))
    assert "at  ***!" in str(refused.value)
    assert written not in str(refused.value)


@pytest.mark.parametrize("code", ["", "20", "201", "2000", "0200", "OK", "-1"])
def test_nothing_but_200_is_success(code: str) -> None:
    with pytest.raises(PbxRefused):
        read_calls(Reply(200, {}, HEAD.replace(b"200", code.encode()) + TAIL, 1.0))


def test_a_long_message_is_cut() -> None:
    with pytest.raises(PbxRefused) as refused:
        read_calls(Reply(200, {}, b"<Response><Code>9</Code><Message>" + b"x" * 900 + b"</Message></Response>", 1.0))
    assert str(refused.value).count("x") == 200


def test_a_row_that_names_nobody_is_told_in_the_hint() -> None:
    assert (
        str(read_calls(sample("row_that_names_nobody")).empty_hint)
        == "1 of the phone system's calls could not be parsed"
    )
    assert read_calls(sample("two_calls")).empty_hint is None


def test_the_fake_answers_as_the_vendors_pages_show(board: Switchboard) -> None:
    """Fields and their order, headers, the prolog without an encoding."""
    board.internal("101", "10", NOW)
    documented = wire._answer(sample("two_calls")), wire._answer(sample("xe_one_call"))
    for generation, example in zip(("9509", "xe"), documented, strict=True):
        system = fake(board, generation)  # type: ignore[arg-type]
        asked = {"command": "ListActiveCalls", "Username": USERNAME, "Password": PASSWORD}
        answer = system._reply(system._answer(asked))
        shown = wire._answer(Reply(200, {}, bytes(answer.body), 1.0))
        assert sorted(shown.rows[0]) == sorted(example.rows[0])
        assert (shown.code, shown.message) == (example.code, example.message)
        assert (answer.headers["content-type"], answer.headers["server"]) == (
            "application/xml", "Microsoft-HTTPAPI/2.0",
        )  # fmt: skip
        assert bytes(answer.body).startswith(b'<?xml version="1.0"?>\r\n<Response ')


def test_commands_that_are_not_there_and_the_filter_by_type(board: Switchboard) -> None:
    system, proof = fake(board), {"Username": USERNAME, "Password": PASSWORD}
    assert "<Code>301</Code>" in system._answer({"command": "Dance", **proof})
    assert "<Code>304</Code>" in system._answer({"command": "ListActiveCalls"})
    assert "101@localhost" in system._answer({"Command": "ListExtensions", "Type": "Phone", **proof})
    assert "101@localhost" not in system._answer({"command": "ListExtensions", "Type": "IVR extension", **proof})


async def looked_up(system: OzekiSimulator, extension: str, **changed: Any) -> tuple[Outcome, str, list[str]]:
    """By the program's own lookup, over real HTTP."""
    async with serving(system.app()) as address, open_client() as client:
        us = account(system.generation, address, **changed)
        lookup = Lookup({"main": us}, lambda name, account: session_of(client, name, account), SystemClock())
        result = await lookup.live_calls((ExtensionId("main", extension),))
        return result.outcome, str(result.reason or ""), [call.ivrid for call in result.calls]


def session_of(client: EgressClient, name: str, account: PbxAccount) -> ContractSession:
    """A session over real HTTP."""
    session = ContractSession(name, ozeki.ADAPTER, account)
    session.reply_to = lambda request: client.send(request, account.timeout_seconds)  # type: ignore[method-assign]
    return session


@pytest.mark.anyio
@each_generation
async def test_busy_idle_and_unknown_are_told_apart(board: Switchboard, generation: Generation) -> None:
    ivrid = board.incoming(["101"], ANNA, NOW)
    system = fake(board, generation)
    assert await looked_up(system, "101") == (Outcome.FOUND, "", [ivrid])
    assert (await looked_up(system, "10"))[0] is Outcome.NO_ACTIVE_CALL
    assert (await looked_up(system, "1"))[0] is Outcome.UNKNOWN_EXTENSION
    assert (await looked_up(system, "+36305550001"))[0] is Outcome.UNKNOWN_EXTENSION
    system.faults.extensions_refused = True
    assert (await looked_up(system, "1"))[0] is Outcome.NO_ACTIVE_CALL
    system.faults.down = "closed"
    assert (await looked_up(system, "101"))[0] is Outcome.PBX_UNREACHABLE
    system.faults.down, system.faults.slow_seconds = "", 0.6
    assert (await looked_up(system, "101", timeout_seconds=0.1))[0] is Outcome.PBX_UNREACHABLE


ROW = {
    **{"CallId": "1aB2c", "Source": "+36305550001", "CallerId": "+36305550001", "Destination": "101"},
    **{"CallerDialed": "+3615550100", "CalleeDialed": "101", "CallState": "InCall", "StartTime": "2026-11-22 10:59:30"},
}


def read_row(**fields: str) -> dict[str, tuple[Call, ...]]:
    """The calls of one row, by extension."""
    clock = Clock(ZoneInfo("Europe/Budapest"), datetime(2026, 11, 22, 10, 0, tzinfo=UTC))
    calls = list(calls_of({**ROW, **fields}, "office", clock))
    return {call.extension: (call,) for call in calls}


@pytest.mark.parametrize(
    ("source", "dialled", "callee", "did"),
    [
        ("103", "800", "101", "800"),
        ("103", "*8", "101", "*8"),
        ("103", "sales", "101", "sales"),
        ("103", "+3615550100", "101", "+3615550100"),
        ("103", "800\u200e", "101", "800"),
        ("103", "101", "101", ""),
        ("103", "103", "101", ""),
        ("103", "", "101", ""),
        ("dana", "group", "omer", "group"),
        ("+36305550001", "+3615550100", "101", "+3615550100"),
        ("+36305550001", "101", "101", ""),
    ],
)
def test_what_a_caller_dialled_is_in_the_call_where_it_is_neither_end(
    source: str, dialled: str, callee: str, did: str
) -> None:
    read = read_row(Source=source, CallerDialed=dialled, Destination=callee, CalleeDialed=callee)
    assert {call.did for calls in read.values() for call in calls} == {did}
    assert callee in read


def test_what_an_agent_dialled_to_reach_somebody_outside_is_no_did() -> None:
    (call,) = read_row(Source="101", Destination="+36305550001", CallerDialed="906305550001", CalleeDialed="")["101"]
    assert (call.direction, call.did, call.caller.number) == ("outgoing", "", "+36305550001")


@pytest.mark.parametrize(
    "mark", ["\u200e", "\u200f", "\u202a", "\ufeff", "\u00a0", "\u200b", "\n", "\u2067"], ids=ascii
)
def test_numbers_and_extensions_are_taken_without_invisible_marks(mark: str) -> None:
    read = read_row(Source=f"{mark}06305550001{mark}", Destination=f"{mark}101{mark}", CalleeDialed=f"101{mark}")
    assert [(extension, calls[0].caller.number) for extension, calls in read.items()] == [("101", "06305550001")]


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"StartTime": "", "RingDuration": "2.000", "TalkDuration": "10.5"}, 12.5),
        ({"StartTime": "", "RingDuration": "2", "CallState": "Ringing"}, 2.0),
        ({"StartTime": "", "RingDuration": "2,5", "TalkDuration": "0"}, 2.5),
        ({"StartTime": "", "RingDuration": "0", "TalkDuration": "7"}, 7.0),
    ],
)
def test_a_start_that_is_not_told_is_reckoned_from_how_long_it_rang(fields: dict[str, str], seconds: float) -> None:
    assert read_row(**fields)["101"][0].started_at == datetime(2026, 11, 22, 10, tzinfo=UTC) - timedelta(
        seconds=seconds
    )


@pytest.mark.parametrize("seconds", ["", "soon", "-1", "nan", "inf", "1e99"])
def test_a_start_that_nothing_tells_is_unknown(seconds: str) -> None:
    assert read_row(StartTime="", RingDuration=seconds, TalkDuration="7")["101"][0].started_at is None
    assert read_row(StartTime="", RingDuration="2", TalkDuration=seconds)["101"][0].started_at is None
