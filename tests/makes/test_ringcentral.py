"""RingCentral's adapter beyond the contract: its tokens, limits for each plan group, ids of extensions, and events."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
from bridge.core.json_codec import time_text
from bridge.core.model import Call, Caller, CallerKind, CallState, Direction
from bridge.core.reasons import languages
from bridge.pbx.contract import AskAgain, Change, Listing, Person
from bridge.pbx.ringcentral import ADAPTER, Account, events, presence
from bridge.pbx.ringcentral.exchange import Exchange
from bridge.pbx.ringcentral.kept import ACCESS_SECONDS, LIMITS, PENALTY_SECONDS, WINDOW_SECONDS
from bridge.pbx.ringcentral.limits import KEPT_HEAVY, WHOLE_FROM
from bridge.pbx.ringcentral.simulator import CLIENT, CLIENT_SECRET, Faults, RingCentralSimulator
from bridge.pbx.switchboard import Extension, Switchboard
from bridge.store import listeners
from tests.contract.session import NOW, ScriptedSession, SimulatorSession
from tests.stage import CALLER, DANA, Stage, open_stage, simulated, until, working

JWT = Secret("made-up-jwt-0123456789")
RUTH = Caller("0522340002", name="רות לוי", kind=CallerKind.NUMBER)
DID = "0722776772"
DESKS = [Extension(name, f"Desk {name}", email=f"{name}@acme.example") for name in ("10", "101", "1010", "11")]


class World:
    """A simulated account whose clock is ours, and bridges that share one memory."""

    def __init__(self, faults: Faults | None = None, desks: list[Extension] = DESKS, **changed: Any) -> None:
        self.now, self.board = NOW, Switchboard(desks)
        self.fake = RingCentralSimulator(self.board, JWT, faults or Faults())
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
    keys = {"kind": "ringcentral", "base_url": "https://platform.example", "region": "IL", "client_id": CLIENT}
    return Account.model_validate({**keys, "client_secret": CLIENT_SECRET, "jwt": JWT.reveal(), **changed})


def asked(session: SimulatorSession) -> list[str]:
    return [urlsplit(request.url).path.rpartition("~")[2] for request in session.requests]


def test_what_the_switchboard_holds_is_read() -> None:
    world = World()
    ivrid = world.board.incoming(["101", "1010"], RUTH, NOW, DID)
    found = {name: calls for name, calls in world.listing(None).extensions.items() if calls}
    assert {(c.extension, c.state, c.did, c.caller.number, c.caller.name) for (c,) in found.values()} == {
        (name, CallState.RINGING, "+972722776772", "+972522340002", RUTH.name) for name in ("101", "1010")
    }
    assert {call.started_at for (call,) in found.values()} == {NOW}
    assert len({call.ivrid for (call,) in found.values()}) == 1
    world.board.answer(ivrid, "101", NOW)
    world.board.hold(ivrid, "101")
    assert [(c.state, c.direction) for c in world.calls()] == [(CallState.HOLD, Direction.INCOMING)]
    assert world.calls("1010") == ()


def test_colleagues_see_each_other() -> None:
    world = World()
    world.board.internal("10", "11", NOW)
    seen = {name: [(c.state, c.direction, c.caller.number) for c in world.calls(name)] for name in ("10", "11")}
    assert seen == {
        "10": [(CallState.DIALING, Direction.INTERNAL, "11")],
        "11": [(CallState.RINGING, Direction.INTERNAL, "10")],
    }


def test_an_ended_call_that_is_still_listed_is_none() -> None:
    assert World(Faults(ended=("101",))).calls() == ()


def test_an_extensions_id_is_looked_up_once_for_all_processes() -> None:
    world = World()
    for session in (world.session, world.session, world.another_process()):
        world.listing(session=session)
    assert asked(world.session) == ["/extension", *["/extension/62000002/presence"] * 2]
    assert world.another_process().requests == []


def test_a_number_that_has_moved_to_another_phone_is_looked_up_anew() -> None:
    """Nobody is shown the calls of who has the id now."""
    world = World()
    world.calls("101")
    world.board.extensions = {name: world.board.extensions[name] for name in ("101", "10", "1010", "11")}
    world.board.incoming(["10"], RUTH, NOW)
    assert world.calls("101") == ()
    assert asked(world.session)[-3:] == ["/extension/62000002/presence", "/extension", "/extension/62000001/presence"]


def test_an_extension_that_was_deleted_is_unknown() -> None:
    world = World()
    world.calls("11")
    del world.board.extensions["11"]
    assert world.listing("11").extensions == {}


def test_one_log_in_serves_until_the_token_expires_and_then_the_refresh_token_does() -> None:
    world = World()
    world.calls()
    for _ in range(3):
        world.later(ACCESS_SECONDS + 1)
        world.calls()
    assert world.fake.issued.log_ins == 1
    assert len(world.fake.issued.sessions) == 1


def test_a_token_that_another_program_ended_is_replaced_once() -> None:
    world = World()
    world.calls()
    world.fake.issued.sessions.clear()
    assert world.calls() == ()
    assert world.fake.issued.log_ins == 2
    refused = Reply(401, {}, b'{"errorCode":"OAU-213","message":"Token not found"}', 1.0)
    session = ScriptedSession(ADAPTER, account(), [refused])
    with pytest.raises(PbxRefused, match="Token not found"):
        asyncio.run(ADAPTER.calls(account(), session, "101"))
    assert len(session.requests) == 2


@pytest.mark.parametrize("wrong", [{"client_id": "somebody"}, {"client_secret": "another"}, {"jwt": "x.y.z"}], ids=str)
def test_wrong_credentials_are_refused(wrong: dict[str, Any]) -> None:
    world = World(**wrong)
    with pytest.raises(TokenRefused, match="client_id, client_secret and jwt") as caught:
        world.calls()
    assert [one for one in (CLIENT_SECRET, JWT.reveal()) if one in str(caught.value)] == []


WRONG = [
    (Faults(refused="permission"), PbxRefused, "ReadPresence"),
    (Faults(refused="log-in"), TokenRefused, "Invalid assertion"),
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
    ("faults", "error"),
    [(Faults(down="503"), PbxUnreachable), (Faults(html_page=True), PbxUnintelligible)],
    ids=str,
)
def test_what_goes_wrong_later_is_named_too(faults: Faults, error: type[PbxError]) -> None:
    world = World()
    world.calls()
    world.fake.faults = faults
    with pytest.raises(error):
        world.calls()


@pytest.mark.parametrize("extension", [None, "101"])
def test_an_extension_that_may_not_be_seen_is_not_idle(extension: str | None) -> None:
    world = World(Faults(hidden=("101",)))
    if extension is None:
        assert world.listing(None).unreadable == {"101"}
    else:
        with pytest.raises(PbxRefused, match="may not be seen"):
            world.listing(extension)
    assert world.calls("10") == ()


@pytest.mark.parametrize("says_when", [True, False], ids=["retry-after", "nothing"])
def test_once_it_refuses_nobody_asks_until_its_penalty_is_over(says_when: bool) -> None:
    """Each question during the penalty would make it begin again."""
    world = World(Faults(says_when=says_when))
    world.calls()
    world.fake.faults.refused = "limit"
    with pytest.raises(PbxUnreachable, match="too often"):
        world.calls()
    world.fake.faults.refused = ""
    other = world.another_process()
    for session in (world.session, other):
        before = len(session.requests)
        with pytest.raises(PbxUnreachable, match="60 s"):
            world.listing(session=session)
        assert len(session.requests) == before
    world.later(PENALTY_SECONDS)
    assert world.calls() == ()


def test_the_last_question_that_is_taken_is_the_last_one_asked() -> None:
    """Its limit is kept before it refuses; and the other plan groups still serve."""
    world = World()
    for _ in range(LIMITS["heavy"]):
        world.listing(None)
        world.later(1)
    for session in (world.session, world.another_process()):
        session.now = world.now
        with pytest.raises(PbxUnreachable, match="plan group heavy"):
            world.listing(None, session)
    assert world.calls() == ()
    assert world.fake.counted["heavy"].count == LIMITS["heavy"]
    world.later(WINDOW_SECONDS - LIMITS["heavy"])
    assert set(world.listing(None).extensions) == {"10", "101", "1010", "11"}


def test_its_limit_is_kept_without_a_memory_too() -> None:
    world = World(Faults(refused="limit"))
    for _ in range(2):
        world.session.memory.remembered.clear()
        with pytest.raises(PbxUnreachable):
            world.calls()
    assert len(world.session.requests) == 1


@pytest.mark.parametrize("told", ["x", "-1", "9" * 30, "٣", "", "1.5"])
def test_a_limit_that_makes_no_sense_stops_nothing_for_long(told: str) -> None:
    headers = {"retry-after": told, "x-rate-limit-remaining": told, "x-rate-limit-window": told}
    session = ScriptedSession(ADAPTER, account(), [Reply(429, headers, b"", 1.0), Reply(200, {}, b"{}", 1.0)])
    with pytest.raises(PbxUnreachable):
        asyncio.run(ADAPTER.calls(account(), session, "101"))
    session.now += timedelta(hours=1)
    with pytest.raises(PbxUnintelligible):
        asyncio.run(ADAPTER.calls(account(), session, "101"))


def test_its_own_limit_is_told_to_the_session() -> None:
    limit = ADAPTER.rate_limit(account(requests_per_minute=120))
    assert (limit.requests, limit.seconds) == (120, 60)
    assert ADAPTER.rate_limit(account()).requests == LIMITS["light"]


def test_extensions_and_people_come_page_by_page() -> None:
    desks = [Extension(str(1000 + number), "", email=f"{number}@acme.example") for number in range(2001)]
    world = World(desks=desks)
    assert asyncio.run(ADAPTER.extensions(world.account, world.session)) == frozenset(desk.code for desk in desks)
    assert len(world.session.requests) == 3
    found = asyncio.run(ADAPTER.people(world.account, world.session))
    assert Person("0@acme.example", "1000", "") in found
    assert len(found) == len(world.listing(None).extensions) == 2001


def subscription(extension: str, *ids: str, status: str = "Active", pbx: str = "main") -> dict[str, Any]:
    address = f"https://popbridge.example/events/{pbx}?extension={extension}"
    names = [f"/restapi/v1.0/account/~/extension/{one}/presence?detailedTelephonyState=true" for one in ids]
    return {"status": status, "eventFilters": names, "deliveryMode": {"transportType": "WebHook", "address": address}}


PUSH = {"events": "push", "event_secret": "InventedEventToken0123456789"}


def test_the_probe_finds_rights_subscriptions_and_transport() -> None:
    world = World()
    assert [finding.grade for finding in world.probe()] == [Grade.OK]
    world.fake.faults.hidden = ("10", "11")
    assert "2" in world.probe()[1].message
    world.fake.faults.hidden = ()
    assert "guide" in world.probe(**PUSH)[1].fix
    world.fake.faults.subscriptions = (subscription("101", "62000002"), subscription("10", "x", pbx="main2"))
    assert [finding.grade for finding in world.probe(**PUSH)] == [Grade.OK]
    world.fake.faults.subscriptions = (subscription("101", "62000002", status="Blacklisted"),)
    assert "not active" in world.probe(**PUSH)[1].message
    assert "https://" in world.probe(base_url="http://platform.example")[-1].fix


@pytest.mark.parametrize("ids", [["62000003"], [], ["62000002", "62000003"], ["7"], ["x"]], ids=str)
def test_a_subscription_for_somebody_else_is_a_failure(ids: list[str]) -> None:
    world = World(Faults(subscriptions=(subscription("101", *ids),)))
    assert [finding.grade for finding in world.probe(**PUSH)][1] is Grade.FAIL


@pytest.mark.parametrize(
    "row",
    [{}, {"deliveryMode": 7}, {"deliveryMode": {"address": "http://[x/events/main"}}, {"eventFilters": "x"}],
    ids=str,
)
def test_subscriptions_of_any_shape_are_read(row: dict[str, Any]) -> None:
    assert len(World(Faults(subscriptions=(row,))).probe(**PUSH)) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": ""}, {"client_secret": None}, {"jwt": None}, {"jwt": "<jwt>"}, {"base_url": "platform.example"},
        {"events": "push"}, {"events": "poll"}, {"events": "poll", "poll_seconds": 9.9}, {"requests_per_minute": 0},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        account(**wrong)
    assert account(events="poll", poll_seconds=10).poll_seconds == 10


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"access_token":7}', b'{"access_token":""}'],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
def test_whatever_comes_for_a_token_is_a_named_error(body: bytes) -> None:
    with pytest.raises((TokenRefused, PbxUnintelligible)):
        ADAPTER.read_token(account(), Reply(200, {}, body, 1.0), NOW)
    with pytest.raises(TokenRefused):
        ADAPTER.read_token(account(), Reply(400, {}, body, 1.0), NOW)
    with pytest.raises(TokenRefused, match="base_url"):
        ADAPTER.read_token(account(), Reply(404, {}, body, 1.0), NOW)


@pytest.mark.parametrize("life", ["null", "-5", "true", '"soon"', "NaN", "1e999"])
def test_a_tokens_life_that_makes_no_sense_is_the_vendors_usual_one(life: str) -> None:
    tokens = ADAPTER.read_token(
        account(), Reply(200, {}, f'{{"access_token":"a","expires_in":{life}}}'.encode(), 1.0), NOW
    )
    assert tokens.expires_at == NOW + timedelta(hours=1)
    assert tokens.refresh is None


def event(body: Any, address: str = "?extension=101", **headers: str) -> Incoming:
    """An event as it comes to `/events/main`, proven unless other headers are given."""
    query = dict(part.split("=") for part in address.removeprefix("?").split("&") if part)
    proof = headers or {"verification-token": PUSH["event_secret"]}
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Incoming("POST", f"https://popbridge.example/events/main{address}", proof, query, sent, NOW)


def told(incoming: Incoming) -> Change | AskAgain | Response:
    return ADAPTER.read_event(account(**PUSH), incoming)


def presence_event(board: Switchboard, **body: Any) -> dict[str, Any]:
    said = Exchange(board).event("101", time_text(NOW))
    return {**said, "body": {**said["body"], **body}}


@pytest.mark.parametrize("header", ["verification-token", "validation-token"])
def test_an_event_holds_the_calls_of_the_extension_in_its_address(header: str) -> None:
    world = World()
    world.board.incoming(["101", "10"], RUTH, NOW, DID)
    found = told(event(presence_event(world.board), **{header: PUSH["event_secret"]}))
    assert found == Change("101", world.calls(), NOW)
    world.board.clear("101")
    assert told(event(presence_event(world.board))) == Change("101", (), NOW)


def test_an_event_that_does_not_tell_all_makes_it_ask() -> None:
    world = World()
    again = AskAgain(frozenset({"101"}))
    for _ in range(8):
        world.board.incoming(["101"], RUTH, NOW)
    assert told(event(presence_event(world.board))) == again
    between = {"telephonySessionId": "s-1", "direction": "Inbound", "telephonyStatus": "NoCall"}
    assert told(event(presence_event(world.board, totalActiveCalls=1, activeCalls=[between]))) == again
    final = {**between, "terminationType": "final"}
    assert told(event(presence_event(world.board, totalActiveCalls=1, activeCalls=[final]))) == Change("101", (), NOW)
    for calls in (None, "x", 7):
        assert told(event(presence_event(world.board, telephonyStatus="Ringing", activeCalls=calls))) == again
    assert told(event(presence_event(world.board), "")) == AskAgain(owners=frozenset({"62000002"}))
    sessions = {"event": "/restapi/v1.0/account/1/telephony/sessions", "body": {"parties": [{"extensionId": "7"}, 8]}}
    assert told(event(sessions)) == AskAgain(owners=frozenset({"7"}))
    assert told(event({**sessions, "body": {}})) == AskAgain()


@pytest.mark.parametrize("body", [{}, {"event": "/restapi/v1.0/subscription/x"}, {"event": "/presence"}], ids=str)
def test_other_events_are_answered_and_left(body: dict[str, Any]) -> None:
    assert told(event(body)) == events.NOTHING_TO_DO
    assert events.NOTHING_TO_DO.headers["Content-Type"] == "application/json"


def test_the_challenge_is_echoed() -> None:
    answer = told(event(b"", **{"validation-token": "a1b2-c3"}))
    assert answer == Response(200, {"Content-Type": "application/json", "Validation-Token": "a1b2-c3"}, b"")


@pytest.mark.parametrize("token", ["a\r\nX: y", "א", "", "x" * 256, "\x00"])
def test_a_challenge_that_is_none_is_not_echoed(token: str) -> None:
    with pytest.raises(BadSignature):
        told(event(b"", **{"validation-token": token}))


@pytest.mark.parametrize("offered", ["", "x", "InventedEventToken012345678", "אב"])
def test_an_event_without_its_token_is_refused(offered: str) -> None:
    said = presence_event(World().board)
    for header in ("validation-token", "verification-token", "authorization"):
        with pytest.raises(BadSignature):
            told(event(said, **{header: offered}))
    with pytest.raises(BadSignature):
        told(replace(event(said), method="GET"))
    with pytest.raises(BadSignature):
        ADAPTER.read_event(account(), event(said))


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)
words = st.sampled_from(["Ringing", "NoCall", "CallConnected", "OnHold", "ParkedCall", "Inbound", "Outbound", "101"])
part = st.dictionaries(st.sampled_from(["type", "value"]), values | st.sampled_from(["QueueName", "PhoneNumber"]))
row = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("telephonyStatus", "direction", "from", "to", "fromName", "startTime", "queueCall"), words | values
        ),
        **dict.fromkeys(("telephonySessionId", "sessionId", "id", "_from", "terminationType"), words | values),
        "callInfo": values | st.fixed_dictionaries({"primary": part | values, "additional": st.lists(part) | values}),
    },
)
body = st.fixed_dictionaries(
    {},
    optional={
        "activeCalls": st.lists(row | values, max_size=4) | values,
        "totalActiveCalls": values,
        "telephonyStatus": words | values,
        "allowSeeMyPresence": values,
        "extension": values | st.fixed_dictionaries({"extensionNumber": words | values}),
    },
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(said=body | values, name=st.sampled_from(["/presence", "/telephony/sessions", "", 7]), stamp=values)
def test_whatever_a_proven_event_holds_is_read_or_refused(said: Any, name: Any, stamp: Any) -> None:
    with suppress(Malformed):
        assert isinstance(told(event({"event": name, "timestamp": stamp, "body": said})), Change | AskAgain | Response)


@settings(max_examples=200, deadline=None)
@given(sent=st.binary(max_size=80) | st.sampled_from([b"[" * 100_000, b'{"event":', b"null"]))
def test_whatever_bytes_come_as_an_event_are_read_or_refused(sent: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(told(event(sent)), AskAgain | Response)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(body, max_size=4) | values)
def test_whatever_stands_in_a_list_is_read_or_refused(rows: Any) -> None:
    reply = Reply(200, {}, json.dumps({"records": rows}).encode(), 1.0)
    try:
        listing, _ = presence.read_all(reply, "main")
    except PbxUnintelligible:
        return
    for number, calls in listing.extensions.items():
        assert number
        assert {(call.extension, bool(call.ivrid)) for call in calls} <= {(number, True)}


def test_many_are_asked_for_as_a_whole_only_while_that_is_cheaper() -> None:
    """A question for all of them is Heavy, of which ten are taken in a minute: some are kept for the pictures."""
    world = World()
    assert ADAPTER.whole_from(world.account, world.session) == WHOLE_FROM
    for _ in range(LIMITS["heavy"] - KEPT_HEAVY):
        world.listing(None)
    assert ADAPTER.whole_from(world.account, world.session) is None
    world.later(WINDOW_SECONDS + 1)
    assert ADAPTER.whole_from(world.account, world.session) == WHOLE_FROM
    world.calls()
    world.fake.faults.refused = "limit"
    with pytest.raises(PbxUnreachable):
        world.calls()
    assert ADAPTER.whole_from(world.account, world.session) == 0
    with pytest.raises(PbxUnreachable):
        world.listing(None)
    assert ADAPTER.whole_from(world.account, world.session) is None


@pytest.mark.anyio
async def test_bursts_of_clicks_break_no_limit(tmp_path: Path, redis_url: Secret) -> None:
    make = simulated("ringcentral", JWT)
    desks = [str(200 + number) for number in range(12)]
    keys = {"fresh_seconds": 0.25}
    agents = [f"acme,{desk}@acme.example,main,{desk},Desk {desk}" for desk in desks]
    async with open_stage(tmp_path, redis_url, make, agents=agents, main_keys=keys) as stage:
        stage.systems["main"].seat(*desks)
        for desk in desks:
            stage.talk(desk)
        for burst in (desks[:6], desks[6:], *([desks[:5]] * 4), desks):
            answers = await asyncio.gather(*(stage.click({"agent": f"{desk}@acme.example"}) for desk in burst))
            assert {answer.json()["outcome"] for answer in answers} == {"found"}
        counted = {group: one.count for group, one in stage.pbx.counted.items()}
        assert all(counted[group] <= most for group, most in LIMITS.items())
        assert counted["heavy"] <= 1
        assert not any(one.refused_until for one in stage.pbx.counted.values())


@pytest.mark.anyio
async def test_an_event_pops_the_call_through_the_running_product(tmp_path: Path, redis_url: Secret) -> None:
    make = simulated("ringcentral", JWT)
    async with open_stage(tmp_path, redis_url, make, pops={DANA: "ringing"}, main_keys=PUSH) as stage, working(stage):
        await until(lambda: listens(stage))
        desk = stage.make.dana
        where = f"{stage.bridge_url}/events/main?extension={desk}"
        answer = await stage.http.post(where, headers={"Validation-Token": "a1b2"})
        assert (answer.status_code, answer.headers["Validation-Token"], answer.content) == (200, "a1b2", b"")
        stage.phone.incoming([desk], Caller(CALLER, kind=CallerKind.NUMBER), datetime.now(UTC), DID)
        said = Exchange(stage.phone).event(desk, time_text(datetime.now(UTC)))
        assert (await stage.http.post(where, json=said)).status_code == 401
        headers = {"Verification-Token": PUSH["event_secret"]}
        assert (await stage.http.post(where, json=said, headers=headers)).status_code == 200
        (popup,) = await until(lambda: popped(stage))
        call = popup["call"]
        assert (popup["trigger"], call["state"], call["did"]) == ("ringing", "ringing", "+972722776772")
        assert call["pbx"] == "main"


async def listens(stage: Stage) -> bool:
    """Whether the first picture is there: what rings from now on, only an event can tell in time."""
    found = await listeners.status(stage.redis, "main")
    return found is not None and bool(found.heard_at)


async def popped(stage: Stage) -> list[Any]:
    return [one.event["data"] for one in stage.crm.accepted() if one.event and one.event["type"] == "call.popup"]


def test_every_reason_has_words_in_every_language() -> None:
    own = {
        lang: {key for key in texts if key.startswith("reason.ringcentral.") and not key.endswith(".two")}
        for lang, texts in languages().items()
    }
    assert own["en"]
    assert own["he"] == own["en"]
