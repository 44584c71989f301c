"""FreeSWITCH by both ways in: what the switchboard holds is what is read, over HTTP and over a real event socket."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.finding import Grade
from bridge.core.http_types import Reply, Secret
from bridge.core.model import Caller, CallerKind, CallState, Direction
from bridge.core.reasons import languages
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import open_client
from bridge.egress.session import AccountSession
from bridge.pbx.contract import Picture
from bridge.pbx.freeswitch import ADAPTER, Account, wire
from bridge.pbx.freeswitch.domains import Domains
from bridge.pbx.freeswitch.exchange import Exchange
from bridge.pbx.freeswitch.simulator import DOMAIN, USER, Faults, FreeswitchSimulator
from bridge.pbx.reading import parse
from bridge.pbx.switchboard import Extension, Switchboard
from tests.contract.session import NOW, ScriptedSession, SimulatorSession
from tests.stage import serving

PASSWORD = "Invented&42+ő"
DESKS = (Extension("101", "Dana Cohen"), Extension("10", "נועה פרץ"), Extension("1010", "Omer", logged_in=False))
RUTH = Caller("0522340002", name="רות לוי", kind=CallerKind.NUMBER)
DID = "0722776772"
each_way = pytest.mark.parametrize("interface", ["xml_rpc", "esl"])
USERS = "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number\n"


@pytest.fixture
def board() -> Switchboard:
    return Switchboard(DESKS)


@pytest.fixture
def fake(board: Switchboard) -> FreeswitchSimulator:
    return FreeswitchSimulator(board, USER, PASSWORD, Faults(), DOMAIN)


def account(**changed: Any) -> Account:
    keys = {"kind": "freeswitch", "base_url": "http://fs.example", "region": "IL", "username": USER, "domain": DOMAIN}
    return Account.model_validate({**keys, "password": PASSWORD, **changed})


@asynccontextmanager
async def reaching(
    fake: FreeswitchSimulator, interface: str, **changed: Any
) -> AsyncIterator[tuple[Account, SimulatorSession]]:
    """An account that leads to the simulator, and its session."""
    async with fake.event_socket() as port:
        where = {"interface": "esl", "base_url": f"127.0.0.1:{port}"} if interface == "esl" else {}
        made = account(**where, **changed)
        yield made, SimulatorSession(ADAPTER, made, Starlette(routes=[Mount("/", fake.app())]), NOW)


def scripted(made: Account, *bodies: str) -> ScriptedSession:
    return ScriptedSession(ADAPTER, made, [Reply(200, {}, body.encode(), 1.0) for body in bodies])


@each_way
@pytest.mark.anyio
async def test_what_the_switchboard_holds_is_read(
    board: Switchboard, fake: FreeswitchSimulator, interface: str
) -> None:
    ivrid = board.incoming(["101", "1010"], RUTH, NOW, DID)
    async with reaching(fake, interface) as (made, session):
        ringing = (await ADAPTER.calls(made, session, "101")).extensions
        assert {(c.ivrid, c.state, c.did) for e in ("101", "1010") for c in ringing[e]} == {
            (ivrid, CallState.RINGING, DID)
        }
        board.answer(ivrid, "101", NOW)
        board.hold(ivrid, "101")
        listing = await ADAPTER.calls(made, session, None)
        (call,) = listing.extensions["101"]
        assert set(listing.extensions) == {"101"}
        assert (call.state, call.direction, call.caller.number, call.caller.name) == (
            CallState.HOLD, Direction.INCOMING, RUTH.number, RUTH.name,
        )  # fmt: skip
        assert await ADAPTER.extensions(made, session) == frozenset({"101", "10", "1010"})


@each_way
@pytest.mark.anyio
async def test_nobody_on_the_phone_is_an_empty_list(fake: FreeswitchSimulator, interface: str) -> None:
    async with reaching(fake, interface) as (made, session):
        assert (await ADAPTER.calls(made, session, None)).extensions == {}


@each_way
@pytest.mark.anyio
async def test_variables_become_custom_data_and_are_asked_for_once(
    board: Switchboard, fake: FreeswitchSimulator, interface: str
) -> None:
    board.incoming(["101"], RUTH, NOW, DID, {"customer_id": "42", "secret_word": "kept back"})
    async with reaching(fake, interface, variables=["customer_id", "missing"]) as (made, session):
        for _ in range(3):
            (call,) = (await ADAPTER.calls(made, session, None)).extensions["101"]
            assert call.customdata == {"customer_id": "42"}
        fake.faults.refused = "dump"
        board.answer(call.ivrid, "101", NOW)
        (call,) = (await ADAPTER.calls(made, session, None)).extensions["101"]
        assert (call.state, call.customdata) == (CallState.TALKING, {})
    dumps = [request for request in session.requests if "uuid_dump" in request.url]
    assert len(dumps) == (2 if interface == "xml_rpc" else 0)


@pytest.mark.anyio
async def test_variables_of_many_calls_are_read_in_several_questions(
    board: Switchboard, fake: FreeswitchSimulator
) -> None:
    for number in range(40):
        board.incoming(["101"], RUTH, NOW, DID, {"number": str(number)})
    async with reaching(fake, "xml_rpc", variables=["number"]) as (made, session):
        counts = []
        for _ in range(2):
            calls = (await ADAPTER.calls(made, session, None)).extensions["101"]
            counts.append(sum(bool(call.customdata) for call in calls))
        assert counts == [32, 40]
        board.clear("101")
        await ADAPTER.calls(made, session, None)
        assert session.local["variables"] == {}


WRONG = [
    (Faults(refused="address"), "esl", PbxRefused, "apply-inbound-acl"),
    (Faults(refused="command"), "esl", PbxRefused, "esl-allowed-api"),
    (Faults(refused="command"), "xml_rpc", PbxRefused, "http-allowed-api"),
    (Faults(refused="unloaded"), "esl", PbxRefused, "mod_commands"),
    (Faults(refused="unloaded"), "xml_rpc", PbxRefused, "mod_commands"),
    (Faults(down="sql"), "esl", PbxUnreachable, "database is locked"),
    (Faults(down="closed"), "esl", PbxUnreachable, "closed the connection"),
    (Faults(cut_to=9), "esl", PbxUnreachable, "closed the connection"),
    (Faults(cut_to=9), "xml_rpc", PbxUnintelligible, "cut off"),
    (Faults(html_page=True), "xml_rpc", PbxUnintelligible, "not a JSON object"),
]


@pytest.mark.parametrize(("faults", "interface", "error", "says"), WRONG, ids=str)
@pytest.mark.anyio
async def test_what_goes_wrong_is_named_with_its_fix(
    board: Switchboard, faults: Faults, interface: str, error: type[PbxError], says: str
) -> None:
    fake = FreeswitchSimulator(board, USER, PASSWORD, faults, DOMAIN)
    async with reaching(fake, interface) as (made, session):
        for ask in (lambda: ADAPTER.calls(made, session, "101"), lambda: ADAPTER.probe(made, session)):
            with pytest.raises(error, match=says):
                await ask()


@each_way
@pytest.mark.parametrize("wrong", [{"password": "another"}, {"username": "somebody"}], ids=str)
@pytest.mark.anyio
async def test_wrong_credentials_are_refused(fake: FreeswitchSimulator, interface: str, wrong: dict[str, str]) -> None:
    async with reaching(fake, interface, **wrong) as (made, session):
        with pytest.raises(PbxRefused) as caught:
            await ADAPTER.probe(made, session)
        assert PASSWORD not in str(caught.value)


@pytest.mark.anyio
async def test_the_event_socket_takes_its_own_password_without_a_user(fake: FreeswitchSimulator) -> None:
    async with reaching(fake, "esl", username=None) as (made, session):
        assert (await ADAPTER.calls(made, session, None)).extensions == {}


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", PbxUnintelligible),
        (b"Content-Type: auth/request\nContent-Length: -1\n\n", PbxUnintelligible),
        (b"Content-Type: auth/request\nContent-Length: 99999999999\n\n", PbxUnintelligible),
        (b"Content-Length: many\n\n", PbxUnintelligible),
        (b"a: b\n" * 500, PbxUnintelligible),
        (b"x" * 200_000, PbxUnintelligible),
        (b"Content-Type: auth/request", PbxUnreachable),
        (b"", PbxUnreachable),
        (b"Content-Type: text/rude-rejection\nContent-Length 24\n\nAccess Denied, go away.\n", PbxRefused),
        (b"Content-Type: text/disconnect-notice\nContent-Length: 3\n\nBye", PbxUnreachable),
        (b"Content-Type: auth/request\n\nContent-Type: text/event-plain\n\n", PbxUnintelligible),
        (b"Content-Type: auth/request\n\nContent-Type: command/reply\nReply-Text: -ERR invalid\n\n", PbxRefused),
    ],
    ids=lambda value: str(value)[:50],
)
@pytest.mark.anyio
async def test_whatever_comes_from_the_socket_is_a_named_error(sent: bytes, error: type[PbxError]) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        made = account(interface="esl", base_url=f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(error):
            await ADAPTER.calls(made, SimulatorSession(ADAPTER, made, None), None)


@pytest.mark.anyio
async def test_an_id_that_is_a_command_is_never_sent() -> None:
    """The phone system's own texts stand in commands: a line end would begin another one."""
    evil = '{"uuid":"x\\n\\napi hupall","direction":"outbound","callstate":"RINGING","presence_id":"101@acme.example"}'
    made = account(variables=["customer_id"])
    session = scripted(made, f'{{"row_count":1,"rows":[{evil}]}}')
    (call,) = (await ADAPTER.calls(made, session, None)).extensions["101"]
    assert call.customdata == {}
    assert len(session.requests) == 1


@pytest.mark.anyio
async def test_extensions_are_the_domains_users() -> None:
    users = "101|d|acme.example|default|x||Dana|101\n101|d|acme.example|sales|x||Dana|101\n102|d|other.example|d|x|||\n"
    made = account()
    assert await ADAPTER.extensions(made, scripted(made, f"{USERS}{users}\n+OK\n")) == frozenset({"101"})
    without = account(domain=None)
    with pytest.raises(PbxRefused, match="several domains"):
        await ADAPTER.extensions(without, scripted(without, f"{USERS}{users}\n+OK\n"))


@pytest.mark.parametrize(
    "body", [f"{USERS}\n+OK\n", "-ERR permission denied\n", "-ERR list_users Command not found!\n"]
)
@pytest.mark.anyio
async def test_where_nobody_may_be_listed_nobody_is_unknown(body: str) -> None:
    """FusionPBX makes its directory on demand: an empty list does not mean that there are no extensions."""
    assert await ADAPTER.extensions(account(), scripted(account(), body)) is None


@pytest.mark.anyio
async def test_a_second_domain_is_noticed_whenever_it_turns_up() -> None:
    """Without a domain in the settings, two tenants' extensions of one name must never be taken for each other."""
    row = '{"uuid":"%s","direction":"outbound","callstate":"ACTIVE","presence_id":"101@%s"}'
    one, other = (f'{{"row_count":1,"rows":[{row % ("u1", name)}]}}' for name in ("a.example", "b.example"))
    made = account(domain=None)
    session = scripted(made, one, other)
    assert set((await ADAPTER.calls(made, session, None)).extensions) == {"101"}
    for _ in range(2):
        with pytest.raises(PbxRefused, match="set domain"):
            await ADAPTER.calls(made, session, None)


@each_way
@pytest.mark.anyio
async def test_the_probe_finds_rights_and_domain(fake: FreeswitchSimulator, interface: str) -> None:
    async with reaching(fake, interface, variables=["customer_id"]) as (made, session):
        assert [finding.grade for finding in await ADAPTER.probe(made, session)] == [Grade.OK, Grade.OK]
        fake.faults.refused = "dump"
        assert "uuid_dump" in (await ADAPTER.probe(made, session))[-1].message
        fake.faults.refused, fake.faults.no_directory = "users", True
        assert (await ADAPTER.probe(made, session))[0].grade is Grade.WARN
    async with reaching(fake, interface, domain="elsewhere.example") as (made, session):
        assert (await ADAPTER.probe(made, session))[1].grade is Grade.WARN


@pytest.mark.anyio
async def test_the_probe_finds_a_domain_that_is_missing() -> None:
    made, realms = account(domain=None), '{"row_count":2,"rows":[{"realm":"a.example"},{"realm":"b.example"}]}'
    found = await ADAPTER.probe(made, scripted(made, '{"row_count":0}', f"{USERS}\n+OK\n", realms))
    assert [finding.grade for finding in found] == [Grade.WARN, Grade.FAIL]
    assert "set domain" in found[1].fix


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "fs.example:8021"}, {"base_url": "http://user@fs.example"}, {"base_url": "http://fs.example:0"},
        {"base_url": "http://fs.example:port"}, {"base_url": "http://"}, {"username": None}, {"password": ""},
        {"password": "two\nlines"}, {"interface": "esl"}, {"interface": "esl", "base_url": "fs:8021/path"},
        {"interface": "sip"}, {"domain": "two words"}, {"variables": ["a b"]}, {"domain": ""},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        account(**wrong)


def test_both_ways_in_are_among_the_addresses_that_may_be_dialled() -> None:
    assert list(account(base_url="http://10.0.0.5:8080/").addresses()) == ["http://10.0.0.5:8080"]
    assert list(account(interface="esl", base_url="10.0.0.5:8021").addresses()) == ["tcp://10.0.0.5:8021"]


def test_every_reason_has_words_in_every_language() -> None:
    own = {
        lang: {key.removesuffix(".two") for key in words if key.startswith("reason.freeswitch.")}
        for lang, words in languages().items()
    }
    assert own["en"]
    assert own["he"] - {"reason.freeswitch.users"} == own["en"]


@asynccontextmanager
async def for_real(made: Account) -> AsyncIterator[AccountSession]:
    """The program's own session: it dials the addresses of the settings and no other private ones."""
    async with open_client(Reach(named_by(made.addresses()))) as client:
        memory: Any = None
        yield AccountSession("main", ADAPTER, made, client, memory, lambda: NOW, made.timeout_seconds)


@each_way
@pytest.mark.anyio
async def test_the_programs_own_session_reaches_it(
    board: Switchboard, fake: FreeswitchSimulator, interface: str
) -> None:
    board.incoming(["101"], RUTH, NOW, DID)
    async with fake.event_socket() as port, serving(fake.app()) as address:
        where = {"interface": "esl", "base_url": f"127.0.0.1:{port}"} if interface == "esl" else {"base_url": address}
        made = account(**where)
        async with for_real(made) as session:
            assert set((await ADAPTER.calls(made, session, None)).extensions) == {"101"}
            fake.faults.refused = "command"
            with pytest.raises(PbxRefused, match="-allowed-api"):
                await ADAPTER.calls(made, session, None)


@pytest.mark.anyio
async def test_the_vendors_own_status_for_a_missing_right_is_read() -> None:
    """686 is no status of HTTP's; no server but FreeSWITCH's own sends it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 686 Unknown\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        made = account(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with for_real(made) as session:
            with pytest.raises(PbxRefused, match=r"HTTP 686.*http-allowed-api"):
                await ADAPTER.calls(made, session, None)


def full(calls: int) -> Reply:
    board = Switchboard([Extension(str(1000 + number), f"Desk {number}") for number in range(calls)])
    for extension in board.extensions:
        board.answer(board.incoming([extension], RUTH, NOW, DID), extension, NOW)
    return Reply(200, {}, Exchange(board, DOMAIN).channels().encode(), 1.0)


@pytest.mark.anyio
async def test_four_thousand_channels_hold_up_no_other_click() -> None:
    """Each question's longest stall of the loop, in processor time of this process: what others run meanwhile does not
    count. The best of ten."""
    reply, stalls = full(2000), []

    async def watch(longest: list[float]) -> None:
        while True:
            started = time.process_time()
            await asyncio.sleep(0.001)
            longest.append(time.process_time() - started)

    for _ in range(10):
        longest: list[float] = [0.0]
        watching = asyncio.create_task(watch(longest))
        listing = await parse(reply, lambda got: wire.read_calls(got, "main", Secret(PASSWORD), Domains(DOMAIN, set())))
        await asyncio.sleep(0)
        watching.cancel()
        stalls.append(max(longest))
        assert len(listing.extensions) == 2000
    assert min(stalls) < 0.015


def test_the_times_are_utc() -> None:
    row = '{"uuid":"u","direction":"outbound","callstate":"ACTIVE","presence_id":"1@d","created_epoch":"1795341500"}'
    reply = Reply(200, {}, f'{{"row_count":1,"rows":[{row}]}}'.encode(), 1.0)
    listing = wire.read_calls(reply, "main", Secret("x"), Domains("d", set()))
    assert listing.extensions["1"][0].started_at == datetime(2026, 11, 22, 9, 58, 20, tzinfo=UTC)


@pytest.mark.anyio
async def test_events_give_the_picture_that_a_question_gives_until_the_connection_breaks(
    board: Switchboard, fake: FreeswitchSimulator
) -> None:
    async with fake.event_socket() as port:
        made = account(interface="esl", base_url=f"127.0.0.1:{port}")
        async with for_real(made) as session:
            told = ADAPTER.connect(made, session)
            first = await anext(told)
            assert isinstance(first, Picture)
            assert not first.listing.extensions
            ivrid = board.incoming(["101"], RUTH, NOW, DID)
            rings = await anext(told)
            assert isinstance(rings, Picture)
            assert rings.listing.extensions == (await ADAPTER.calls(made, session, None)).extensions
            board.answer(ivrid, "101", NOW)
            talks = await anext(told)
            assert isinstance(talks, Picture)
            assert [call.state for call in talks.listing.extensions["101"]] == ["talking"]
            fake.drop()
            with pytest.raises(PbxUnreachable):
                await anext(told)


@pytest.mark.anyio
async def test_mod_xml_rpc_has_no_events(fake: FreeswitchSimulator) -> None:
    async with for_real(account()) as session:
        with pytest.raises(PbxRefused, match="esl"):
            await anext(ADAPTER.connect(account(), session))
