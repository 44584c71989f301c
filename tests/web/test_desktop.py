"""The event stream of an agent's desktop page."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Agent
from bridge.delivery.deliver import deliver
from bridge.store import tokens
from bridge.store.desktop import stream
from bridge.store.tokens import Role
from bridge.web.desktop import open_pages
from tests.faults.proxy import Passing, ProxyConnection, redis_line
from tests.stage import DANA, OMER, Stage, open_stage, until
from tests.web.desk import Page, acknowledge, ask, bearer, clicked, page, to_desktop

pytestmark = pytest.mark.anyio


async def test_a_popup_reaches_the_agents_pages_and_nobody_elses(stage: Stage) -> None:
    stage.talk()
    dana, omer = await stage.token(Role.AGENT, DANA), await stage.token(Role.AGENT, OMER)
    async with page(stage, dana) as hers, page(stage, dana) as also_hers, page(stage, omer) as his:
        popup = await clicked(stage)
        assert await hers.until("popup") == await also_hers.until("popup") == [popup]
        stage.talk("SIPOmer1")
        other = await clicked(stage, OMER)
        assert await his.until("popup") == [other]
        assert hers.popups == also_hers.popups == [popup]


async def test_it_says_hello_first(stage: Stage) -> None:
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        hello = opened.of("hello")[0]
        assert hello["agent"] == {"crm": "acme", "crm_user": DANA, "name": "Dana Cohen"}
        assert hello["now"].endswith("Z")
        assert hello["preferences"]["theme"] == "auto"
        assert hello["record_hosts"] == ["127.0.0.1"]
        assert [event.get("event") for event in opened.events][:2] == [None, "hello"]


async def test_a_page_catches_up_after_the_last_event_it_saw(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    popups = [await clicked(stage) for _ in range(3)]
    async with page(stage, dana) as first:
        assert await first.until("popup", 3) == popups
        seen = first.ids
    async with page(stage, dana, after=seen[0]) as second:
        assert await second.until("popup", 2) == popups[1:]
        popups.append(await clicked(stage))
        assert await second.until("popup", 3) == popups[1:]
        assert second.ids[:2] == seen[1:]


async def test_what_comes_while_a_page_catches_up_comes_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It both arrives and is found in the stream."""
    stage.talk()
    hub, dana = stage.app.state.hub, await stage.token(Role.AGENT, DANA)
    catch_up, meanwhile = hub.catch_up, []

    async def slow_catch_up(*arguments: object) -> object:
        meanwhile.append(await clicked(stage))
        await asyncio.sleep(0.05)
        found = await catch_up(*arguments)
        meanwhile.append(await clicked(stage))
        await asyncio.sleep(0.05)
        return found

    monkeypatch.setattr(hub, "catch_up", slow_catch_up)
    async with page(stage, dana) as opened:
        assert await opened.until("popup", 2) == meanwhile
        monkeypatch.undo()
        last = await clicked(stage)
        assert await opened.until("popup", 3) == [*meanwhile, last]
        assert len(set(opened.ids)) == 3


async def test_nothing_falls_between_what_was_read_and_how_far_it_was_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream may grow while it is read: both questions are one transaction."""
    kinds, pipeline = [], stage.redis.pipeline

    def watched(transaction: bool = True) -> Any:
        kinds.append(transaction)
        return pipeline(transaction=transaction)

    monkeypatch.setattr(stage.redis, "pipeline", watched)
    stage.talk()
    found = await stream.replay(stage.redis, Agent("acme", DANA, "", ()), None, datetime.now(UTC))
    assert (found.news, kinds) == ([], [True])


async def test_popups_out_of_time_and_dismissed_ones_are_not_told_again(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    popups = [await clicked(stage) for _ in range(3)]
    assert await acknowledge(stage, dana, popups[1]["popup_id"], "dismissed") == 204
    script = """
    for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)) do
      redis.call('XDEL', KEYS[1], entry[1])
      entry[2][6] = '2020-01-01T00:00:00.000Z'
      redis.call('XADD', KEYS[1], '*', unpack(entry[2]))
    end
    """
    await stage.redis.eval(script, 1, f"popbridge:desktop:acme:{DANA}")
    async with page(stage, dana, after="1-1") as opened:
        assert await opened.until("popup") == [popups[2]]
        last = await clicked(stage)
        assert await opened.until("popup", 2) == [popups[2], last]


async def test_an_entry_of_another_version_keeps_no_page_from_opening(stage: Stage) -> None:
    stage.talk()
    await stage.redis.xadd(f"popbridge:desktop:acme:{DANA}", {"delivery_id": "dlv_1", "popup": "{}"})
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        popup = await clicked(stage)
        assert await opened.until("popup") == [popup]


async def test_a_message_of_another_version_deafens_nobody(stage: Stage) -> None:
    stage.talk()
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        await stage.redis.publish("popbridge:news", "{}")
        popup = await clicked(stage)
        assert await opened.until("popup") == [popup]


async def test_a_page_that_is_loaded_again_gets_its_card_back_even_after_the_popups_time(
    tmp_path: Path, redis_url: Secret
) -> None:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_CRM__ACME__POPUP_TTL_SECONDS": "1"}) as stage:
        stage.talk()
        dana = await stage.token(Role.AGENT, DANA)
        popup = await clicked(stage)
        assert await acknowledge(stage, dana, popup["popup_id"], "delivered") == 204
        await asyncio.sleep(1.1)
        async with page(stage, dana) as opened:
            assert await opened.until("popup") == [popup]
            assert (await opened.until("call"))[0]["state"] == "talking"
        assert await acknowledge(stage, dana, popup["popup_id"], "dismissed") == 204
        async with page(stage, dana) as opened:
            again = await clicked(stage)
            assert await opened.until("popup") == [again]


async def test_a_stopping_server_says_goodbye_and_ends_the_stream(stage: Stage) -> None:
    dana = await stage.token(Role.AGENT, DANA)
    async with page(stage, dana) as opened:
        stage.app.state.leaving.set()
        await opened.until("bye")
        await opened.until_over()
        async with page(stage, dana) as late:
            await late.until("bye")
            await late.until_over()
    assert stage.app.state.hub.open_pages == 0


async def test_an_odd_last_event_id_is_no_error(stage: Stage) -> None:
    for odd in ("-5", "5", "x", "9" * 40 + "-1"):
        async with page(stage, await stage.token(Role.AGENT, DANA), after=odd) as opened:
            assert opened.events


async def test_quiet_streams_have_heartbeats(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.web.desktop.hub.BEAT_SECONDS", 0.01)
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:

        async def beats() -> bool:
            return opened.comments >= 3

        await until(beats)


async def nobody_looks(*_: object) -> None:
    """Instead of the look at every open page's token now and then."""


async def test_who_is_signed_out_learns_it_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.web.desktop.hub.Hub._end_those_signed_out", nobody_looks)
    dana, omer = await stage.token(Role.AGENT, DANA), await stage.token(Role.AGENT, OMER)
    session = bearer((await ask(stage, "POST", "session", dana)).json()["session"])
    async with page(stage, session) as hers, page(stage, dana) as by_token, page(stage, omer) as his:
        assert (await ask(stage, "DELETE", "session", session)).status_code == 204
        assert await hers.until("signed-out") == [{"reason": "revoked"}]
        await hers.until_over()
        assert (await ask(stage, "GET", "preferences", session)).status_code == 401
        assert (await ask(stage, "DELETE", "session", dana)).status_code == 204, "a token outlives the page"
        assert (await ask(stage, "GET", "preferences", dana)).status_code == 200
        assert not by_token.over
        assert not his.over


async def test_revoking_a_token_ends_the_sessions_traded_for_it(stage: Stage) -> None:
    dana = await stage.token(Role.AGENT, DANA)
    session = bearer((await ask(stage, "POST", "session", dana)).json()["session"])
    token_id = dana["Authorization"].split("_")[1]
    async with page(stage, session) as hers:
        assert await tokens.revoke(stage.redis, token_id)
        assert await hers.until("signed-out") == [{"reason": "revoked"}]
    assert (await ask(stage, "GET", "preferences", session)).status_code == 401


async def test_a_token_that_ended_while_nobody_listened_is_noticed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a message that was lost, or by its time."""
    monkeypatch.setattr("bridge.web.desktop.hub.BEAT_SECONDS", 0.01)
    dana, omer = await stage.token(Role.AGENT, DANA), await stage.token(Role.AGENT, OMER)
    async with page(stage, dana) as hers, page(stage, omer) as his:
        await stage.redis.delete(f"popbridge:token:{dana['Authorization'].split('_')[1]}")
        assert await hers.until("signed-out") == [{"reason": "revoked"}]
        now = stage.services.clock.now()
        monkeypatch.setattr("bridge.store.tokens.Grant.has_expired", lambda grant, at: at > now - timedelta(days=1))
        assert await his.until("signed-out") == [{"reason": "expired"}]


async def test_a_broken_subscription_loses_nothing(tmp_path: Path, redis_server: Secret, redis_url: Secret) -> None:
    """What is delivered while the connection to Redis is down comes when it is back, once, to the agent it is for."""
    async with redis_line(redis_server) as (line, address), open_stage(tmp_path, address) as stage:
        stage.talk()
        dana, omer = await stage.token(Role.AGENT, DANA), await stage.token(Role.AGENT, OMER)
        async with page(stage, dana) as hers, page(stage, omer) as his:
            popups = [await clicked(stage)]
            await hers.until("popup")
            deaf = Deaf()
            line.hear = deaf.hear
            line.cut()
            await until(deaf.has_refused)
            popups.append(await clicked(stage))
            popups.append(await clicked(stage))
            assert len(hers.popups) == 1
            deaf.over = True
            assert await hers.until("popup", 3) == popups
            popups.append(await clicked(stage))
            assert await hers.until("popup", 4) == popups
            assert his.popups == []


class Deaf:
    """Refuses subscriptions for a while, and carries everything else."""

    def __init__(self) -> None:
        self.over, self.refused = False, 0

    async def hear(self, passing: Passing) -> bool:
        refuses = passing.name == b"SUBSCRIBE" and not self.over
        self.refused += refuses
        return not refuses

    async def has_refused(self) -> bool:
        return self.refused > 0


async def test_a_subscription_that_only_seems_to_live_is_given_up(
    tmp_path: Path, redis_server: Secret, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.channels.QUIET_SECONDS", 0.05)
    silent = Silent()
    async with (
        redis_line(redis_server, ProxyConnection(hear=silent.hear)) as (_, address),
        open_stage(tmp_path, address) as stage,
    ):
        stage.talk()
        async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
            silent.holds = True
            await until(silent.was_left)
            silent.holds = False
            popup = await clicked(stage)
            assert await opened.until("popup") == [popup]


class Silent:
    """A server that takes what a subscriber asks and answers nothing; `subscribed` is how often one came."""

    def __init__(self) -> None:
        self.holds, self.subscribed = False, 0

    async def hear(self, passing: Passing) -> bool:
        self.subscribed += passing.name == b"SUBSCRIBE" and passing.reply is None
        if self.holds and passing.name == b"PING":
            await asyncio.sleep(3600)
        return True

    async def was_left(self) -> bool:
        return self.subscribed > 1


async def test_a_reader_too_slow_is_dropped_and_holds_up_nobody(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    host, _, port = stage.bridge_url.removeprefix("http://").partition(":")
    slow = socket.create_connection((host, int(port)))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(f"GET /desktop/events HTTP/1.1\r\nHost: x\r\nAuthorization: {dana['Authorization']}\r\n\r\n".encode())
    hub = stage.app.state.hub

    async def joined(wanted: int) -> bool:
        return bool(hub.open_pages == wanted)

    await until(lambda: joined(1))
    async with page(stage, dana) as opened:
        desk = next(iter(hub.desks))
        for number in range(150):
            desk.tell(open_pages.event("large", "x" * 200_000))
            await until(lambda seen=number: _has(opened, seen))
        await until(lambda: joined(1))
        popup = await clicked(stage)
        assert await opened.until("popup") == [popup]
    slow.close()


async def _has(opened: Page, number: int) -> bool:
    return sum(event.get("event") == "large" for event in opened.events) > number


async def test_a_delivery_nobody_acknowledges_expires(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_CRM__ACME__POPUP_TTL_SECONDS": "1"}) as stage:
        stage.talk()
        async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
            popup = await clicked(stage)
            await opened.until("popup")
            delivery = await to_desktop(stage, popup["popup_id"])
            assert delivery["state"] == "pending", "the stream has it, which proves nothing"
            await asyncio.sleep(1.1)
            await deliver(delivery["delivery_id"], stage.services)
            assert (await to_desktop(stage, popup["popup_id"]))["state"] == "expired"
