"""Popups without a click: a call rings, is answered, is answered by somebody else, ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.calls.pictures import Lines
from bridge.core import background
from bridge.core.finding import Grade
from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.doctor.listening import of_listener
from bridge.events.lease import keep_listening
from bridge.store import keys, listeners
from bridge.store.tokens import Role
from tests.stage import CALLER, DANA, DID, OMER, Stage, open_stage, until, working
from tests.web.desk import ask

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def floor(folder: Path, redis_url: Secret, pops: dict[str, str], **more: Any) -> AsyncIterator[Stage]:
    """A stage whose phone system is polled, with workers."""
    keys = {"events": "poll", "poll_seconds": 0.2}
    extra = {"POPBRIDGE_CRM__ACME__EVENTS": "call.popup,call.answered_elsewhere,call.ended", **more.pop("extra", {})}
    opened = open_stage(folder, redis_url, pops=pops, main_keys=keys, extra=extra, **more)
    async with opened as stage, working(stage):
        yield stage


def rings(stage: Stage, *extensions: str) -> str:
    return stage.phone.incoming([*extensions], Caller(CALLER, name="Ruth Levi"), datetime.now(UTC), DID)


def received(stage: Stage, kind: str) -> Callable[[], Awaitable[Any]]:
    """The events of that kind that the CRM has, once there are any."""

    async def look() -> Any:
        accepted = [one.event for one in stage.crm.accepted() if one.event]
        return [event["data"] for event in accepted if event["type"] == kind]

    return look


async def entries(stage: Stage) -> list[Any]:
    told = await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))
    found: list[Any] = told.json()["items"]
    return found


async def test_a_call_that_rings_pops_once(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing", OMER: "answer"}) as stage:
        dana = stage.make.dana
        ivrid = rings(stage, dana)
        (popup,) = await until(received(stage, "call.popup"))
        assert (popup["trigger"], popup["call"]["ivrid"], popup["call"]["state"]) == ("ringing", ivrid, "ringing")
        stage.phone.answer(ivrid, dana, datetime.now(UTC))
        stage.phone.hang_up(ivrid)
        (ended,) = await until(received(stage, "call.ended"))
        assert ended["ivrid"] == ivrid
        assert len(await received(stage, "call.popup")()) == 1


async def test_who_waits_for_the_answer_gets_it_then(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "answer"}) as stage:
        ivrid = rings(stage, stage.make.dana)
        await pictured(stage, ivrid)
        assert await received(stage, "call.popup")() == []
        stage.phone.answer(ivrid, stage.make.dana, datetime.now(UTC))
        (popup,) = await until(received(stage, "call.popup"))
        assert (popup["trigger"], popup["call"]["state"]) == ("answer", "talking")


CHOOSE = {"POPBRIDGE_DESKTOP__AGENTS_CHOOSE_POP": "true"}


async def test_an_agent_who_may_choose_gets_what_they_chose(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "button"}, extra=CHOOSE) as stage:
        assert (await chosen(stage, "ringing")).status_code == 200
        ivrid = rings(stage, stage.make.dana)
        (popup,) = await until(received(stage, "call.popup"))
        assert (popup["trigger"], popup["call"]["ivrid"]) == ("ringing", ivrid)


async def test_an_agent_who_chose_the_button_gets_no_popup_of_a_ring(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing", OMER: "ringing"}, extra=CHOOSE) as stage:
        assert (await chosen(stage, "button")).status_code == 200
        rings(stage, stage.make.dana, stage.make.omer)
        (popup,) = await until(received(stage, "call.popup"))
        assert popup["agent"]["crm_user"] == OMER


async def test_who_may_not_choose_is_told_so(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "button"}) as stage:
        assert (await chosen(stage, "ringing")).status_code == 403
        assert (await chosen(stage, None)).status_code == 200, "as it was"


async def chosen(stage: Stage, pop: str | None) -> httpx.Response:
    dana = await stage.token(Role.AGENT, DANA)
    return await ask(stage, "PUT", "preferences", dana, {"pop": pop})


async def pictured(stage: Stage, ivrid: str) -> Any:
    """Waits until the listener has written down a picture with this call."""

    async def known() -> Lines | None:
        lines = await listeners.load_picture(stage.redis, "main")
        return lines if any(call.ivrid == ivrid for calls in lines.values() for call in calls) else None

    return await until(known)


async def test_nobody_gets_a_popup_who_only_wants_the_button(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {OMER: "ringing"}) as stage:
        mine, his = rings(stage, stage.make.dana), rings(stage, stage.make.omer)
        (popup,) = await until(received(stage, "call.popup"))
        assert popup["call"]["ivrid"] == his
        await pictured(stage, mine)
        assert len(await received(stage, "call.popup")()) == 1


async def test_a_click_finds_the_popup_that_the_ring_made(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing"}) as stage:
        rings(stage, stage.make.dana)
        (popup,) = await until(received(stage, "call.popup"))
        answer = (await stage.click({"agent": DANA})).json()
        assert (answer["outcome"], answer["popup"]["popup_id"]) == ("found", popup["popup_id"])
        assert len(await received(stage, "call.popup")()) == 1
        kept = await entries(stage)
        assert [entry["popup_id"] for entry in kept] == [popup["popup_id"]] * 2, "each look is in the log"


async def test_a_click_that_names_the_caller_tells_the_popup_that_the_ring_made(
    tmp_path: Path, redis_url: Secret
) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing"}) as stage:
        rings(stage, stage.make.dana)
        (popup,) = await until(received(stage, "call.popup"))
        answer = (await stage.click({"agent": DANA, "record": {"name": "Rivka Shalom", "id": "42"}})).json()
        assert answer["popup"]["popup_id"] == popup["popup_id"]
        assert answer["popup"]["contact"]["from"] == "click"
        path = f"/api/popups/{popup['popup_id']}"
        kept = (await stage.get(path, await stage.token(Role.SUPERVISOR))).json()
        assert [one["name"] for one in kept["contact"]["records"]] == ["Rivka Shalom"]
        assert len(await received(stage, "call.popup")()) == 1, "nothing is delivered again"


async def test_a_click_says_what_the_call_does_now_in_the_popup_that_there_is(
    tmp_path: Path, redis_url: Secret
) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing"}) as stage:
        ivrid = rings(stage, stage.make.dana)
        (popup,) = await until(received(stage, "call.popup"))
        stage.phone.answer(ivrid, stage.make.dana, datetime.now(UTC))
        second = rings(stage, stage.make.dana)
        answer = (await stage.click({"agent": DANA})).json()
        told = answer["popup"]
        assert (told["popup_id"], told["call"]["state"]) == (popup["popup_id"], "talking")
        assert [other["ivrid"] for other in told["other_calls"]] == [second]
        assert answer["why"] == told["why"] == "talking now; 1 other call is ringing"


async def test_a_group_rings_and_the_others_are_told_who_answered(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing", OMER: "ringing"}) as stage:
        dana, omer = stage.make.dana, stage.make.omer
        ivrid = rings(stage, dana, omer)

        async def both() -> Any:
            found = await received(stage, "call.popup")()
            return found if len(found) == 2 else None

        await until(both)
        stage.phone.answer(ivrid, omer, datetime.now(UTC))
        (elsewhere,) = await until(received(stage, "call.answered_elsewhere"))
        assert (elsewhere["answered_by"], elsewhere["agent"]["crm_user"]) == ("עומר לוי", DANA)
        (missed,) = await until(received(stage, "call.ended"))
        assert (missed["agent"]["crm_user"], missed["outcome"], missed["talk_seconds"]) == (DANA, "missed", 0)
        stage.phone.hang_up(ivrid)

        async def over() -> Any:
            return [one for one in await received(stage, "call.ended")() if one["agent"]["crm_user"] == OMER]

        (answered,) = await until(over)
        assert (answered["outcome"], answered["ivrid"]) == ("answered", ivrid)


async def test_a_caller_who_gives_up_is_told_apart(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing"}) as stage:
        ivrid = rings(stage, stage.make.dana)
        await until(received(stage, "call.popup"))
        stage.phone.hang_up(ivrid)
        (ended,) = await until(received(stage, "call.ended"))
        assert ended["outcome"] == "abandoned"


async def test_a_rule_keeps_calls_from_popping_up_and_routes_others(tmp_path: Path, redis_url: Secret) -> None:
    rules = f"""
[[rules]]
caller = "{CALLER}"
pop = false
[[rules]]
did = "{DID}"
label = "Billing"
targets = ["acme"]
"""
    async with floor(tmp_path, redis_url, {DANA: "ringing"}, more_settings=rules) as stage:
        blocked = rings(stage, stage.make.dana)
        await pictured(stage, blocked)
        stage.phone.hang_up(blocked)
        now = datetime.now(UTC)
        stage.phone.incoming([stage.make.dana], Caller("0522340002"), now, DID)
        (popup,) = await until(received(stage, "call.popup"))
        assert (popup["call"]["caller"]["number"], popup["call"]["did_label"]) == ("0522340002", "Billing")
        told = await stage.get(f"/api/popups/{popup['popup_id']}", await stage.token(Role.SUPERVISOR))
        assert [one["target"] for one in told.json()["deliveries"] if one["event"] == "call.popup"] == ["acme"]


async def test_another_listener_takes_over_and_nothing_pops_twice(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing", OMER: "ringing"}) as stage:
        first = rings(stage, stage.make.dana)
        await until(received(stage, "call.popup"))
        await pictured(stage, first)
        other = asyncio.create_task(keep_listening(replace(stage.services), "main"))
        try:
            await stage.redis.delete(keys.listener("main"))
            second = rings(stage, stage.make.omer)

            async def both() -> Any:
                found = [one["call"]["ivrid"] for one in await received(stage, "call.popup")()]
                return found if second in found else None

            assert sorted(await until(both, 20)) == sorted([first, second])
        finally:
            await background.end(other)


async def test_a_phone_system_that_does_not_answer_ends_nothing(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing"}) as stage:
        ivrid = rings(stage, stage.make.dana)
        await until(received(stage, "call.popup"))
        stage.pbx.faults.down = "503"

        async def told() -> Any:
            status = await listeners.status(stage.redis, "main")
            return status is not None and status.problem

        await until(told)
        stage.pbx.faults.down = ""
        stage.phone.answer(ivrid, stage.make.dana, datetime.now(UTC))
        stage.phone.hang_up(ivrid)
        await until(received(stage, "call.ended"))
        assert len(await received(stage, "call.popup")()) == 1


async def test_the_doctor_says_who_listens_and_what_is_wrong(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, pops={DANA: "ringing"}) as stage:
        (system,) = stage.services.lookup.systems.values()
        (finding,) = await of_listener(stage.services, system)
        assert (finding.grade, finding.fix) == (Grade.WARN, 'set events = "poll" in [pbx.main]')
    async with open_stage(tmp_path, redis_url, main_keys={"events": "poll"}) as stage:
        (system,) = stage.services.lookup.systems.values()
        assert [one.grade for one in await of_listener(stage.services, system)] == [Grade.FAIL]
    async with floor(tmp_path, redis_url, {DANA: "ringing"}) as stage:
        (system,) = stage.services.lookup.systems.values()

        async def heard() -> Any:
            (finding,) = await of_listener(stage.services, system)
            return finding.grade is Grade.OK and finding

        assert (await until(heard)).message.startswith("poll on ")


SECRET = "made-up-secret-of-events"
NOTIFICATION = {"phone": "972722776772", "ivrid": "x", "status": "Ringing", "direction": "Incoming", "did": DID}


@asynccontextmanager
async def notified(folder: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """A stage whose Voicenter notifies the bridge."""
    keys = {"events": "push", "event_secret": SECRET}
    opened = open_stage(folder, redis_url, pops={DANA: "ringing"}, main_keys=keys)
    async with opened as stage, working(stage):
        yield stage


async def test_a_notification_pops_the_call_and_is_answered_as_its_vendor_wants(
    tmp_path: Path, redis_url: Secret
) -> None:
    async with notified(tmp_path, redis_url) as stage:
        url = f"{stage.bridge_url}/events/main?secret={SECRET}"
        for send in (
            {"json": {**NOTIFICATION, "extenUser": stage.make.dana}},
            {"data": {"phone": CALLER, "extenUser": stage.make.dana, "status": "Ringing"}},
        ):
            before = len(await received(stage, "call.popup")())
            rings(stage, stage.make.dana)
            answer = await stage.http.post(url, **send)
            assert (answer.status_code, answer.json()) == (200, {"STATUS": "OK"})
            assert answer.headers["access-control-allow-origin"].startswith("chrome-extension://")

            async def more(before: int = before) -> Any:
                return len(await received(stage, "call.popup")()) > before

            await until(more)
        ended = await stage.http.post(url, json={"ivruniqueid": "x", "callerextension": stage.make.dana})
        assert ended.json() == {"Err": 0, "Errdesc": "OK"}
        assert (await stage.http.options(url)).status_code == 204


async def test_an_event_whose_question_had_no_answer_is_asked_about_again(tmp_path: Path, redis_url: Secret) -> None:
    async with notified(tmp_path, redis_url) as stage:
        stage.pbx.faults.down = "503"
        rings(stage, stage.make.dana)
        told = {**NOTIFICATION, "extenUser": stage.make.dana}
        await stage.http.post(f"{stage.bridge_url}/events/main?secret={SECRET}", json=told)

        async def is_taken() -> bool:
            return not await stage.redis.xlen(keys.told("main"))

        await until(is_taken)
        stage.pbx.faults.down = ""
        await until(received(stage, "call.popup"))


@pytest.mark.parametrize("query", ["", "?secret=", "?secret=wrong", f"?secret={SECRET}x", f"?token={SECRET}"])
async def test_who_does_not_know_the_secret_tells_nothing(tmp_path: Path, redis_url: Secret, query: str) -> None:
    async with notified(tmp_path, redis_url) as stage:
        answer = await stage.http.post(f"{stage.bridge_url}/events/main{query}", json=NOTIFICATION)
        assert (answer.status_code, answer.json()["reason"]) == (401, "bad-signature")
        assert await stage.redis.xlen(keys.told("main")) == 0


async def test_a_phone_system_that_sends_no_events_is_unknown_here(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url) as stage:
        for name in ("main", "nobody"):
            answer = await stage.http.post(f"{stage.bridge_url}/events/{name}", json={})
            assert (answer.status_code, answer.json()["reason"]) == (404, "unknown-pbx")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff\xfe", b'{"extenUser": {"a": 1}}', b"extenUser=%F0%9F", b"1" * 70000]
)
async def test_junk_with_the_secret_does_no_harm(tmp_path: Path, redis_url: Secret, body: bytes) -> None:
    async with notified(tmp_path, redis_url) as stage:
        answer = await stage.http.post(f"{stage.bridge_url}/events/main?secret={SECRET}", content=body)
        assert answer.status_code in (200, 413)
        rings(stage, stage.make.dana)
        await stage.http.post(f"{stage.bridge_url}/events/main?secret={SECRET}", json=NOTIFICATION)
        await until(received(stage, "call.popup"))


async def test_a_call_that_was_passed_on_is_found_by_its_first_id_too(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url) as stage:
        first = stage.talk()
        second = stage.phone.transfer(first, stage.make.dana, stage.make.omer, datetime.now(UTC))
        popup = (await stage.click({"agent": OMER})).json()["popup"]
        assert (popup["call"]["ivrid"], popup["call"]["original_ivrid"]) == (second, first)
        supervisor = await stage.token(Role.SUPERVISOR)
        for ivrid in (first, second):
            told = await stage.get(f"/api/audit?ivrid={ivrid}", supervisor)
            assert [one["popup_id"] for one in told.json()["items"]] == [popup["popup_id"]]
            assert (await stage.get(f"/api/calls/{ivrid}", supervisor)).json()["ivrid"] == second


async def test_the_popup_goes_to_who_is_logged_in_to_the_desk(tmp_path: Path, redis_url: Secret) -> None:
    keys = {"events": "poll", "poll_seconds": 0.2, "hot_desk": True}
    opened = open_stage(tmp_path, redis_url, pops={DANA: "ringing", OMER: "ringing"}, main_keys=keys)
    async with opened as stage, working(stage):
        desk, own = stage.make.dana, stage.make.omer
        stage.phone.extensions[own] = replace(stage.phone.extensions[own], logged_in=False)
        stage.phone.extensions[desk] = replace(stage.phone.extensions[desk], name="עומר לוי")
        nobodys = rings(stage, own)
        await pictured(stage, nobodys)
        ivrid = rings(stage, desk)
        (popup,) = await until(received(stage, "call.popup"))
        assert (popup["call"]["ivrid"], popup["agent"]["crm_user"], popup["agent"]["extension"]) == (ivrid, OMER, desk)
        stage.phone.extensions[desk] = replace(stage.phone.extensions[desk], name="A stranger")
        strangers = rings(stage, desk)
        await pictured(stage, strangers)
        assert len(await received(stage, "call.popup")()) == 1


async def test_a_phone_system_that_sends_no_events_is_told_by_doctor_and_metrics(
    tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its calls change, only asking shows that, and no event has come since."""
    monkeypatch.setattr("bridge.events.listen.SAFETY_SECONDS", 0.1)
    monkeypatch.setattr("bridge.events.lease.HOLD_SECONDS", 0.05)
    keys_of_main = {"events": "push", "event_secret": SECRET}
    async with open_stage(tmp_path, redis_url, main_keys=keys_of_main) as stage, working(stage):
        system = stage.services.lookup.systems["main"]

        async def told() -> tuple[str, bool]:
            found = await of_listener(stage.services, system)
            metrics = (await stage.get("/metrics")).text
            return found[0].message, 'popbridge_events_unannounced{pbx="main"} 0.0' in metrics

        async def is_well() -> bool:
            message, nothing = await told()
            return "no event" not in message and nothing and "0 calls" in message

        async def is_silent() -> bool:
            message, nothing = await told()
            return "no event came yet" in message and not nothing

        await until(is_well)
        for _ in range(listeners.UNANNOUNCED):
            ivrid = rings(stage, stage.make.dana)
            await pictured(stage, ivrid)
        await until(is_silent)
        url = f"{stage.bridge_url}/events/main?secret={SECRET}"
        assert (await stage.http.post(url, json={"extenUser": stage.make.dana, "status": "Ringing"})).status_code == 200

        async def is_heard() -> bool:
            return "no event" not in (await told())[0]

        await until(is_heard)


def answered_before(stage: Stage, extension: str) -> str:
    """A call that was answered some time ago."""
    then = datetime.now(UTC) - timedelta(seconds=40)
    ivrid = stage.phone.incoming([extension], Caller(CALLER), then, DID)
    stage.phone.answer(ivrid, extension, then)
    return ivrid


async def test_a_call_that_is_answered_while_listening_begins_pops(tmp_path: Path, redis_url: Secret) -> None:
    async with floor(tmp_path, redis_url, {DANA: "answer"}) as stage:
        ivrid = stage.talk()
        (popup,) = await until(received(stage, "call.popup"))
        assert popup["call"]["ivrid"] == ivrid


async def test_calls_that_talk_when_listening_begins_pop_for_nobody(tmp_path: Path, redis_url: Secret) -> None:
    """Who answered before anybody listened has the call already; who rings now is shown."""
    keys_of_main = {"events": "poll", "poll_seconds": 0.2}
    pops = {DANA: "ringing", OMER: "answer"}
    async with open_stage(tmp_path, redis_url, pops=pops, main_keys=keys_of_main) as stage:
        dana, omer = stage.make.dana, stage.make.omer
        talks, held = answered_before(stage, omer), answered_before(stage, dana)
        stage.phone.hold(held, dana)
        async with working(stage):
            await pictured(stage, talks)
            later = stage.phone.incoming([dana], Caller("0522340002"), datetime.now(UTC), DID)
            (popup,) = await until(received(stage, "call.popup"))
            assert popup["call"]["ivrid"] == later
            answer = (await stage.click({"agent": OMER})).json()
            assert answer["popup"]["call"]["ivrid"] == talks, "a click finds it"


async def test_a_call_that_was_answered_in_a_short_gap_pops(tmp_path: Path, redis_url: Secret) -> None:
    keys_of_main = {"events": "poll", "poll_seconds": 0.2}
    async with open_stage(tmp_path, redis_url, pops={DANA: "ringing"}, main_keys=keys_of_main) as stage:
        now = datetime.now(UTC).timestamp()
        await listeners.report(stage.redis, "main", listeners.Status(now, "x", "y", "poll", heard_at=now - 5))
        ivrid = answered_before(stage, stage.make.dana)
        async with working(stage):
            (popup,) = await until(received(stage, "call.popup"))
            assert popup["call"]["ivrid"] == ivrid


async def test_what_was_answered_while_the_phone_system_was_away_long_pops_no_more(
    tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with floor(tmp_path, redis_url, {DANA: "ringing"}) as stage:
        await pictured(stage, first := rings(stage, stage.make.dana))
        await until(received(stage, "call.popup"))
        stage.pbx.faults.down = "503"
        monkeypatch.setattr("bridge.events.listen.GAP_SECONDS", -1.0)
        missed = answered_before(stage, stage.make.dana)
        stage.phone.answer(first, stage.make.dana, datetime.now(UTC))
        stage.pbx.faults.down = ""
        await pictured(stage, missed)
        assert [one["call"]["ivrid"] for one in await received(stage, "call.popup")()] == [first]


async def test_a_call_that_a_colleague_took_from_the_group_pops_again_when_it_is_passed_on(
    tmp_path: Path, redis_url: Secret
) -> None:
    """As phone systems do that keep a call's id: it has rung here before, and left."""
    async with floor(tmp_path, redis_url, {DANA: "ringing", OMER: "ringing"}) as stage:
        dana, omer = stage.make.dana, stage.make.omer
        ivrid = rings(stage, dana, omer)

        async def popups(wanted: int) -> Any:
            found = await received(stage, "call.popup")()
            return found if len(found) == wanted else None

        await until(lambda: popups(2))
        stage.phone.answer(ivrid, omer, datetime.now(UTC))
        await until(received(stage, "call.answered_elsewhere"))
        his = stage.phone.call(ivrid, omer)
        stage.phone._put(replace(his, extension=dana))
        stage.phone._remove(his)
        found = await until(lambda: popups(3))
        (again,) = [one for one in found if one["call"]["state"] == "talking"]
        assert (again["agent"]["crm_user"], again["passed_on"]["by"]) == (DANA, "עומר לוי")
        stage.phone.hang_up(ivrid)

        async def over() -> Any:
            ends = await received(stage, "call.ended")()
            return [one for one in ends if one["agent"]["crm_user"] == DANA and one["outcome"] == "answered"]

        await until(over)
