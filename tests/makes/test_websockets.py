"""The websockets of 3CX and Yeastar: events on a real connection make popups, and whatever breaks it, it is made again
and the picture read anew."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.core.errors import PbxError, PbxRefused, PbxUnreachable
from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.doctor.listening import of_listener
from bridge.events import lease, listen
from bridge.pbx._3cx import events as events_of_3cx
from bridge.pbx.contract import AskAgain, Change, Picture
from bridge.pbx.yeastar import connection as yeastar
from bridge.pbx.yeastar import events as events_of_yeastar
from bridge.store import listeners
from tests.stage import CALLER, DANA, DID, Stage, open_stage, simulated, until, working

pytestmark = pytest.mark.anyio
MAKES = [pytest.param(simulated(kind, Secret(f"made-up-secret-of-{kind}")), id=kind) for kind in ("3cx", "yeastar")]
each_make = pytest.mark.parametrize("make", MAKES)
CONNECT = {"events": "connect"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "BACK_OFF_SECONDS", (0.01, 0.05))
    monkeypatch.setattr(lease, "HOLD_SECONDS", 0.05)


@asynccontextmanager
async def connected(folder: Path, redis_url: Secret, make: Any, pop: str = "ringing") -> AsyncIterator[Stage]:
    """A stage whose phone system is listened to, with its websocket open."""
    async with open_stage(folder, redis_url, make, main_keys=CONNECT, pops={DANA: pop}) as stage, working(stage):
        await is_joined(stage, 1)
        await until(lambda: is_pictured(stage))
        yield stage


async def is_pictured(stage: Stage) -> bool:
    found = await listeners.status(stage.redis, "main")
    return found is not None and bool(found.heard_at)


async def is_joined(stage: Stage, times: int) -> None:
    async def joined() -> bool:
        return bool(stage.pbx.port.joined >= times and stage.pbx.port.sockets)

    await until(joined)


def rings(stage: Stage) -> str:
    return stage.phone.incoming([stage.make.dana], Caller(CALLER), datetime.now(UTC), DID)


async def popups(stage: Stage) -> list[Any]:
    return [one.event["data"] for one in stage.crm.accepted() if one.event and one.event["type"] == "call.popup"]


@each_make
async def test_a_call_pops_when_it_rings(tmp_path: Path, redis_url: Secret, make: Any) -> None:
    async with connected(tmp_path, redis_url, make) as stage:
        ivrid = rings(stage)
        (popup,) = await until(lambda: popups(stage))
        assert (popup["trigger"], popup["call"]["state"]) == ("ringing", "ringing")
        stage.phone.answer(ivrid, stage.make.dana, datetime.now(UTC))
        assert len(await popups(stage)) == 1


@each_make
async def test_a_call_pops_when_it_is_answered(tmp_path: Path, redis_url: Secret, make: Any) -> None:
    async with connected(tmp_path, redis_url, make, "answer") as stage:
        ivrid = rings(stage)
        stage.phone.answer(ivrid, stage.make.dana, datetime.now(UTC))
        (popup,) = await until(lambda: popups(stage))
        assert (popup["trigger"], popup["call"]["state"]) == ("answer", "talking")


@each_make
async def test_a_connection_that_is_cut_is_made_again(tmp_path: Path, redis_url: Secret, make: Any) -> None:
    async with connected(tmp_path, redis_url, make) as stage:
        stage.pbx.port.drop()
        rings(stage)  # nobody hears it: the picture that is read anew shows it
        await is_joined(stage, 2)
        await until(lambda: popups(stage))


@each_make
async def test_frames_that_nobody_can_read_lose_no_call(tmp_path: Path, redis_url: Secret, make: Any) -> None:
    async with connected(tmp_path, redis_url, make) as stage:
        stage.pbx.faults.events = "garbage"
        rings(stage)
        await until(lambda: popups(stage))
        assert stage.pbx.port.joined == 1


async def test_a_frame_that_is_too_large_ends_the_connection_and_loses_no_call(
    tmp_path: Path, redis_url: Secret
) -> None:
    (make,) = MAKES[0].values
    async with connected(tmp_path, redis_url, make) as stage:
        stage.pbx.faults.events = "huge"
        rings(stage)
        await is_joined(stage, 2)
        await until(lambda: popups(stage))


async def test_a_heartbeat_keeps_it_and_one_without_an_answer_ends_it(
    tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yeastar, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(yeastar, "REPLY_SECONDS", 0.1)
    (make,) = MAKES[1].values
    async with connected(tmp_path, redis_url, make) as stage:

        async def has_beaten() -> bool:
            return bool(stage.pbx.port.beats >= 3)

        await until(has_beaten)
        assert stage.pbx.port.joined == 1
        stage.pbx.faults.events = "silent"
        await is_joined(stage, 2)
        rings(stage)  # its event is never told: the next connection's picture shows it
        await until(lambda: popups(stage))


@each_make
async def test_a_token_that_is_refused_is_replaced_once(tmp_path: Path, redis_url: Secret, make: Any) -> None:
    async with open_stage(tmp_path, redis_url, make, main_keys=CONNECT) as stage:
        system = stage.services.lookup.systems["main"]
        await system.snapshot(None)
        stage.pbx.issued.access = "another program has logged in"
        told = system.connection()
        assert isinstance(await anext(told), Picture)
        await told.aclose()


@each_make
async def test_who_is_refused_for_good_is_told_so(tmp_path: Path, redis_url: Secret, make: Any) -> None:
    async with open_stage(tmp_path, redis_url, make, main_keys=CONNECT) as stage:
        stage.pbx.client_secret = Secret("another one")
        with pytest.raises(PbxRefused):
            await anext(stage.services.lookup.systems["main"].connection())


@each_make
async def test_a_phone_system_that_does_not_work_is_unreachable(tmp_path: Path, redis_url: Secret, make: Any) -> None:
    async with open_stage(tmp_path, redis_url, make, main_keys=CONNECT) as stage:
        await stage.services.lookup.systems["main"].snapshot(None)
        stage.pbx.faults.down = "503"
        with pytest.raises(PbxError):
            await anext(stage.services.lookup.systems["main"].connection())


async def test_a_subscription_that_is_refused_is_told_so(tmp_path: Path, redis_url: Secret) -> None:
    (make,) = MAKES[1].values
    async with open_stage(tmp_path, redis_url, make, main_keys=CONNECT) as stage:
        stage.pbx.faults.refused = "events"
        with pytest.raises(PbxRefused):
            await anext(stage.services.lookup.systems["main"].connection())


async def test_an_event_of_3cx_takes_one_question_about_its_extension(tmp_path: Path, redis_url: Secret) -> None:
    (make,) = MAKES[0].values
    async with open_stage(tmp_path, redis_url, make, main_keys=CONNECT) as stage:
        told = stage.services.lookup.systems["main"].connection()
        assert isinstance(await anext(told), Picture)
        asked = stage.systems["main"].asked
        rings(stage)
        change = await anext(told)
        assert isinstance(change, Change)
        assert (change.extension, [call.state for call in change.calls]) == (make.dana, ["ringing"])
        assert stage.systems["main"].asked == asked + 1
        stage.phone.hang_up(next(iter(stage.phone.calls(make.dana))).ivrid)
        gone = await anext(told)
        assert gone == Change(make.dana, ())
        stage.pbx.faults.visible = [make.omer]
        rings(stage)
        stage.phone.incoming([make.omer], Caller(CALLER), datetime.now(UTC), DID)
        await anext(told)  # who is not selected any more is not asked for again and again
        stage.pbx.port.drop()
        with pytest.raises(PbxUnreachable):
            await anext(told)


async def test_an_event_of_yeastar_names_whom_to_ask_for(tmp_path: Path, redis_url: Secret) -> None:
    (make,) = MAKES[1].values
    async with open_stage(tmp_path, redis_url, make, main_keys=CONNECT) as stage:
        told = stage.services.lookup.systems["main"].connection()
        assert isinstance(await anext(told), Picture)
        ivrid = stage.phone.incoming([make.dana, make.omer], Caller(CALLER), datetime.now(UTC), DID)
        assert await anext(told) == AskAgain(frozenset({make.dana, make.omer}))
        stage.phone.hang_up(ivrid)
        assert await anext(told) == AskAgain(frozenset({make.dana, make.omer}))
        await told.aclose()


@pytest.mark.parametrize(
    ("message", "extensions"),
    [
        ('{"sequence":1,"event":{"event_type":0,"entity":"/callcontrol/102/participants/8106"}}', {"102"}),
        ('{"sequence":1,"event":{"event_type":1,"entity":"/callcontrol/10%202/participants/8"}}', {"10 2"}),
        ('{"event":{"event_type":0,"entity":"/callcontrol/102/participants"}}', {"102"}),
        ('{"event":{"event_type":2,"entity":"/callcontrol/102/participants/8106"}}', set()),
        ('{"event":{"event_type":4,"entity":null}}', set()),
        ('{"event":{"event_type":0,"entity":"/callcontrol/102/devices/1"}}', {""}),
        ('{"event":{"event_type":0}}', {""}),
        ('{"event":[]}', {""}),
        ("[]", {""}),
        ("", {""}),
        ("[" * 10_000, {""}),
        ("�", {""}),
    ],
)
def test_what_a_message_of_3cx_is_about(message: str, extensions: set[str]) -> None:
    assert events_of_3cx.changed(message) == extensions


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("heartbeat response", None),
        ('{"errcode":0,"errmsg":"SUCCESS"}', None),
        ('{"type":30005,"sn":"1","msg":{}}', None),
        ('{"type":30012,"sn":"1","msg":{}}', AskAgain()),
        (
            '{"type":30011,"msg":"{\\"call_id\\":\\"1\\",\\"members\\":[{\\"extension\\":{\\"number\\":\\"102\\"}}]}"}',
            AskAgain(frozenset({"102"})),
        ),
        (
            '{"type":30011,"msg":{"members":[{"extension":{"number":102}},{"inbound":{}}]}}',
            AskAgain(frozenset({"102"})),
        ),
        ('{"type":30011,"msg":"{"}', AskAgain()),
        ('{"type":30011', AskAgain()),
        ("[]", AskAgain()),
        ("", AskAgain()),
        ("[" * 10_000, AskAgain()),
    ],
)
def test_what_a_message_of_yeastar_is_about(message: str, hint: AskAgain | None) -> None:
    assert events_of_yeastar.read_message(message) == hint


@each_make
async def test_a_connection_that_is_down_is_told_by_doctor_and_metrics(
    tmp_path: Path, redis_url: Secret, make: Any
) -> None:
    async with connected(tmp_path, redis_url, make) as stage:

        async def told() -> tuple[bool, bool]:
            found = await of_listener(stage.services, stage.services.lookup.systems["main"])
            metrics = (await stage.get("/metrics")).text
            return any("not connected" in one.message for one in found), 'connected{pbx="main"} 0.0' in metrics

        async def is_up() -> bool:
            return await told() == (False, False)

        async def is_down() -> bool:
            return await told() == (True, True)

        await until(is_up)
        stage.pbx.faults.down = "503"
        stage.pbx.port.drop()
        await until(is_down)
        stage.pbx.faults.down = ""
        await until(is_up)
