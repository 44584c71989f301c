"""Yeastar's adapter beyond the contract: its tokens, errors inside a 200, its limit, and what it tells apart."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.errors import (
    BadSignature,
    Malformed,
    PbxError,
    PbxRefused,
    PbxUnintelligible,
    PbxUnreachable,
    RateLimited,
    RequestFailed,
    TokenRefused,
)
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Incoming, Reply, Response, Secret
from bridge.core.model import Call, Caller, CallerKind, CallState, Direction
from bridge.core.reasons import languages
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import open_client
from bridge.egress.session import AccountSession
from bridge.pbx.contract import AskAgain, Listing
from bridge.pbx.switchboard import Extension, Switchboard
from bridge.pbx.yeastar import ADAPTER, Account, answers, calls, wire
from bridge.pbx.yeastar.simulator import ACCESS_SECONDS, CLIENT, REFRESH_SECONDS, Faults, YeastarSimulator
from bridge.store import listeners
from tests.contract.session import NOW, ScriptedSession, SimulatorSession
from tests.stage import CALLER, DANA, Stage, open_stage, serving, simulated, until, working

SECRET = Secret("made-up-secret-0123456789")
RUTH = Caller("0522340002", kind=CallerKind.NUMBER)
DID = "0722776772"
DESKS = [Extension(name, f"Desk {name}") for name in ("10", "101", "1010", "11")]


class World:
    """A simulated PBX whose clock is ours, and bridges that share one memory."""

    def __init__(self, faults: Faults | None = None, desks: list[Extension] = DESKS) -> None:
        self.now, self.board = NOW, Switchboard(desks)
        self.fake = YeastarSimulator(self.board, CLIENT, SECRET, faults or Faults())
        self.fake.clock = lambda: self.now.timestamp()
        self.account = account()
        self._app = Starlette(routes=[Mount("/", self.fake.app())])
        self.session = SimulatorSession(ADAPTER, self.account, self._app, self.now)

    def another_process(self) -> SimulatorSession:
        other = SimulatorSession(ADAPTER, self.account, self._app, self.now)
        other.memory.remembered = self.session.memory.remembered
        return other

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.session.now = self.now

    def calls(self, extension: str | None = "101", session: SimulatorSession | None = None) -> tuple[Call, ...]:
        listing = asyncio.run(ADAPTER.calls(self.account, session or self.session, extension))
        return tuple(call for each in listing.extensions.values() for call in each)

    def extensions(self) -> frozenset[str] | None:
        return asyncio.run(ADAPTER.extensions(self.account, self.session))


def account(**changed: Any) -> Account:
    keys = {"kind": "yeastar", "base_url": "https://pbx.example:8088", "region": "IL", "client_id": CLIENT}
    return Account.model_validate({**keys, "client_secret": SECRET.reveal(), **changed})


def scripted(*bodies: str) -> ScriptedSession:
    return ScriptedSession(ADAPTER, account(), [Reply(200, {}, body.encode(), 1.0) for body in bodies])


def asked(session: SimulatorSession) -> list[str]:
    return [urlsplit(request.url).path.removeprefix(wire.PATH) for request in session.requests]


def test_what_the_switchboard_holds_is_read() -> None:
    world = World()
    ivrid = world.board.incoming(["101", "1010"], RUTH, NOW, DID)
    found = world.calls(None)
    assert {(c.extension, c.state, c.did, c.caller.number, c.started_at) for c in found} == {
        (name, CallState.RINGING, DID, RUTH.number, NOW) for name in ("101", "1010")
    }
    world.board.answer(ivrid, "101", NOW)
    world.board.hold(ivrid, "101")
    (call,) = world.calls(None)
    assert (call.extension, call.state, call.direction) == ("101", CallState.HOLD, Direction.INCOMING)
    assert {one.ivrid for one in found} == {call.ivrid}
    assert world.extensions() == frozenset({"10", "101", "1010", "11"})


def test_colleagues_see_each_other() -> None:
    world = World()
    world.board.internal("10", "11", NOW)
    seen = {c.extension: (c.state, c.direction, c.caller.number) for c in world.calls(None)}
    assert seen == {
        "10": (CallState.DIALING, Direction.INTERNAL, "11"),
        "11": (CallState.RINGING, Direction.INTERNAL, "10"),
    }


def test_one_log_in_serves_until_the_token_expires_and_then_the_refresh_token_does() -> None:
    world = World()
    for _ in range(3):
        world.calls()
    world.later(ACCESS_SECONDS - 1)
    world.calls()
    assert world.fake.issued.log_ins == 1
    world.later(REFRESH_SECONDS + 1)
    world.calls()
    assert world.fake.issued.log_ins == 2


def test_a_token_that_another_log_in_ended_is_replaced_once() -> None:
    """It is told by an errcode in a 200: HTTP's 401 never comes."""
    world = World()
    world.calls()
    world.fake.issued.renew(NOW.timestamp())
    assert world.calls() == ()
    assert asked(world.session) == ["/call/query"] * 3


def test_a_token_in_a_header_is_not_what_is_sent() -> None:
    world = World()
    world.calls()
    (request,) = world.session.requests
    assert "authorization" not in {name.lower() for name in request.headers}
    assert request.headers["User-Agent"]
    assert world.fake.issued.access not in f"{request!r} {request}"


def test_a_program_that_logs_in_all_the_time_is_named() -> None:
    expired = '{"errcode":10004,"errmsg":"TOKEN EXPIRED"}'
    session = scripted(expired)
    with pytest.raises(PbxRefused, match="another program"):
        asyncio.run(ADAPTER.calls(account(), session, "101"))
    assert len(session.requests) == 2


WRONG = [
    (Faults(refused="right"), PbxRefused, "Integrations > API"),
    (Faults(refused="address"), TokenRefused, "IP restriction"),
    (Faults(refused="interface"), TokenRefused, "switch the API on"),
    (Faults(refused="tokens"), TokenRefused, "as many access tokens as it may"),
    (Faults(refused="limit"), PbxUnreachable, "too often"),
    (Faults(down="internal"), RequestFailed, "token service is not working"),
    (Faults(down="503"), RequestFailed, "503"),
    (Faults(down="closed"), RequestFailed, "simulator"),
    (Faults(html_page=True), PbxUnintelligible, "not a JSON object"),
    (Faults(cut_to=40), PbxUnintelligible, "not a JSON object"),
]


@pytest.mark.parametrize(("faults", "error", "says"), WRONG, ids=str)
def test_what_goes_wrong_is_named_with_its_fix(faults: Faults, error: type[Exception], says: str) -> None:
    world = World(faults)
    for ask in (
        ADAPTER.calls(world.account, world.session, "101"),
        ADAPTER.probe(world.account, world.another_process()),
    ):
        with pytest.raises(error, match=says):
            asyncio.run(ask)


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (Faults(refused="address"), PbxRefused), (Faults(refused="interface"), PbxRefused),
        (Faults(down="internal"), PbxUnreachable), (Faults(html_page=True), PbxUnintelligible),
        (Faults(cut_to=40), PbxUnintelligible),
    ],
    ids=str,
)  # fmt: skip
def test_what_goes_wrong_later_is_named_too(faults: Faults, error: type[PbxError]) -> None:
    world = World()
    world.calls()
    world.fake.faults = faults
    with pytest.raises(error):
        world.calls()


@pytest.mark.parametrize("wrong", [{"client_id": "somebody"}, {"client_secret": "another"}], ids=str)
def test_wrong_credentials_are_refused(wrong: dict[str, str]) -> None:
    world = World()
    world.account = account(**wrong)
    session = SimulatorSession(ADAPTER, world.account, Starlette(routes=[Mount("/", world.fake.app())]), NOW)
    with pytest.raises(TokenRefused, match="client_id and client_secret") as caught:
        world.calls(session=session)
    assert SECRET.reveal() not in str(caught.value)


def test_once_its_limit_is_used_up_nobody_asks_for_a_minute() -> None:
    world = World()
    world.calls()
    world.fake.faults.refused = "limit"
    with pytest.raises(PbxUnreachable, match="60 s"):
        world.calls()
    world.fake.faults.refused = ""
    other = world.another_process()
    for session in (world.session, other):
        before = len(session.requests)
        with pytest.raises(PbxUnreachable, match="too often"):
            world.calls(session=session)
        assert len(session.requests) == before
    world.later(answers.LIMIT_SECONDS)
    assert world.calls() == ()


def test_a_log_in_that_comes_too_often_is_a_limit_and_no_refusal() -> None:
    reply = Reply(200, {}, b'{"errcode":10023,"errmsg":"MAX LIMITATION EXCEEDED"}', 1.0)
    with pytest.raises(RateLimited):
        ADAPTER.read_token(account(), reply, NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"errcode":0}', b'{"errcode":0,"access_token":7}',
        b'{"errcode":0,"access_token":""}', b'{"errcode":0,"access_token":"two\\nlines"}', b'{"errcode":true}',
        '{"errcode":0,"access_token":"אסימון"}'.encode(),
    ],
    ids=lambda body: repr(body[:40]),
)  # fmt: skip
def test_whatever_comes_for_a_token_is_a_named_error(body: bytes) -> None:
    with pytest.raises((TokenRefused, PbxUnintelligible)):
        ADAPTER.read_token(account(), Reply(200, {}, body, 1.0), NOW)


@pytest.mark.parametrize("life", ["null", "-5", "true", '"soon"', "1e999", "99999999999999999999"])
def test_a_tokens_life_that_makes_no_sense_is_the_vendors_usual_one(life: str) -> None:
    body = f'{{"errcode":0,"access_token":"a","access_token_expire_time":{life}}}'
    tokens = ADAPTER.read_token(account(), Reply(200, {}, body.encode(), 1.0), NOW)
    assert tokens.expires_at == NOW + answers.TOKEN_LIFE
    assert tokens.refresh is None


def test_a_pbx_that_wants_a_filter_is_asked_by_type() -> None:
    world = World(Faults(filters_only=True))
    world.board.incoming(["101"], RUTH, NOW)
    world.board.outgoing("11", RUTH, NOW)
    world.board.internal("10", "1010", NOW)
    assert {call.extension for call in world.calls(None)} == {"101", "11", "10", "1010"}
    world.calls(None)
    assert len(world.session.requests) == 1 + 3 + 3
    types = [parse_qs(urlsplit(request.url).query).get("type") for request in world.session.requests]
    assert types == [None, *[["inbound"], ["outbound"], ["internal"]] * 2]


@pytest.mark.parametrize("extension", ["101", None])
def test_nobody_on_the_phone_may_come_as_an_error(extension: str | None) -> None:
    assert World(Faults(nothing_is_an_error=True)).calls(extension) == ()


def test_extensions_come_page_by_page() -> None:
    world = World(desks=[Extension(str(1000 + number), "") for number in range(1201)])
    assert world.extensions() == frozenset(str(1000 + number) for number in range(1201))
    assert len(world.session.requests) == 3


def test_a_list_of_extensions_that_never_ends_is_left() -> None:
    session = scripted('{"errcode":0,"total_number":99999999,"data":[{"number":"101"}]}')
    assert asyncio.run(ADAPTER.extensions(account(), session)) == frozenset({"101"})
    assert len(session.requests) <= 40


def test_where_extensions_may_not_be_listed_nobody_is_unknown() -> None:
    assert World(Faults(refused="extensions")).extensions() is None


def test_the_probe_finds_rights_trunks_and_transport() -> None:
    world = World()

    def probe(made: Account) -> list[Finding]:
        return asyncio.run(ADAPTER.probe(made, world.session))

    world.board.incoming(["101"], RUTH, NOW)
    assert [finding.grade for finding in probe(world.account)] == [Grade.OK]
    world.fake.faults.trunks_unmonitored = True
    assert "Call Status Monitor" in probe(world.account)[1].fix
    world.fake.faults.refused = "extensions"
    assert [finding.grade for finding in probe(world.account)] == [Grade.WARN] * 2
    assert "https://" in probe(account(base_url="http://pbx.example:8088"))[-1].fix


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": None}, {"client_secret": None}, {"username": "twice"}, {"password": "twice"}, {"client_id": ""},
        {"base_url": "pbx.example"}, {"client_secret": "<secret>"},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        account(**wrong)


def test_the_apis_own_names_are_taken_too() -> None:
    made = account(client_id=None, client_secret=None, username="a", password="b")
    assert (made.identity, made.secret.reveal()) == ("a", "b")
    assert account(base_url="https://pbx.example/openapi/v1.0/").api == "https://pbx.example/openapi/v1.0"


EVENT_SECRET = "InventedEventSecret0123456789abcd"
RINGS = {"extension": {"number": "101", "member_status": "RING"}}
LEFT = {"extension": {"number": "102", "member_status": "BYE"}}
OUTSIDE = {"inbound": {"from": "0522340002", "to": DID, "member_status": "ALERT"}}
CALL = {"call_id": "1795341500.266", "members": [OUTSIDE, RINGS, LEFT]}


def event(body: bytes, method: str = "POST", signed: str | None = None) -> Incoming:
    proof = hmac.new(EVENT_SECRET.encode(), body, hashlib.sha256).digest()
    headers = {"x-signature": base64.b64encode(proof).decode() if signed is None else signed}
    return Incoming(method, "https://popbridge.example/events/main", headers, {}, body, NOW)


def told(incoming: Incoming) -> AskAgain | Response:
    return ADAPTER.read_event(account(events="push", event_secret=EVENT_SECRET), incoming)


@pytest.mark.parametrize("kind", [30011, "30011"])
@pytest.mark.parametrize("msg", [CALL, json.dumps(CALL)], ids=["object", "text"])
def test_an_event_says_whose_calls_to_ask_for(msg: object, kind: object) -> None:
    """Who has just left the call is among them."""
    found = told(event(as_body({"type": kind, "sn": "3631A2124000", "msg": msg})))
    assert found == AskAgain(frozenset({"101", "102"}))


def test_the_record_of_a_call_that_ended_asks_for_all() -> None:
    assert told(event(as_body({"type": 30012, "sn": "x", "msg": "not JSON"}))) == AskAgain()


@pytest.mark.parametrize("body", [{"type": 30009, "msg": {}}, {}, {"type": None}, {"test": True}], ids=str)
def test_other_events_are_answered_and_left(body: dict[str, Any]) -> None:
    answer = told(event(as_body(body)))
    assert isinstance(answer, Response)
    assert answer.status == 200


@pytest.mark.parametrize("signed", ["", "x", "AAAA", "אב", "=" * 9, hashlib.sha256(b"").hexdigest()])
def test_an_event_that_is_not_signed_is_refused(signed: str) -> None:
    body = as_body({"type": 30011, "msg": CALL})
    with pytest.raises(BadSignature):
        told(event(body, signed=signed))
    with pytest.raises(BadSignature):
        told(event(body, method="GET"))
    with pytest.raises(BadSignature):
        told(replace(event(body), body=body + b" "))
    with pytest.raises(BadSignature):
        ADAPTER.read_event(account(), event(body))


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=80) | st.sampled_from([b"[" * 100_000, b'{"type":30011}', b'{"type":30011,"msg":"["}']))
def test_whatever_a_signed_event_holds_is_read_or_refused(body: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(told(event(body)), AskAgain | Response)


def test_pushed_events_need_the_secret_that_signs_them() -> None:
    with pytest.raises(ValidationError, match="event_secret"):
        account(events="push")


@pytest.mark.anyio
async def test_an_event_pops_the_call_through_the_running_product(tmp_path: Path, redis_url: Secret) -> None:
    make = simulated("yeastar", SECRET)
    keys = {"events": "push", "event_secret": EVENT_SECRET}
    async with open_stage(tmp_path, redis_url, make, pops={DANA: "ringing"}, main_keys=keys) as stage, working(stage):
        await until(lambda: listens(stage))
        stage.phone.incoming([stage.make.dana], Caller(CALLER, kind=CallerKind.NUMBER), datetime.now(UTC), DID)
        members = [{"extension": {"number": stage.make.dana, "member_status": "RING"}}]
        body = as_body({"type": 30011, "sn": "x", "msg": json.dumps({"call_id": "1.1", "members": members})})
        where = f"{stage.bridge_url}/events/main"
        assert (await stage.http.post(where, content=body)).status_code == 401
        assert (await stage.http.post(where, content=body, headers=event(body).headers)).status_code == 200
        (popup,) = await until(lambda: popped(stage))
        assert (popup["trigger"], popup["call"]["state"], popup["call"]["did"]) == ("ringing", "ringing", DID)


async def listens(stage: Stage) -> bool:
    """Whether the first picture is there: what rings from now on, only an event can tell in time."""
    found = await listeners.status(stage.redis, "main")
    return found is not None and bool(found.heard_at)


async def popped(stage: Stage) -> list[Any]:
    return [one.event["data"] for one in stage.crm.accepted() if one.event and one.event["type"] == "call.popup"]


@st.composite
def days(draw: st.DrawFn) -> Switchboard:
    """A switchboard after some calls, on extensions that begin alike."""
    names = draw(st.lists(st.from_regex(r"[1-9][0-9]{1,4}", fullmatch=True), min_size=2, max_size=6, unique=True))
    board, dice = Switchboard([Extension(name, "") for name in names]), random.Random(draw(st.integers(0, 2**32)))
    for number in range(dice.randrange(1, 7)):
        one, other = dice.sample(names, 2)
        caller = Caller(f"05012345{number:02d}", kind=CallerKind.NUMBER)
        match dice.randrange(5):
            case 0:
                board.incoming([one, other], caller, NOW, DID)
            case 1:
                board.answer(board.incoming([one, other], caller, NOW, DID), one, NOW)
            case 2:
                board.outgoing(one, caller, NOW)
            case 3:
                board.callee_answers(board.outgoing(one, caller, NOW), NOW)
            case 4:
                board.internal(one, other, NOW)
    return board


@settings(max_examples=150, deadline=None)
@given(board=days())
def test_whatever_the_switchboard_holds_is_read_back_each_call_on_its_own_extension(board: Switchboard) -> None:
    world = World()
    world.fake.switchboard = board
    whole = asyncio.run(ADAPTER.calls(world.account, world.session, None)).extensions
    for name in board.extensions:
        alone = asyncio.run(ADAPTER.calls(world.account, world.session, name)).extensions.get(name, ())
        held = sorted((c.state, c.direction, c.caller.number, c.did) for c in board.calls(name))
        for found in (alone, whole.get(name, ())):
            assert sorted((c.state, c.direction, c.caller.number, c.did) for c in found) == held


words = st.sampled_from(["RING", "ALERT", "ANSWER", "ANSWERED", "HOLD", "BYE", "EARLYMEDIA", "", "X", "ring"])
texts = st.sampled_from(["101", "10", "", "0522340002", "6300", "\u202e1", "a" * 3000]) | st.text(max_size=4)
values = texts | st.none() | st.integers() | st.booleans() | st.floats() | st.lists(texts, max_size=2)
member = st.fixed_dictionaries(
    {},
    optional={
        side: st.fixed_dictionaries(
            {},
            optional={
                "number": values,
                "from": values,
                "to": values,
                "member_status": words | values,
                "call_path": values,
            },
        )
        for side in ("extension", "inbound", "outbound", "conference")
    },
)
row = st.fixed_dictionaries({}, optional={"call_id": values, "members": st.lists(member | values, max_size=5) | values})


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(row | values, max_size=4) | values, asked_for=st.sampled_from([None, "101"]))
def test_whatever_stands_in_a_call_is_read_or_refused(rows: Any, asked_for: str | None) -> None:
    reply = Reply(200, {}, as_body({"errcode": 0, "data": rows}), 1.0)
    try:
        found = calls.read_calls(reply, "main", SECRET, asked_for)
    except PbxUnintelligible:
        return
    assert isinstance(found, Listing)
    for number, of_extension in found.extensions.items():
        assert number
        assert {(call.extension, bool(call.ivrid)) for call in of_extension} == {(number, True)}
        assert all(len(text) <= 200 for call in of_extension for text in (call.ivrid, call.did, call.caller.number))


def as_body(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("call_id", "started"),
    [("1795341500.266", "2026-11-22T09:58:20+00:00"), ("1795341500", None), ("x", None), ("99999999999.1", None)],
)
def test_when_a_call_began_stands_in_its_id(call_id: str, started: str | None) -> None:
    member = {"extension": {"number": "101", "member_status": "RING"}}
    reply = Reply(200, {}, as_body({"errcode": 0, "data": [{"call_id": call_id, "members": [member]}]}), 1.0)
    (call,) = calls.read_calls(reply, "main", SECRET, None).extensions["101"]
    told = call.started_at.isoformat() if call.started_at else None
    assert told == started


def test_every_reason_has_words_in_every_language() -> None:
    own = {
        lang: {key.removesuffix(".two") for key in words if key.startswith("reason.yeastar.")}
        for lang, words in languages().items()
    }
    assert own["en"]
    assert own["he"] - {"reason.yeastar.extensions"} == own["en"]


@pytest.mark.anyio
async def test_the_programs_own_session_reaches_it() -> None:
    """Over real HTTP, on connections that end with each answer."""
    world = World()
    world.board.incoming(["101"], RUTH, NOW, DID)
    async with serving(world.fake.app()) as address:
        made = account(base_url=address)
        async with open_client(Reach(named_by(made.addresses()))) as client:
            memory = SimulatorSession(ADAPTER, made, None).memory
            session = AccountSession("main", ADAPTER, made, client, InMemory(memory), lambda: NOW, 2.0)
            for _ in range(3):
                assert set((await ADAPTER.calls(made, session, "101")).extensions) == {"101"}
            world.fake.faults.refused = "right"
            with pytest.raises(PbxRefused, match="Integrations"):
                await ADAPTER.calls(made, session, None)


class InMemory:
    """What all processes share, without Redis."""

    def __init__(self, tokens: Any) -> None:
        self.load_tokens, self.save_tokens = tokens.load_tokens, tokens.save_tokens
        self.lock, self.unlock, self.take_turn = tokens.lock, tokens.unlock, tokens.take_turn
        self._kept: dict[str, str] = tokens.remembered

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        self._kept[key] = value

    async def recall(self, key: str) -> str | None:
        return self._kept.get(key)
