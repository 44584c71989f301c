"""Asterisk by both ways in, on its simulator: sessions, refusals, probe, what the recordings do not reach, fuzz."""

import asyncio
import json
import random
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.finding import Grade
from bridge.core.http_types import Reply, Secret
from bridge.core.model import Call, Caller, CallerKind, CallState, Direction, YesNo
from bridge.core.reasons import languages
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import open_client
from bridge.egress.session import AccountSession
from bridge.pbx.asterisk import ADAPTER, Account, ari, calls, legs, wire
from bridge.pbx.asterisk.calls import Rules
from bridge.pbx.asterisk.channel import Channel
from bridge.pbx.asterisk.exchange import Exchange
from bridge.pbx.asterisk.legs import Leg
from bridge.pbx.asterisk.listing import split, status, written
from bridge.pbx.asterisk.simulator import USER, AsteriskSimulator, Faults
from bridge.pbx.switchboard import Extension, Switchboard
from tests.contract import samples
from tests.contract.session import NOW, ScriptedSession, SimulatorSession
from tests.stage import serving
from tests.unit.test_fuzz import ANSWERS, mangled

PASSWORD = "Invented&42+ő"
DESKS = (Extension("101", "Dana Cohen"), Extension("10", "נועה פרץ"), Extension("1010", "Omer", logged_in=False))
RUTH = Caller("0522340002", name='ג\'ני "רות" לוי', kind=CallerKind.NUMBER)
DID = "0722776772"
RULES = Rules(frozenset(["PJSIP", "SIP", "IAX2"]), frozenset(), "FROM_DID", ())
each_way = pytest.mark.parametrize("interface", ["ami", "ari"])


@pytest.fixture
def board() -> Switchboard:
    return Switchboard(DESKS)


@pytest.fixture
def fake(board: Switchboard) -> AsteriskSimulator:
    return AsteriskSimulator(board, USER, PASSWORD, Faults(), Exchange(board))


def account(**changed: Any) -> Account:
    keys = {"kind": "asterisk", "base_url": "http://127.0.0.1:8088", "region": "IL", "username": USER}
    return Account.model_validate({**keys, "password": PASSWORD, "trunks": ["provider"], **changed})


def session(fake: AsteriskSimulator, made: Account) -> SimulatorSession:
    return SimulatorSession(ADAPTER, made, Starlette(routes=[Mount("/", fake.app())]))


def listed(fake: AsteriskSimulator, interface: str, **changed: Any) -> dict[str, tuple[Call, ...]]:
    made = account(interface=interface, **changed)
    return dict(asyncio.run(ADAPTER.calls(made, session(fake, made), None)).extensions)


def only(fake: AsteriskSimulator, interface: str, extension: str, **changed: Any) -> Call:
    (call,) = listed(fake, interface, **changed)[extension]
    return call


@each_way
def test_what_the_switchboard_holds_is_read(board: Switchboard, fake: AsteriskSimulator, interface: str) -> None:
    ivrid = board.incoming(["101", "1010"], RUTH, NOW, DID, {"CUSTOMER_ID": "C-1"})
    ringing = listed(fake, interface, variables=["CUSTOMER_ID"])
    assert list(ringing) == ["101", "1010"]
    (call,), (other,) = ringing["101"], ringing["1010"]
    assert (call.ivrid, call.direction, call.state) == (other.ivrid, Direction.INCOMING, CallState.RINGING)
    assert (call.did, call.caller.number, call.caller.name) == (DID, RUTH.number, RUTH.name)
    assert (call.started_at, call.answered_at, call.customdata) == (NOW, None, {"CUSTOMER_ID": "C-1"})
    board.answer(ivrid, "101", NOW + timedelta(seconds=3))
    talking = only(fake, interface, "101")
    assert (talking.state, talking.answered_at) == (CallState.TALKING, NOW + timedelta(seconds=3))
    assert talking.recording is not None
    board.hold(ivrid, "101")
    assert only(fake, interface, "101").state is CallState.HOLD
    board.resume(ivrid, "101")
    assert only(fake, interface, "101").state is CallState.TALKING


@each_way
def test_each_end_of_an_internal_call_sees_the_other(
    board: Switchboard, fake: AsteriskSimulator, interface: str
) -> None:
    ivrid = board.internal("101", "1010", NOW)
    assert only(fake, interface, "101").state is CallState.DIALING
    assert only(fake, interface, "1010").state is CallState.RINGING
    board.answer(ivrid, "1010", NOW)
    board.hold(ivrid, "1010")
    mine, theirs = only(fake, interface, "101"), only(fake, interface, "1010")
    assert (mine.direction, mine.state, mine.caller.number) == (Direction.INTERNAL, CallState.TALKING, "1010")
    assert (theirs.direction, theirs.state, theirs.caller.number) == (Direction.INTERNAL, CallState.HOLD, "101")
    assert mine.ivrid == theirs.ivrid


@each_way
def test_a_call_that_is_transferred_keeps_its_id(board: Switchboard, fake: AsteriskSimulator, interface: str) -> None:
    ivrid = board.incoming(["101"], RUTH, NOW, DID)
    before = only(fake, interface, "101").ivrid
    board.answer(ivrid, "101", NOW)
    board.transfer(ivrid, "101", "1010", NOW + timedelta(seconds=20))
    after = listed(fake, interface)
    assert "101" not in after
    assert [call.ivrid for call in after["1010"]] == [before]
    assert after["1010"][0].did == DID


@each_way
def test_an_outgoing_call_has_no_number_dialled_by_a_caller(
    board: Switchboard, fake: AsteriskSimulator, interface: str
) -> None:
    ivrid = board.outgoing("101", Caller("0541112233"), NOW)
    call = only(fake, interface, "101")
    assert (call.direction, call.state, call.did) == (Direction.OUTGOING, CallState.DIALING, "")
    assert call.caller.number == "0541112233"
    board.callee_answers(ivrid, NOW)
    assert only(fake, interface, "101").state is CallState.TALKING


@each_way
def test_which_extensions_there_are(fake: AsteriskSimulator, interface: str) -> None:
    made = account(interface=interface)
    assert asyncio.run(ADAPTER.extensions(made, session(fake, made))) == {"101", "10", "1010"}


def test_without_hints_and_device_states_nobody_tells_which_extensions_there_are(fake: AsteriskSimulator) -> None:
    fake.faults.without_hints = True
    assert asyncio.run(ADAPTER.extensions(account(), session(fake, account()))) is None


def test_hints_name_the_endpoints_of_phones_alone() -> None:
    lines = ["PJSIP/101&Custom:DND101,CustomPresence:101", "park:701@parked", "SIP/dana", "Local/5@x", "DAHDI/1"]
    events = [[("Event", "ExtensionStatus"), ("Hint", line)] for line in lines]
    first, last = [("Response", "Success")], [("Event", "ExtensionStateListComplete"), ("EventList", "Complete")]
    body = written([first, *events, [*last, ("ListItems", str(len(events)))]]).encode()
    found = wire.read_endpoints(Reply(200, {}, body, 1.0), wire.HINTS, RULES, account().access)
    assert found == {"101", "dana"}


def test_who_waits_in_queues(board: Switchboard, fake: AsteriskSimulator) -> None:
    for number, queue in ((1, "sales"), (2, "support"), (3, "sales")):
        board.wait(queue, Caller(f"050123456{number}", name="O'Neil"), NOW)
    made = account()
    sales, support = asyncio.run(ADAPTER.queues(made, session(fake, made), None))
    assert [caller.caller.number for caller in sales.callers] == ["0501234561", "0501234563"]
    assert (support.queue, support.callers[0].caller.name) == ("support", "O'Neil")
    assert [queue.name for queue in asyncio.run(ADAPTER.queues(made, session(fake, made), "support"))] == ["support"]
    assert asyncio.run(ADAPTER.queues(made, session(fake, made), "nosuch")) == ()
    board.incoming(["101"], RUTH, NOW)
    assert list(listed(fake, "ami")) == ["101"]


def test_ari_says_that_it_knows_of_no_queues(fake: AsteriskSimulator) -> None:
    made = account(interface="ari")
    with pytest.raises(PbxRefused, match="ami"):
        asyncio.run(ADAPTER.queues(made, session(fake, made), None))


async def _ask(reaching: SimulatorSession, made: Account, times: int = 1) -> list[str]:
    """The methods of all requests so far."""
    for _ in range(times):
        await ADAPTER.calls(made, reaching, None)
    return [request.method for request in reaching.requests]


@pytest.mark.anyio
async def test_one_login_serves_many_questions(fake: AsteriskSimulator) -> None:
    made = account()
    reaching = session(fake, made)
    assert await _ask(reaching, made, 3) == ["POST", "GET", "GET", "GET"]
    assert PASSWORD not in repr(reaching.local)


@pytest.mark.anyio
async def test_a_session_that_asterisk_forgot_is_opened_again_once(fake: AsteriskSimulator) -> None:
    made = account()
    reaching = session(fake, made)
    await _ask(reaching, made)
    fake.sessions.clear()
    assert await _ask(reaching, made) == ["POST", "GET", "GET", "POST", "GET"]
    fake.faults.refused = "right"
    with pytest.raises(PbxRefused, match="write = reporting"):
        await _ask(reaching, made)
    assert [request.method for request in reaching.requests[5:]] == ["GET", "POST", "GET"]


@pytest.mark.anyio
async def test_a_session_that_must_have_expired_is_not_tried(fake: AsteriskSimulator) -> None:
    made = account()
    reaching = session(fake, made)
    await _ask(reaching, made)
    reaching.now = NOW + timedelta(seconds=61)
    assert await _ask(reaching, made) == ["POST", "GET", "POST", "GET"]
    reaching.now += timedelta(seconds=50)
    await _ask(reaching, made)
    reaching.now += timedelta(seconds=50)
    assert (await _ask(reaching, made))[4:] == ["GET", "GET"], "each answer renews it"


@pytest.mark.anyio
async def test_a_cookie_of_a_refused_question_is_not_kept(fake: AsteriskSimulator) -> None:
    made, denied = account(), b"Response: Error\r\nMessage: Permission denied\r\n\r\n"
    login = {"set-cookie": 'mansession_id="aaaa1111"; Version=1; Max-Age=60'}
    other = {"set-cookie": 'mansession_id="bbbb2222"; Version=1; Max-Age=60'}
    replies = [Reply(200, login, b"Response: Success\r\n\r\n", 1.0), Reply(200, other, denied, 1.0)]
    reaching = ScriptedSession(ADAPTER, made, replies)
    with pytest.raises(PbxRefused):
        await ADAPTER.calls(made, reaching, None)
    assert "bbbb2222" not in repr(reaching.local)


REFUSALS: list[tuple[str, dict[str, Any], type[PbxError], str]] = [
    ("ami", {"refused": "login"}, PbxRefused, "username and password"),
    ("ami", {"refused": "right"}, PbxRefused, "write = reporting"),
    ("ami", {"refused": "off"}, PbxRefused, "webenabled"),
    ("ami", {"down": "503"}, PbxUnreachable, "503"),
    ("ami", {"html_page": True}, PbxUnintelligible, "manager interface"),
    ("ari", {"refused": "login"}, PbxRefused, "401"),
    ("ari", {"refused": "address"}, PbxRefused, "403"),
    ("ari", {"refused": "off"}, PbxRefused, "ari.conf"),
    ("ari", {"booting": "404"}, PbxRefused, "not booted yet"),
    ("ari", {"booting": "503"}, PbxUnreachable, "still starting"),
    ("ari", {"html_page": True}, PbxUnintelligible, "ARI"),
    ("ari", {"channelvars": ("FROM_DID",)}, PbxRefused, r"CHANNEL\(linkedid\)"),
]


@pytest.mark.parametrize(("interface", "faults", "error", "told"), REFUSALS, ids=str)
def test_each_refusal_names_its_fix(
    board: Switchboard, fake: AsteriskSimulator, interface: str, faults: dict[str, Any], error: Any, told: str
) -> None:
    board.incoming(["101"], RUTH, NOW)
    for name, value in faults.items():
        setattr(fake.faults, name, value)
    with pytest.raises(error, match=told) as caught:
        listed(fake, interface)
    assert PASSWORD not in str(caught.value)


def probed(fake: AsteriskSimulator, **changed: Any) -> list[Any]:
    made = account(**changed)
    return asyncio.run(ADAPTER.probe(made, session(fake, made)))


@each_way
def test_a_probe_of_what_is_well_set_up_finds_nothing_wrong(
    board: Switchboard, fake: AsteriskSimulator, interface: str
) -> None:
    board.incoming(["101"], RUTH, NOW)
    assert {finding.grade for finding in probed(fake, interface=interface)} == {Grade.OK}


PROBES: list[tuple[str, dict[str, Any], dict[str, Any], Grade, str, str]] = [
    ("ami", {"refused": "login"}, {}, Grade.FAIL, "refused the login", "permit"),
    ("ami", {"refused": "right"}, {}, Grade.FAIL, "Status", "read = call,reporting,agent"),
    ("ami", {"refused": "off"}, {}, Grade.FAIL, "404", "webenabled = yes"),
    ("ami", {"may_change": True}, {}, Grade.WARN, "may run commands", "write = reporting"),
    ("ami", {"without_hints": True}, {}, Grade.WARN, "no hints", "hint"),
    ("ami", {}, {"base_url": "http://pbx.example:8088"}, Grade.WARN, "unencrypted", "https"),
    ("ari", {"refused": "login"}, {}, Grade.FAIL, "401", "password"),
    ("ari", {"booting": "404"}, {}, Grade.FAIL, "not booted yet", "ari.conf"),
    ("ari", {"channelvars": ("FROM_DID",)}, {}, Grade.FAIL, "linkedid", "channelvars"),
    ("ari", {"may_change": True}, {}, Grade.WARN, "may change calls", "read_only"),
    ("ari", {}, {"variables": ["TICKET"]}, Grade.WARN, "TICKET", "channelvars = CALLERID(dnid)"),
    ("ari", {"channelvars": (legs.LINKEDID, "CHANNEL(rtp,hold)")}, {}, Grade.FAIL, "may stop", "take it out at once"),
]  # fmt: skip


@pytest.mark.parametrize(("interface", "faults", "keys", "grade", "told", "fix"), PROBES, ids=str)
def test_a_probe_names_what_is_missing_and_its_fix(
    board: Switchboard,
    fake: AsteriskSimulator,
    interface: str,
    faults: Any,
    keys: Any,
    grade: Grade,
    told: str,
    fix: str,
) -> None:
    board.incoming(["101"], RUTH, NOW)
    for name, value in faults.items():
        setattr(fake.faults, name, value)
    found = [finding for finding in probed(fake, interface=interface, **keys) if finding.grade is not Grade.OK]
    assert [finding.grade for finding in found] == [grade]
    assert told in found[0].message
    assert fix in found[0].fix
    assert PASSWORD not in str(found[0])


def test_a_probe_by_ari_without_a_call_says_what_it_could_not_see(fake: AsteriskSimulator) -> None:
    told = [finding for finding in probed(fake, interface="ari") if "could not be seen" in finding.message]
    assert [(finding.grade, finding.fix) for finding in told] == [(Grade.OK, "call somebody and try again")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "asterisk:8088"}, {"base_url": "http://user:secret@pbx.example"}, {"username": ""},
        {"password": ""}, {"password": "two\nlines"}, {"username": "a\r\nb"}, {"interface": "tcp"},
        {"interface": "ari", "username": "a:b"},
        {"variables": ["CHANNEL(rtp,hold)"]}, {"variables": ["CHANNEL(pjsip,call-id)"]}, {"variables": ["a b"]},
        {"variables": ["X\r\nAction"]}, {"did_variable": "SHELL(rm)&Y"}, {"did_variable": ""}, {"events_port": 0},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        account(**wrong)


def test_every_reason_has_words_in_every_language() -> None:
    own = {
        language: {key for key in words if key.startswith("reason.asterisk.")}
        for language, words in languages().items()
    }
    assert own["en"]
    assert own["he"] == own["en"]


LEG = Leg("PJSIP/101-00000002", "1795845051.2", "1795845051.1", "Ringing", "101", "Dana", "0501234567", "Moshe")
CALLER = Leg("PJSIP/provider-00000001", "1795845051.1", "1795845051.1", "Ring", "0501234567", "Moshe", dnid=DID)
TALK = replace(LEG, state="Up", bridge="b", application="AppDial")


def read(*found: Leg, rules: Rules = RULES) -> dict[str, tuple[Call, ...]]:
    return dict(calls.read_calls(found, "main", rules).extensions)


def test_several_phones_of_one_extension_are_one_call() -> None:
    second = replace(LEG, channel="PJSIP/101-00000003", uniqueid="1795845051.3")
    assert [call.state for call in read(CALLER, LEG, second)["101"]] == ["ringing"]
    answered = replace(TALK, channel="PJSIP/101-00000003", uniqueid="1795845051.3")
    assert [call.state for call in read(CALLER, LEG, answered)["101"]] == ["talking"]
    assert [call.state for call in read(CALLER, TALK, second)["101"]] == ["talking"]


def test_a_local_channel_that_stays_between_is_no_call_and_hides_no_hold() -> None:
    inner = replace(
        CALLER, channel="Local/101@internal-00000000;2", uniqueid="1795845051.9", bridge="b", is_held=YesNo.YES
    )
    found = read(CALLER, inner, TALK)
    assert list(found) == ["101"]
    assert (found["101"][0].state, found["101"][0].direction) == (CallState.HOLD, Direction.INCOMING)


def test_a_click_to_call_by_a_local_channel_is_outgoing() -> None:
    first = Leg("Local/101@internal-00000000;1", "1795845051.1", "1795845051.1", "Ring")
    (call,) = read(first, replace(LEG, application="AppDial"))["101"]
    assert (call.direction, call.state, call.caller.number) == (Direction.OUTGOING, CallState.DIALING, "0501234567")
    (unknown,) = read(first, replace(LEG, exten="101", other_number=""))["101"]
    assert unknown.caller.number == "", "101 is whom the Local channel dialled, not whom the agent will talk to"
    assert read(replace(first, channel="Local/1010@internal-00000000;1"), LEG)["101"][0].direction is Direction.INCOMING


def test_a_number_dialled_is_told_of_incoming_calls_alone() -> None:
    """A variable that a dialplan sets for all calls, or that came by a transfer, does not make an outgoing call one."""
    placed = replace(LEG, uniqueid=LEG.linkedid, state="Ring", variables={"FROM_DID": DID})
    assert (read(placed)["101"][0].direction, read(placed)["101"][0].did) == (Direction.OUTGOING, "")
    assert read(replace(LEG, application="AppDial", variables={"FROM_DID": DID}))["101"][0].did == DID


def test_a_call_whose_first_channel_is_over() -> None:
    assert read(replace(LEG, application="AppQueue"))["101"][0].direction is Direction.INCOMING
    assert read(replace(LEG, application="Dial"))["101"][0].direction is Direction.OUTGOING
    assert read(replace(LEG, application="Park"))["101"][0].direction is Direction.UNKNOWN


def test_agents_whose_endpoints_are_words() -> None:
    """They are told from trunks by `trunks`, or by a short caller ID; never left out of the list for it."""
    dana = replace(LEG, channel="PJSIP/dana-00000002", number="105")
    assert read(CALLER, dana)["dana"][0].direction is Direction.INCOMING
    shown_outside = replace(dana, number="0722776772")
    assert "dana" in read(CALLER, shown_outside)
    named = Rules(RULES.technologies, frozenset(["provider"]), "FROM_DID", ())
    assert list(read(CALLER, shown_outside, rules=named)) == ["dana"]
    colleague = replace(CALLER, channel="PJSIP/omer-00000001", number="0722776773")
    assert read(colleague, shown_outside, rules=named)["dana"][0].direction is Direction.INTERNAL


def test_channels_of_other_technologies_are_the_outside() -> None:
    trunk = replace(CALLER, channel="DAHDI/i1/0501234567-5")
    other = replace(LEG, channel="PJSIP/102-00000004", uniqueid="1795845051.4", number="102")
    found = read(trunk, LEG, other)
    assert {name: one[0].direction for name, one in found.items()} == {"101": "incoming", "102": "incoming"}
    assert found["101"][0].did == DID


def test_a_caller_without_a_number_is_withheld_and_not_what_was_dialled() -> None:
    hidden = replace(CALLER, number="", name="")
    assert read(hidden, replace(LEG, other_number="", other_name=""))["101"][0].caller == Caller("", name="")


def test_states_that_asterisk_gives_seldom() -> None:
    placed = replace(LEG, uniqueid=LEG.linkedid)
    told = {
        state: (read(replace(LEG, state=state)), read(replace(placed, state=state))) for state in ("Down", "OffHook")
    }
    assert [one["101"][0].state for one in told["Down"]] == [CallState.UNKNOWN, CallState.DIALING]
    assert [one["101"][0].state for one in told["OffHook"]] == [CallState.DIALING, CallState.DIALING]
    assert read(replace(LEG, state="Busy"))["101"][0].state is CallState.UNKNOWN
    assert read(replace(LEG, channel="PJSIP/101-00000002<ZOMBIE>")) == {}


@pytest.mark.parametrize("name", ["O'Neil", 'צה"ל', "ג'ני", "a?b", "plain", r"C:\x", r"Bob \"the\" \\ O\'N", "\\"])
def test_a_name_is_the_same_by_both_ways(name: str) -> None:
    by_ami = legs.unquoted(legs.TO_QUOTE.sub(r"\\\1", name))
    assert by_ami == legs.quoted(name)
    assert by_ami == name or "\\" in name


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(st.from_regex(r"[0-9]{1,5}", fullmatch=True), min_size=2, max_size=6, unique=True),
    seed=st.integers(0, 2**32),
)
def test_no_extension_is_shown_anothers_call(names: list[str], seed: int) -> None:
    """Whatever extensions are called, and however they begin alike."""
    dice, board = random.Random(seed), Switchboard([Extension(name, f"Desk {name}") for name in names])
    for number, name in enumerate(dice.sample(names, k=len(names) // 2)):
        board.incoming([name], Caller(f"05012345{number:02d}", name=name), NOW)
    body = written(status(Exchange(board).channels(), NOW, ["FROM_DID"])).encode()
    found = wire.read_status(Reply(200, {}, body, 1.0), "main", RULES, account().access).extensions
    for name in names:
        assert [call.caller.name for call in found.get(name, ())] == [call.caller.name for call in board.calls(name)]


def hundred(answered: bool = True) -> Switchboard:
    board = Switchboard([Extension(str(1000 + number), f"Desk {number}") for number in range(50)])
    for number, extension in enumerate(board.extensions):
        ivrid = board.incoming([extension], Caller(f"05012345{number:02d}", name="Moshe Peretz"), NOW, DID)
        if answered:
            board.answer(ivrid, extension, NOW)
    return board


def test_a_hundred_channels_are_read_in_one_question_and_in_little_time() -> None:
    """Recorded: 93,606 bytes, 4.4 ms at Asterisk. The best of ten, because the machine has other work."""
    made = account()
    body = written(status(Exchange(hundred()).channels(), NOW, split(wire.variables(made.rules)["Variables"]))).encode()
    took = []
    for _ in range(10):
        started = time.perf_counter()
        listing = wire.read_status(Reply(200, {}, body, 1.0), "main", made.rules, made.access)
        took.append((time.perf_counter() - started) * 1000)
        assert len(listing.extensions) == 50
    assert 60_000 < len(body) < 120_000
    assert min(took) < 30


@pytest.mark.anyio
async def test_ari_asks_two_questions_and_one_for_each_extension_that_talks() -> None:
    board = hundred()
    made, fake = account(interface="ari"), AsteriskSimulator(board, USER, PASSWORD, Faults(), Exchange(board))
    reaching = session(fake, made)
    listing = await ADAPTER.calls(made, reaching, None)
    assert len(listing.extensions) == 50
    assert len(reaching.requests) == 2 + 50
    reaching.requests.clear()
    assert "1007" in (await ADAPTER.calls(made, reaching, "1007")).extensions
    assert len(reaching.requests) == 2 + 1


def gone_by_ari(message: str, code: int) -> Iterator[Reply]:
    board = Switchboard(DESKS)
    board.answer(board.incoming(["101"], RUTH, NOW), "101", NOW)
    channels = Exchange(board).channels()
    rows = [channel.row([legs.LINKEDID]) for channel in channels]
    bridge = {"id": "b", "channels": [row["id"] for row in rows], "creationtime": rows[0]["creationtime"]}
    yield Reply(200, {}, json.dumps(rows).encode(), 1.0)
    yield Reply(200, {}, json.dumps([bridge]).encode(), 1.0)
    yield Reply(code, {}, json.dumps({"message": message}).encode(), 1.0)


@pytest.mark.parametrize(
    ("message", "code", "state"),
    [
        ("Channel not found", 404, None),
        ("Provided variable was not found", 404, CallState.TALKING),
        ("Unable to read provided function", 500, CallState.TALKING),
    ],
)
def test_what_happens_to_a_channel_between_two_questions(message: str, code: int, state: CallState | None) -> None:
    made = account(interface="ari")
    reaching = ScriptedSession(ADAPTER, made, gone_by_ari(message, code))
    found = asyncio.run(ADAPTER.calls(made, reaching, None)).extensions
    assert [call.state for call in found.get("101", ())] == ([state] if state else [])


def test_a_conference_older_than_the_leg_does_not_say_when_it_was_answered() -> None:
    row = {"id": "b", "channels": [TALK.uniqueid], "creationtime": "2026-11-20T05:50:51.886+0000"}
    (leg,) = ari.in_bridges(Reply(200, {}, json.dumps([row]).encode(), 1.0), [TALK])
    assert (leg.bridge, leg.answered_at) == ("b", None)


def by_ari(what: str, replies: list[Reply]) -> Any:
    """What comes of it: a value, or one of the three errors, which names no secret."""
    made = account(interface="ari", variables=["CUSTOMER_ID"])
    reaching = ScriptedSession(ADAPTER, made, replies)
    question: Any = ADAPTER.extensions(made, reaching) if what == "extensions" else ADAPTER.calls(made, reaching, None)
    try:
        return asyncio.run(question)
    except (PbxRefused, PbxUnreachable, PbxUnintelligible) as error:
        return error


def channels_by_ari() -> list[bytes]:
    """Every list of channels that was recorded."""
    found = [sample for sample in samples.bodies(samples.PBX) if sample.name.endswith("_by_ari")]
    told = [sample.expected.get("before") for sample in found]
    return [before[0]["text"].encode() if before else one.body for one, before in zip(found, told, strict=True)]


@pytest.mark.timeout(3600 if ANSWERS > 1000 else 60)
def test_a_mangled_answer_of_ari_is_a_value_or_an_error() -> None:
    """As tests/unit/test_fuzz.py does for AMI: each of the answers to one question may be broken."""
    rows, ends = [body for body in channels_by_ari() if len(body) > 2], set()
    assert len(rows) > 20
    for number in range(ANSWERS):
        dice = random.Random(zlib.crc32(b"asterisk ari") + number)
        good, broken = dice.choice(rows), mangled("asterisk", dice)
        bodies = [good, broken] if dice.random() < 0.5 else [dice.choice((broken, good)), b"[]", broken[:200]]
        replies = [Reply(200, {}, body, 1.0) for body in bodies[:-1]]
        replies.append(Reply(dice.choice((200, 200, 404, 500)), {}, bodies[-1], 1.0))
        started = time.process_time()
        found = by_ari(dice.choice(("calls", "calls", "extensions")), replies)
        assert time.process_time() - started < 2.0
        assert PASSWORD not in str(found)
        ends.add(type(found).__name__)
    assert ends >= {"Listing", "PbxUnintelligible", "PbxRefused"}


def test_the_simulator_writes_a_channel_in_the_shape_of_the_recordings() -> None:
    """Keys and their order of AMI's block and of ARI's object."""
    channel = Channel("101", "1.2", "1.1", 1, NOW, "Up", "101", "Dana")
    folder = samples.folder(samples.PBX, "asterisk") / "samples"
    recorded = (folder / "03_incoming_answered.txt").read_text(encoding="utf-8").split("\n\n")[1]
    keys = [
        line.partition(":")[0] for line in recorded.splitlines() if not line.startswith(("ChanVariable", "Variable"))
    ]
    assert [key for key, _ in channel.block(NOW, [])] == keys
    rows = json.loads((folder / "02_incoming_ringing_by_ari.json").read_text(encoding="utf-8"))
    assert list(channel.row([])) == list(rows[0])
    for inner in ("caller", "connected", "dialplan"):
        assert list(channel.row([])[inner]) == list(rows[0][inner])


@each_way
@pytest.mark.anyio
async def test_the_programs_own_session_reaches_it(board: Switchboard, fake: AsteriskSimulator, interface: str) -> None:
    board.answer(board.incoming(["101"], RUTH, NOW, DID), "101", NOW)
    async with serving(fake.app()) as address:
        made = account(interface=interface, base_url=address)
        async with open_client(Reach(named_by(made.addresses()))) as client:
            memory: Any = None
            reaching = AccountSession("main", ADAPTER, made, client, memory, lambda: NOW, made.timeout_seconds)
            assert set((await ADAPTER.calls(made, reaching, None)).extensions) == {"101"}
            fake.sessions.clear()
            assert set((await ADAPTER.calls(made, reaching, None)).extensions) == {"101"}
            fake.faults.refused = "login"
            fake.sessions.clear()
            with pytest.raises(PbxRefused):
                await ADAPTER.calls(made, reaching, None)


def test_a_password_that_asterisk_quotes_is_not_shown() -> None:
    made = account(password="Invented42")
    body = f"Response: Error\r\nMessage: no user {USER} with Invented42\r\n\r\n".encode()
    with pytest.raises(PbxRefused) as caught:
        asyncio.run(ADAPTER.calls(made, ScriptedSession(ADAPTER, made, [Reply(200, {}, body, 1.0)]), None))
    assert "Invented42" not in str(caught.value)
    assert Secret("Invented42") == made.password


def test_calls_parked_in_one_lot_are_in_one_bridge_and_no_conference() -> None:
    """A parking lot is one bridge for all who wait there: their calls are not each other's."""
    lot = [replace(leg, bridge="lot", application="Dial") for leg in (CALLER, TALK)]
    strangers = [replace(CALLER, uniqueid=f"1795845051.{n}", linkedid=f"1795845051.{n}", bridge="lot") for n in (7, 8)]
    (call,) = read(replace(TALK, bridge="lot", application="AppDial"), *strangers)["101"]
    assert (call.conference, call.parked) == (YesNo.UNKNOWN, YesNo.UNKNOWN)
    (talking,) = read(*lot)["101"]
    assert (talking.conference, talking.parked) == (YesNo.NO, YesNo.NO)
    (parked,) = read(replace(TALK, application="Park"))["101"]
    assert parked.parked is YesNo.YES
