"""Recordings of a real Asterisk 22, replayed as a server would answer: read alike by AMI and by ARI, up to the popup.

They lie in bridge/pbx/asterisk/samples, byte by byte: `NAME.txt` is what AMI's Status said, `NAME_by_ari` what ARI did.
"""

import asyncio
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bridge.core.errors import PbxUnintelligible
from bridge.core.http_types import Reply, Secret
from bridge.core.json_codec import as_json
from bridge.core.model import Call, YesNo
from bridge.pbx.asterisk import ADAPTER, Account, listing, wire
from bridge.pbx.asterisk.ami import Access
from bridge.pbx.contract import Existence, lists_whole_account
from bridge.pbx.switchboard import Switchboard
from tests.contract import samples
from tests.contract.session import ScriptedSession, SimulatorSession
from tests.stage import DANA, TOKEN, Make, open_stage

SAMPLES = samples.folder(samples.PBX, "asterisk") / "samples"
SITUATIONS = sorted(
    file.name.removesuffix("_by_ari.json")
    for file in SAMPLES.glob("*_by_ari.json")
    if file.name != "queues_by_ari.json"
)
EXTENSIONS = ("10", "101", "1010", "102", "103")
ENDPOINTS = (
    '[{"technology":"PJSIP","resource":"provider","state":"online","channel_ids":[]},{"technology":"PJSIP","resource":'
    '"1010","state":"online","channel_ids":[]},{"technology":"PJSIP","resource":"10","state":"offline","channel_ids":[]},'
    '{"technology":"PJSIP","resource":"103","state":"online","channel_ids":[]},{"technology":"PJSIP","resource":"102",'
    '"state":"online","channel_ids":[]},{"technology":"PJSIP","resource":"101","state":"online","channel_ids":[]}]'
)
"""What the recorded Asterisk answered to `GET /ari/endpoints` when nobody was on the phone."""
KEYS = {"username": "popbridge", "password": "Invented42", "region": "IL", "variables": ["CUSTOMER_ID"]}
each_situation = pytest.mark.parametrize("situation", SITUATIONS)
each_way = pytest.mark.parametrize("interface", ["ami", "ari"])
ANSWERED_APART_SECONDS = 1.0
"""ARI tells when the bridge was made: on click-to-call that is when the other side picked up."""


def expected(situation: str) -> dict[str, list[dict[str, Any]]]:
    """What must be read: each extension that has calls."""
    text = (SAMPLES / f"{situation}.expected.json").read_text(encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = json.loads(text)["extensions"]
    return found


@dataclass
class Replay:
    """A server that answers as the recorded one did, in one situation after another."""

    situation: str = "01_idle"

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/rawman", self._rawman, methods=["GET", "POST"]), Route("/ari/{what:path}", self._ari)]
        )

    async def _rawman(self, request: Request) -> Response:
        action = request.query_params.get("action", "login")
        bodies = {
            "login": b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n",
            "Status": (SAMPLES / f"{self.situation}.txt").read_bytes(),
            "QueueStatus": (SAMPLES / "queue_with_a_caller.txt").read_bytes(),
            "ExtensionStateList": listing.written(listing.hints(EXTENSIONS)).encode(),
            "DeviceStateList": listing.written(listing.devices(EXTENSIONS)).encode(),
        }
        proven = action == "login" or request.cookies.get("mansession_id") in ("98ec8053", '"98ec8053"')
        body = bodies[action] if proven else b"Response: Error\r\nMessage: Permission denied\r\n\r\n"
        return PlainTextResponse(body, headers={"Set-Cookie": 'mansession_id="98ec8053"; Version=1; Max-Age=60'})

    async def _ari(self, request: Request) -> Response:
        told = json.loads((SAMPLES / f"{self.situation}_by_ari.expected.json").read_text(encoding="utf-8"))
        last = (SAMPLES / f"{self.situation}_by_ari.json").read_text(encoding="utf-8")
        channels, *rest = [*(one["text"] for one in told["before"]), last]
        match request.path_params["what"].split("/"):
            case ["endpoints"]:
                return PlainTextResponse(ENDPOINTS)
            case ["endpoints", technology, name]:
                if technology == "PJSIP" and name in EXTENSIONS:
                    return PlainTextResponse(
                        '{"technology":"PJSIP","resource":"101","state":"online","channel_ids":[]}'
                    )
                return PlainTextResponse('{"message":"Endpoint not found"}', 404)
            case ["channels"]:
                return PlainTextResponse(channels)
            case ["bridges"]:
                return PlainTextResponse(rest[0])
            case ["channels", uniqueid, "variable"]:
                return PlainTextResponse(dict(zip(_answered(channels), rest[1:], strict=True))[uniqueid])
        raise AssertionError(request.url)


def _answered(channels: str) -> list[str]:
    """The ids of the extensions' channels that are up, oldest first: for each a variable was recorded."""
    up = [row for row in json.loads(channels) if row["state"] == "Up" and re.match(r"PJSIP/1\d+-", row["name"])]
    return sorted((row["id"] for row in up), key=lambda text: [int(part) for part in text.split(".")])


def ask(situation: str, interface: str, extension: str | None = None, **changed: Any) -> dict[str, tuple[Call, ...]]:
    keys = {"kind": "asterisk", "base_url": "http://asterisk.example", "interface": interface, **KEYS, **changed}
    made = Account.model_validate(keys)
    session = SimulatorSession(ADAPTER, made, Replay(situation).app())
    return dict(asyncio.run(ADAPTER.calls(made, session, extension)).extensions)


def told_by_both(calls: tuple[Call, ...]) -> list[Call]:
    """Without what the two ways tell apart: when it was answered, and that the other side holds."""
    return [replace(call, answered_at=None, held_by_other=YesNo.UNKNOWN) for call in calls]


def test_there_are_thirty_situations() -> None:
    assert len(SITUATIONS) == 30
    assert sum(len(calls) for name in SITUATIONS for calls in expected(name).values()) == 36


@each_way
@each_situation
def test_every_extension_has_the_calls_that_were_recorded(situation: str, interface: str) -> None:
    found, wanted = ask(situation, interface), expected(situation)
    for extension in EXTENSIONS:
        told, want = as_json(found.get(extension, ())), wanted.get(extension, [])
        assert [like(call, interface) for call in told] == [like(call, interface) for call in want]


def like(call: dict[str, Any], interface: str) -> dict[str, Any]:
    """What the recordings tell of a call. By ARI the moment of answering is another one, see below."""
    names = ("ivrid", "original_ivrid", "did", "direction", "state", "started_at", "recording", "customdata")
    caller = {name: call["caller"][name] for name in ("number", "name")}
    answered = {"answered_at": call["answered_at"]} if interface == "ami" else {}
    return {**{name: call[name] for name in names}, "caller": caller, **answered}


@each_situation
def test_both_ways_tell_the_same(situation: str) -> None:
    by_ami, by_ari = ask(situation, "ami"), ask(situation, "ari")
    assert list(by_ami) == list(by_ari)
    for extension, calls in by_ami.items():
        assert told_by_both(calls) == told_by_both(by_ari[extension])
        for one, other in zip(calls, by_ari[extension], strict=True):
            assert (one.answered_at is None) == (other.answered_at is None)
            apart = abs(((one.answered_at or datetime.max) - (other.answered_at or datetime.max)).total_seconds())
            assert apart <= ANSWERED_APART_SECONDS


@each_way
@each_situation
def test_it_makes_no_difference_whether_the_trunk_is_named_or_guessed(situation: str, interface: str) -> None:
    assert ask(situation, interface, trunks=["provider"]) == ask(situation, interface)


@each_situation
def test_a_question_about_one_extension_says_of_it_what_one_about_all_does(situation: str) -> None:
    everything = ask(situation, "ari")
    for extension in EXTENSIONS:
        assert ask(situation, "ari", extension).get(extension) == everything.get(extension)


@pytest.mark.parametrize(
    ("situation", "questions"),
    [("01_idle", 1), ("02_incoming_ringing", 1), ("03_incoming_answered", 3), ("61_two_calls_held_and_talking", 4)],
)
def test_ari_asks_for_bridges_and_variables_only_where_somebody_talks(situation: str, questions: int) -> None:
    made = Account.model_validate({"kind": "asterisk", "base_url": "http://a.example", "interface": "ari", **KEYS})
    session = SimulatorSession(ADAPTER, made, Replay(situation).app())
    asyncio.run(ADAPTER.calls(made, session, None))
    assert len(session.requests) == questions


@pytest.mark.parametrize(("extension", "questions"), [("101", 4), ("102", 2), ("10", 2), (None, 4)])
def test_ari_asks_for_the_variables_of_the_extension_in_question_alone(extension: str | None, questions: int) -> None:
    made = Account.model_validate({"kind": "asterisk", "base_url": "http://a.example", "interface": "ari", **KEYS})
    session = SimulatorSession(ADAPTER, made, Replay("61_two_calls_held_and_talking").app())
    asyncio.run(ADAPTER.calls(made, session, extension))
    assert len(session.requests) == questions
    assert not lists_whole_account(ADAPTER, made)
    assert lists_whole_account(ADAPTER, made.model_copy(update={"interface": "ami"}))


@pytest.mark.parametrize(
    ("extension", "existence", "questions"),
    [("101", Existence.EXISTS, 1), ("999", Existence.UNKNOWN, 3), ("דנה ?x=1", Existence.UNKNOWN, 3)],
)
def test_ari_is_asked_for_one_endpoint_by_its_name(extension: str, existence: Existence, questions: int) -> None:
    made = Account.model_validate({"kind": "asterisk", "base_url": "http://a.example", "interface": "ari", **KEYS})
    session = SimulatorSession(ADAPTER, made, Replay().app())
    assert asyncio.run(ADAPTER.exists(made, session, extension)) is existence
    assert len(session.requests) == questions
    by_ami = made.model_copy(update={"interface": "ami"})
    assert asyncio.run(ADAPTER.exists(by_ami, session, extension)) is Existence.NOBODY_TELLS


@pytest.mark.anyio
async def test_a_click_by_ari_asks_three_requests_and_idle_ones_no_list(tmp_path: Path, redis_url: Secret) -> None:
    replay, asked = Replay("03_incoming_answered"), list[str]()

    def counted(_: Switchboard) -> Any:
        return Counted(replay, asked)

    make = Make("asterisk", lambda url: {**KEYS, "base_url": url, "interface": "ari"}, counted, "101", "102")
    agents = [f"acme,{one}@acme.example,main,{one},Agent {one}" for one in EXTENSIONS]
    async with open_stage(tmp_path, redis_url, make, agents=agents) as stage:
        assert (await stage.click({"agent": "101@acme.example"})).json()["outcome"] == "found"
        assert len(asked) == 3
        asked.clear()
        for _ in range(2):
            assert (await stage.click({"agent": "102@acme.example"})).json()["outcome"] == "no-active-call"
        assert [path for path in asked if path.startswith("/ari/endpoints")] == ["/ari/endpoints/PJSIP/102"]
        asked.clear()
        assert (await stage.click({"extension": "999"})).json()["outcome"] == "unknown-extension"
        assert "/ari/endpoints" not in asked


@dataclass
class Counted:
    """A replay that notes what it is asked."""

    replay: Replay
    asked: list[str]

    def app(self) -> Any:
        inner = self.replay.app()

        async def noted(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                self.asked.append(scope["path"].removeprefix(scope.get("root_path", "")))
            await inner(scope, receive, send)

        return noted


def test_a_list_with_fewer_channels_than_it_counts_is_not_taken_for_whole() -> None:
    body = (SAMPLES / "03_incoming_answered.txt").read_bytes()
    first, trunk, phone, last, *rest = body.split(b"\r\n\r\n")
    made = Account.model_validate({"kind": "asterisk", "base_url": "http://a.example", **KEYS})
    short = b"\r\n\r\n".join([first, trunk, last, *rest])
    assert b"101" in phone
    with pytest.raises(PbxUnintelligible):
        wire.read_status(Reply(200, {}, short, 1.0), "main", made.rules, Access("", "", Secret("x")))


@each_way
@pytest.mark.anyio
async def test_the_running_product_pops_what_was_recorded(tmp_path: Path, redis_url: Secret, interface: str) -> None:
    """A signed click of each extension's agent in each situation: outcome, call and other calls in the answer."""
    replay = Replay()

    def fake(_: Switchboard) -> Replay:
        return replay

    make = Make("asterisk", lambda url: {**KEYS, "base_url": url, "interface": interface}, fake, "101", "102")
    agents = [f"acme,{one}@acme.example,main,{one},Agent {one}" for one in EXTENSIONS]
    async with open_stage(tmp_path, redis_url, make, agents=agents) as stage:
        for replay.situation in SITUATIONS:
            wanted = expected(replay.situation)
            for extension in EXTENSIONS:
                answer = (await stage.click({"agent": f"{extension}@acme.example"})).json()
                if extension not in wanted:
                    assert (answer["outcome"], answer["popup"]) == ("no-active-call", None)
                    continue
                popup = answer["popup"]
                told = {call["ivrid"]: call for call in (popup["call"], *popup["other_calls"])}
                assert set(told) == {call["ivrid"] for call in wanted[extension]}
                for want in wanted[extension]:
                    call = told[want["ivrid"]]
                    names = ("direction", "state", "did", "started_at", "customdata")
                    assert {name: call[name] for name in names} == {name: want[name] for name in names}
                    assert {name: call["caller"][name] for name in ("number", "name")} == want["caller"]


@pytest.mark.anyio
async def test_queue_conference_and_hold_by_the_other_side_reach_the_popup(tmp_path: Path, redis_url: Secret) -> None:
    """In its fields, in the sentence, and on the page of the link form, in the reader's language."""
    replay = Replay()

    def fake(_: Switchboard) -> Replay:
        return replay

    make = Make("asterisk", lambda url: {**KEYS, "base_url": url}, fake, "101", "102")
    async with open_stage(tmp_path, redis_url, make) as stage:
        for replay.situation, name, value, words, shown in (
            ("50_queue_ringing", "queue", "sales", "from the queue sales", '<bdi dir="auto">sales</bdi>'),
            ("97_conference", "conference", "yes", "in a conference", "שיחת ועידה"),
            (
                "06_incoming_hold_by_caller",
                "held_by_other",
                "yes",
                "the other side has put you on",
                "בהמתנה אצל הצד השני",
            ),
        ):
            popup = (await stage.click()).json()["popup"]
            assert popup["call"][name] == value
            assert words in popup["why"]
            asked = {"agent": DANA, "token": TOKEN.reveal()}
            header = {"accept": "text/html", "accept-language": "he"}
            page = await stage.http.get(f"{stage.bridge_url}/clicks/acme", params=asked, headers=header)
            assert shown in page.text


def test_scripted_answers_are_taken_in_the_order_of_the_questions() -> None:
    """The samples' format gives answers in order; what ARI is asked has to come in that order too."""
    made = Account.model_validate({"kind": "asterisk", "base_url": "http://a.example", "interface": "ari", **KEYS})
    told = json.loads((SAMPLES / "61_two_calls_held_and_talking_by_ari.expected.json").read_text(encoding="utf-8"))
    bodies = [*(one["text"] for one in told["before"]), '{"value":"0"}']
    session = ScriptedSession(ADAPTER, made, [Reply(200, {}, body.encode(), 1.0) for body in bodies])
    calls = asyncio.run(ADAPTER.calls(made, session, None)).extensions["101"]
    assert [call.state for call in calls] == ["hold", "talking"]
