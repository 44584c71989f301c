"""Webex's adapter beyond the contract: its tokens, whose an extension is, its limit, and signed events."""

import asyncio
import hashlib
import hmac
import json
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
    RequestFailed,
    TokenRefused,
)
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Incoming, Reply, Response, Secret
from bridge.core.model import Call, Caller, CallerKind, CallState, Direction
from bridge.core.reasons import languages
from bridge.pbx.contract import AskAgain, Listing
from bridge.pbx.switchboard import Extension, Switchboard
from bridge.pbx.webex import ADAPTER, ID_KEPT, WAIT_SECONDS, Account, calls, events, wire
from bridge.pbx.webex.exchange import member_of
from bridge.pbx.webex.simulator import ACCESS_SECONDS, CLIENT, CLIENT_SECRET, RETRY_AFTER, Faults, WebexSimulator
from bridge.store import listeners
from tests.contract.session import NOW, ScriptedSession, SimulatorSession
from tests.stage import CALLER, DANA, Stage, open_stage, simulated, until, working

REFRESH = Secret("made-up-refresh-0123456789")
RUTH = Caller("0522340002", name="רות לוי", kind=CallerKind.NUMBER)
DESKS = [Extension(name, f"Desk {name}") for name in ("10", "101", "1010", "11")]


class World:
    """A simulated organization whose clock is ours, and bridges that share one memory."""

    def __init__(self, faults: Faults | None = None, desks: list[Extension] = DESKS, **changed: Any) -> None:
        self.now, self.board = NOW, Switchboard(desks)
        self.fake = WebexSimulator(self.board, REFRESH, faults or Faults())
        self.fake.clock = lambda: self.now.timestamp()
        self.account = account(**changed)
        self._app = Starlette(routes=[Mount("/", self.fake.app())])
        self.session = SimulatorSession(ADAPTER, self.account, self._app, self.now)

    def another_process(self) -> SimulatorSession:
        other = SimulatorSession(ADAPTER, self.account, self._app, self.now)
        other.memory.remembered = self.session.memory.remembered
        return other

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.session.now = self.now

    def listing(self, extension: str | None = "101", session: SimulatorSession | None = None) -> Listing:
        return asyncio.run(ADAPTER.calls(self.account, session or self.session, extension))

    def calls(self, extension: str = "101") -> tuple[Call, ...]:
        return self.listing(extension).extensions[extension]

    def probe(self, **changed: Any) -> list[Finding]:
        return asyncio.run(ADAPTER.probe(account(**changed), self.another_process()))


def account(**changed: Any) -> Account:
    keys = {"kind": "webex", "base_url": "https://webexapis.example", "region": "IL", "client_id": CLIENT}
    secrets = {"client_secret": CLIENT_SECRET, "refresh_token": REFRESH.reveal()}
    return Account.model_validate({**keys, **secrets, **changed})


def asked(session: SimulatorSession) -> list[str]:
    return [urlsplit(request.url).path.removeprefix("/v1/telephony") for request in session.requests]


def test_what_the_switchboard_holds_is_read() -> None:
    world = World()
    ivrid = world.board.incoming(["101", "1010"], RUTH, NOW, "0722776772")
    found = {name: each for name, each in world.listing(None).extensions.items() if each}
    assert {(c.extension, c.state, c.did, c.caller.number, c.caller.name) for (c,) in found.values()} == {
        (name, CallState.RINGING, "", "+972522340002", RUTH.name) for name in ("101", "1010")
    }
    assert len({call.ivrid for (call,) in found.values()}) == 1
    world.board.answer(ivrid, "101", NOW)
    assert [call.answered_at for call in world.calls()] == [NOW]
    world.board.hold(ivrid, "101")
    assert [(c.state, c.direction, c.started_at) for c in world.calls()] == [(CallState.HOLD, Direction.INCOMING, NOW)]
    assert world.calls("1010") == ()


def test_colleagues_see_each_other() -> None:
    world = World()
    world.board.internal("10", "11", NOW)
    seen = {name: [(c.state, c.direction, c.caller.number) for c in world.calls(name)] for name in ("10", "11")}
    assert seen == {
        "10": [(CallState.DIALING, Direction.INTERNAL, "11")],
        "11": [(CallState.RINGING, Direction.INTERNAL, "10")],
    }


def test_a_withheld_caller_has_neither_number_nor_name() -> None:
    world = World()
    world.board.incoming(["101"], Caller("", kind=CallerKind.WITHHELD), NOW)
    assert [(c.caller.number, c.caller.name) for c in world.calls()] == [("", "")]


def test_an_ended_call_that_is_still_listed_is_none() -> None:
    assert World(Faults(ended=("101",))).calls() == ()


def test_whose_an_extension_is_is_asked_once_for_all_processes() -> None:
    world = World()
    for session in (world.session, world.session):
        world.listing(session=session)
    other = world.another_process()
    world.listing(session=other)
    member = f"/calls/members/{member_of('101')}/calls"
    assert asked(world.session) == ["/config/numbers", member, member]
    assert asked(other) == [member]
    assert timedelta(minutes=30) > ID_KEPT


def test_a_member_who_has_left_is_looked_up_anew() -> None:
    world = World()
    world.calls("11")
    del world.board.extensions["11"]
    assert world.listing("11").extensions == {}
    assert asked(world.session)[-1] == "/config/numbers"


def test_an_extension_of_two_locations_shows_nobodys_calls() -> None:
    world = World(Faults(shared=("101",)))
    world.board.incoming(["101"], RUTH, NOW)
    with pytest.raises(PbxRefused, match="location_id"):
        world.calls()
    assert world.listing(None).unreadable == {"101"}
    assert "101" not in world.listing(None).extensions
    assert [finding.grade for finding in world.probe()] == [Grade.OK, Grade.WARN]


def test_one_location_is_asked_for_where_it_is_named() -> None:
    world = World(location_id="Y2lz")
    world.calls()
    world.listing(None)
    lists = [request.url for request in world.session.requests if "numbers" in request.url]
    assert [parse_qs(urlsplit(url).query)["locationId"] for url in lists] == [["Y2lz"]] * 2


def test_one_token_serves_until_it_expires() -> None:
    world = World()
    for _ in range(3):
        world.calls()
    assert world.fake.log_ins == 1
    world.later(ACCESS_SECONDS + 1)
    world.calls()
    world.fake.tokens.clear()
    assert world.calls() == ()
    assert world.fake.log_ins == 3


@pytest.mark.parametrize("wrong", [{"client_id": "x"}, {"client_secret": "x"}, {"refresh_token": "x"}], ids=str)
def test_wrong_credentials_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused, match="client_id, client_secret and refresh_token") as caught:
        World(**wrong).calls()
    assert [one for one in (CLIENT_SECRET, REFRESH.reveal()) if one in str(caught.value)] == []


WRONG = [
    (Faults(refused="scope"), PbxRefused, "missing scope"),
    (Faults(refused="limit"), PbxUnreachable, "429"),
    (Faults(down="503"), RequestFailed, "503"),
    (Faults(down="closed"), RequestFailed, "simulator"),
    (Faults(cut_to=30), PbxUnintelligible, "cut off"),
]


@pytest.mark.parametrize(("faults", "error", "says"), WRONG, ids=str)
def test_what_goes_wrong_is_named(faults: Faults, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        World(faults).calls()
    with pytest.raises(error, match=says):
        World(faults).probe()


@pytest.mark.parametrize(
    ("faults", "error"), [(Faults(down="503"), PbxUnreachable), (Faults(html_page=True), PbxUnintelligible)], ids=str
)
@pytest.mark.parametrize("extension", ["101", None])
def test_what_goes_wrong_later_is_named_too(faults: Faults, error: type[PbxError], extension: str | None) -> None:
    world = World()
    world.calls()
    world.fake.faults = faults
    with pytest.raises(error):
        world.listing(extension)


@pytest.mark.parametrize(("says_when", "wait"), [(True, RETRY_AFTER), (False, WAIT_SECONDS)])
def test_once_it_refuses_nobody_asks_until_the_time_is_over(says_when: bool, wait: int) -> None:
    world = World(Faults(says_when=says_when))
    world.calls()
    world.fake.faults.refused = "limit"
    with pytest.raises(PbxUnreachable, match="too often"):
        world.calls()
    world.fake.faults.refused = ""
    for session in (world.session, world.another_process()):
        before = len(session.requests)
        with pytest.raises(PbxUnreachable, match=f"{wait} s"):
            world.listing(session=session)
        assert len(session.requests) == before
    world.later(wait)
    assert world.calls() == ()


@pytest.mark.parametrize("told", ["x", "-1", "0", "9" * 30, "٣", "", "99999999"])
def test_a_wait_that_makes_no_sense_is_not_waited_for(told: str) -> None:
    replies = [Reply(429, {"retry-after": told}, b"", 1.0), Reply(200, {}, b"{}", 1.0)]
    session = ScriptedSession(ADAPTER, account(), replies)
    for _ in range(2):
        with pytest.raises(PbxUnreachable):
            asyncio.run(ADAPTER.calls(account(), session, "101"))
    session.now += timedelta(hours=1)
    with pytest.raises(PbxUnintelligible):
        asyncio.run(ADAPTER.calls(account(), session, "101"))
    assert len(session.requests) == 2


def test_extensions_come_page_by_page() -> None:
    desks = [Extension(str(1000 + number), "") for number in range(2001)]
    world = World(desks=desks)
    assert asyncio.run(ADAPTER.extensions(world.account, world.session)) == frozenset(desk.code for desk in desks)
    assert len(world.session.requests) == 2


def test_a_list_of_numbers_that_never_ends_is_left() -> None:
    row = {"extension": "101", "owner": {"id": "x", "type": "PEOPLE"}}
    session = ScriptedSession(
        ADAPTER, account(), [Reply(200, {}, json.dumps({"phoneNumbers": [row] * 2000}).encode(), 1.0)]
    )
    assert asyncio.run(ADAPTER.extensions(account(), session)) == frozenset({"101"})
    assert len(session.requests) == 10


def test_the_probe_finds_rights_and_transport() -> None:
    world = World()
    assert [finding.grade for finding in world.probe()] == [Grade.OK]
    assert "https://" in world.probe(base_url="http://webexapis.example")[-1].fix
    assert [finding.grade for finding in World(desks=[]).probe()] == [Grade.FAIL]


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": ""}, {"client_secret": None}, {"refresh_token": None}, {"refresh_token": "<token>"},
        {"base_url": "webexapis.com"}, {"events": "push"}, {"location_id": ""},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        account(**wrong)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"access_token":7}'], ids=repr)
def test_whatever_comes_for_a_token_is_a_named_error(body: bytes) -> None:
    with pytest.raises((TokenRefused, PbxUnintelligible)):
        ADAPTER.read_token(account(), Reply(200, {}, body, 1.0), NOW)
    with pytest.raises(TokenRefused):
        ADAPTER.read_token(account(), Reply(400, {}, body, 1.0), NOW)


EVENT_SECRET = "InventedEventSecret0123456789"
CALL = {"callId": "x", "callSessionId": "y", "personality": "terminator", "state": "alerting", "eventType": "received"}
EVENT = {"resource": "telephony_calls", "event": "created", "data": CALL}


def event(body: Any, address: str = "?extension=101", signed: str | None = None) -> Incoming:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    proof = hmac.new(EVENT_SECRET.encode(), sent, hashlib.sha1).hexdigest() if signed is None else signed
    query = dict(part.split("=") for part in address.removeprefix("?").split("&") if part)
    headers = {"x-spark-signature": proof}
    return Incoming("POST", f"https://popbridge.example/events/main{address}", headers, query, sent, NOW)


def told(incoming: Incoming) -> AskAgain | Response:
    return ADAPTER.read_event(account(events="push", event_secret=EVENT_SECRET), incoming)


def test_an_event_says_whose_calls_to_ask_for() -> None:
    assert told(event(EVENT)) == AskAgain(frozenset({"101"}))
    assert told(event(EVENT, "")) == AskAgain()
    for other in ({}, {"resource": "messages"}, {"resource": None}):
        assert told(event(other)) == events.NOTHING_TO_DO


@pytest.mark.parametrize("signed", ["", "x", "אב", hashlib.sha1(b"").hexdigest()])
def test_an_event_that_is_not_signed_is_refused(signed: str) -> None:
    for wrong in (
        event(EVENT, signed=signed),
        replace(event(EVENT), method="GET"),
        replace(event(EVENT), body=b"{}"),
        replace(event(EVENT), headers={}),
    ):
        with pytest.raises(BadSignature):
            told(wrong)
    with pytest.raises(BadSignature):
        ADAPTER.read_event(account(), event(EVENT))


@settings(max_examples=200, deadline=None)
@given(sent=st.binary(max_size=80) | st.sampled_from([b"[" * 100_000, b'{"resource":"telephony_calls"}', b"null"]))
def test_whatever_a_signed_event_holds_is_read_or_refused(sent: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(told(event(sent)), AskAgain | Response)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = plain | st.lists(plain, max_size=2)
words = st.sampled_from(["alerting", "connected", "held", "remoteHeld", "terminator", "callQueue", "location"])
party = st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "number", "callType"), words | values))
way = st.fixed_dictionaries({}, optional={"reason": words | values, "redirectingParty": party | values})
fields = ("id", "callSessionId", "personality", "state", "created", "answered")
row = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(fields, words | values),
        "remoteParty": party | values,
        "redirections": st.lists(way | values, max_size=2) | values,
    },
)


@pytest.mark.parametrize("owner", [{"type": [], "id": "Y2lz"}, {"type": {}, "id": "Y2lz"}, [], None], ids=str)
def test_a_number_whose_owner_is_of_another_type_is_nobodys(owner: object) -> None:
    listed = json.dumps({"phoneNumbers": [{"extension": "101", "owner": owner}]})
    assert wire.read_members(Reply(200, {}, listed.encode(), 1.0)) == ({}, 1)


@settings(max_examples=300, deadline=None)
@given(items=st.lists(row | values, max_size=4) | values)
def test_whatever_stands_in_a_call_is_read_or_refused(items: Any) -> None:
    reply = Reply(200, {}, json.dumps({"items": items}).encode(), 1.0)
    try:
        listing = calls.read_calls(reply, "main", "101")
    except PbxUnintelligible:
        return
    assert all(call.extension == "101" and call.ivrid for call in listing.extensions["101"])
    assert len({call.ivrid for call in listing.extensions["101"]}) == len(listing.extensions["101"])


@pytest.mark.anyio
async def test_an_event_pops_the_call_through_the_running_product(tmp_path: Path, redis_url: Secret) -> None:
    make = simulated("webex", REFRESH)
    keys = {"events": "push", "event_secret": EVENT_SECRET}
    async with open_stage(tmp_path, redis_url, make, pops={DANA: "ringing"}, main_keys=keys) as stage, working(stage):
        await until(lambda: listens(stage))
        desk = stage.make.dana
        stage.phone.incoming([desk], Caller(CALLER, kind=CallerKind.NUMBER), datetime.now(UTC))
        where, sent = f"{stage.bridge_url}/events/main?extension={desk}", event(EVENT)
        assert (await stage.http.post(where, content=sent.body)).status_code == 401
        assert (await stage.http.post(where, content=sent.body, headers=sent.headers)).status_code == 200
        (popup,) = await until(lambda: popped(stage))
        assert (popup["trigger"], popup["call"]["state"], popup["call"]["did"]) == ("ringing", "ringing", "")


async def listens(stage: Stage) -> bool:
    """Whether the first picture is there: what rings from now on, only an event can tell in time."""
    found = await listeners.status(stage.redis, "main")
    return found is not None and bool(found.heard_at)


async def popped(stage: Stage) -> list[Any]:
    return [one.event["data"] for one in stage.crm.accepted() if one.event and one.event["type"] == "call.popup"]


def test_every_reason_has_words_in_every_language() -> None:
    own = {
        lang: {key for key in texts if key.startswith("reason.webex.") and not key.endswith(".two")}
        for lang, texts in languages().items()
    }
    assert own["en"]
    assert own["he"] == own["en"]
