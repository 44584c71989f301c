"""One delivery, attempted against a real CRM that behaves and misbehaves."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from svix.webhooks import Webhook as SvixWebhook

from bridge.core.clock import Clock
from bridge.core.delivery import Delivery, DeliveryEvent, DeliveryState, Event
from bridge.core.errors import RequestFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.json_codec import from_json, json_text, time_text
from bridge.core.model import Popup
from bridge.core.reasons import Reason
from bridge.crm.contract import Delivered, Rejected, Retry
from bridge.crm.replies import judge, retry_after
from bridge.crm.webhook import wire
from bridge.delivery.deliver import LAST_CHANCE, deliver
from bridge.delivery.retry_policy import growing_wait
from bridge.egress.target_limits import Visit
from bridge.store import counters, keys
from bridge.store.deliveries import claims, ledger, records, results
from tests.stage import DANA, POPUP_SECRET, Stage, open_stage, serving, until

pytestmark = pytest.mark.anyio

LEASE = timedelta(seconds=9)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, chance=lambda: 0.5)

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


async def clicked(stage: Stage, **fields: Any) -> tuple[Any, str]:
    """A click on a live call: its popup, and the id of its delivery to the CRM."""
    popup = (await stage.click({"agent": DANA, **fields})).json()["popup"]
    return popup, await delivery_to(stage, popup, "acme")


async def delivery_to(stage: Stage, popup: Any, target: str) -> str:
    ids = await stage.redis.eval("return redis.call('KEYS', 'popbridge:delivery:*')", 0)
    found = await records.get(stage.redis, [key.rpartition(":")[2] for key in ids])
    return next(one.delivery_id for one in found if (one.popup_id, one.target) == (popup["popup_id"], target))


async def state(stage: Stage, delivery_id: str) -> Delivery:
    return (await records.get(stage.redis, [delivery_id]))[0]


async def test_a_popup_arrives_once_signed_for_everybodys_verifier(stage: Stage) -> None:
    stage.talk()
    popup, delivery_id = await clicked(stage)
    await deliver(delivery_id, stage.services)
    await deliver(delivery_id, stage.services)
    (received,) = stage.crm.received
    assert received.status == 200
    assert received.webhook_id == delivery_id
    assert received.event == {"type": "call.popup", "timestamp": popup["created_at"], "data": popup}
    ended = await state(stage, delivery_id)
    assert ended.state is DeliveryState.DELIVERED
    assert [(one.status, one.error) for one in ended.attempts] == [(200, None)]


async def test_the_public_verifiers_accept_what_we_send(stage: Stage) -> None:
    stage.talk()
    account = stage.services.settings.crm["acme"]
    popup, delivery_id = await clicked(stage)
    now = datetime.now(UTC)
    event = DeliveryEvent(Event.POPUP, delivery_id, now, from_json(Popup, json_text(popup)))
    request = wire.write_event(account.popup_url, account.popup_secrets, event, now)
    for verifier in (Webhook(POPUP_SECRET.reveal()), SvixWebhook(POPUP_SECRET.reveal())):
        verifier.verify(request.body.decode(), dict(request.headers))


@pytest.mark.parametrize(
    ("status", "end"),
    [(410, "failed"), (400, "failed"), (401, "failed"), (404, "failed"), (302, "failed"), (500, ""), (502, "")],
)
async def test_what_the_crms_answer_means(stage: Stage, status: int, end: str) -> None:
    stage.talk()
    _, delivery_id = await clicked(stage)
    stage.crm.faults.status = status
    await deliver(delivery_id, stage.services)
    found = await state(stage, delivery_id)
    assert str(found.state) == (end or "pending")
    assert [(one.status, one.error) for one in found.attempts] == [(status, f"http-{status}")]
    assert (found.attempts[0].next_try_at is None) == bool(end)


async def test_a_second_job_does_not_shorten_the_wait(stage: Stage) -> None:
    stage.talk()
    _, delivery_id = await clicked(stage)
    stage.crm.faults.status, stage.crm.faults.retry_after = 429, 30
    await deliver(delivery_id, stage.services)
    await deliver(delivery_id, stage.services)
    assert len(stage.crm.received) == 1


async def test_redirects_are_not_followed_and_no_proxy_is_taken_from_the_environment(
    tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with open_stage(tmp_path, redis_url) as stage:
        stage.talk()
        _, delivery_id = await clicked(stage)
        await deliver(delivery_id, stage.services)
        assert (await state(stage, delivery_id)).state is DeliveryState.DELIVERED
        _, redirected = await clicked(stage)
        stage.crm.faults.status, stage.crm.faults.location = 302, f"{stage.pbx_url}/crm/popups"
        await deliver(redirected, stage.services)
        assert (await state(stage, redirected)).state is DeliveryState.FAILED
        assert len(stage.crm.received) == 2


async def test_a_crm_that_comes_back_gets_the_same_id_on_every_attempt(tmp_path: Path, redis_url: Secret) -> None:
    watch = Watch()
    async with open_stage(tmp_path, redis_url, clock=watch.clock()) as stage:
        stage.talk()
        _, delivery_id = await clicked(stage)
        stage.crm.faults.status = 500
        for _ in range(3):
            await deliver(delivery_id, stage.services)
            waiting = await state(stage, delivery_id)
            assert waiting.attempts[-1].next_try_at is not None
            watch.at = waiting.attempts[-1].next_try_at
        stage.crm.faults.status = 200
        await deliver(delivery_id, stage.services)
        assert {received.webhook_id for received in stage.crm.received} == {delivery_id}
        ended = await state(stage, delivery_id)
        assert [one.status for one in ended.attempts] == [500, 500, 500, 200]
        waits = [(one.next_try_at - one.at).total_seconds() for one in ended.attempts if one.next_try_at]
        assert waits == pytest.approx([0.5, 1.0, 2.0], abs=0.01)


async def test_retry_after_is_waited_for_and_at_the_longest_until_shortly_before_the_end(
    tmp_path: Path, redis_url: Secret
) -> None:
    watch = Watch()
    async with open_stage(tmp_path, redis_url, clock=watch.clock()) as stage:
        stage.talk()
        popup, delivery_id = await clicked(stage)
        stage.crm.faults.status, stage.crm.faults.retry_after = 429, 7
        await deliver(delivery_id, stage.services)
        waiting = await state(stage, delivery_id)
        assert waiting.attempts[0].next_try_at == waiting.attempts[0].at + timedelta(seconds=7)
        watch.turn(7)
        stage.crm.faults.retry_after = 600
        await deliver(delivery_id, stage.services)
        waiting = await state(stage, delivery_id)
        last = datetime.fromisoformat(popup["expires_at"]) - LAST_CHANCE
        assert (waiting.state, waiting.attempts[1].next_try_at) == (DeliveryState.PENDING, last)
        watch.at = last
        await deliver(delivery_id, stage.services)
        ended = await state(stage, delivery_id)
        assert (ended.state, ended.attempts[2].next_try_at) == (DeliveryState.EXPIRED, None)
        assert len(stage.crm.received) == 3


async def test_a_popup_past_its_time_is_expired_and_never_sent(tmp_path: Path, redis_url: Secret) -> None:
    watch = Watch()
    async with open_stage(tmp_path, redis_url, clock=watch.clock()) as stage:
        stage.talk()
        popup, delivery_id = await clicked(stage)
        desktop_id = await delivery_to(stage, popup, "desktop")
        await deliver(desktop_id, stage.services)
        watch.turn(121)
        await deliver(delivery_id, stage.services)
        await deliver(desktop_id, stage.services)
        assert stage.crm.received == []
        assert (await state(stage, delivery_id)).state is DeliveryState.EXPIRED
        assert (await state(stage, desktop_id)).state is DeliveryState.EXPIRED


async def test_a_late_delivery_of_a_call_that_has_ended_is_not_sent(tmp_path: Path, redis_url: Secret) -> None:
    watch = Watch()
    async with open_stage(tmp_path, redis_url, clock=watch.clock()) as stage:
        ivrid = stage.talk()
        _, ended_id = await clicked(stage)
        _, live_id = await clicked(stage)
        watch.turn(11)
        await deliver(live_id, stage.services)
        stage.phone.hang_up(ivrid)
        await deliver(ended_id, stage.services)
        assert [one.webhook_id for one in stage.crm.received] == [live_id]
        ended = await state(stage, ended_id)
        assert (ended.state, ended.attempts[0].error) == (DeliveryState.EXPIRED, "call-ended")


async def test_a_late_delivery_is_sent_when_the_phone_system_cannot_tell(tmp_path: Path, redis_url: Secret) -> None:
    watch = Watch()
    async with open_stage(tmp_path, redis_url, clock=watch.clock()) as stage:
        stage.talk()
        _, delivery_id = await clicked(stage)
        watch.turn(11)
        stage.pbx.faults.down = "503"
        await deliver(delivery_id, stage.services)
        assert (await state(stage, delivery_id)).state is DeliveryState.DELIVERED


async def test_a_crms_own_rate_is_kept_and_what_is_over_it_waits(tmp_path: Path, redis_url: Secret) -> None:
    watch = Watch()
    extra = {"POPBRIDGE_CRM__ACME__PUSHES_PER_SECOND": "2"}
    async with open_stage(tmp_path, redis_url, clock=watch.clock(), extra=extra) as stage:
        stage.talk()
        ids = [(await clicked(stage))[1] for _ in range(3)]
        for delivery_id in ids:
            await deliver(delivery_id, stage.services)
        assert len(stage.crm.received) == 2
        waiting = await state(stage, ids[2])
        assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, ()), "backing off is no attempt"

        async def has_gone() -> bool:
            watch.turn(1)
            await deliver(ids[2], stage.services)
            return len(stage.crm.received) == 3

        await until(has_gone)  # the limit is kept by Redis' clock, for all processes


async def test_an_answer_without_end_is_refused_while_reading(stage: Stage) -> None:
    async def endless(_: Any) -> StreamingResponse:
        async def body() -> Any:
            while True:
                await asyncio.sleep(0)  # or the server does not notice that nobody listens
                yield b"x" * 65536

        return StreamingResponse(body())

    async with serving(Starlette(routes=[Route("/", endless)])) as address:
        with pytest.raises(RequestFailed) as refused:
            await stage.services.client.send(Request("GET", address), timeout_seconds=20)
    assert refused.value.cause == "too-large"


@pytest.mark.parametrize("body", ["endless", "stalls", "breaks off", "no gzip"])
async def test_who_said_yes_is_not_sent_it_again_whatever_the_body(stage: Stage, body: str) -> None:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}}")
        encoded = b"content-encoding: gzip\r\n" if body == "no gzip" else b""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n" + encoded + b"\r\nthis is no gzip")
        with suppress(OSError):
            while body == "endless":
                writer.write(b"x" * 65536)
                await writer.drain()
            if body == "stalls":
                await reader.read()
        writer.close()

    stage.talk()
    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    _, delivery_id = await clicked(stage)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/popups"
    object.__setattr__(stage.services.settings.crm["acme"], "popup_url", address)
    await deliver(delivery_id, stage.services)
    ended = await state(stage, delivery_id)
    assert [(one.status, one.error) for one in ended.attempts] == [(200, None)]
    assert ended.state is DeliveryState.DELIVERED
    server.close()


@pytest.mark.parametrize(
    "header", ["0", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 -1200", "1 Jan 9" + "9" * 30]
)
async def test_no_retry_after_is_too_odd_to_record_the_attempt(stage: Stage, header: str) -> None:
    stage.talk()
    stage.crm.faults.status, stage.crm.faults.retry_after = 503, header  # type: ignore[assignment]
    _, delivery_id = await clicked(stage)
    await deliver(delivery_id, stage.services)
    found = await state(stage, delivery_id)
    (tried,) = found.attempts
    assert tried.error == "http-503"
    assert tried.next_try_at is None or tried.next_try_at - tried.at > timedelta(seconds=0.3), "not hammered"


async def test_a_popup_that_expires_while_the_phone_system_is_asked_is_not_sent(
    tmp_path: Path, redis_url: Secret
) -> None:
    watch = Watch()
    async with open_stage(tmp_path, redis_url, clock=watch.clock()) as stage:
        stage.talk()
        _, delivery_id = await clicked(stage)
        asked = stage.services.lookup.live_calls

        async def slow(*args: Any) -> Any:
            watch.turn(2)
            return await asked(*args)

        watch.turn(119)
        stage.services.lookup.live_calls = slow  # type: ignore[method-assign]
        await deliver(delivery_id, stage.services)
        assert stage.crm.received == []
        assert (await state(stage, delivery_id)).state is DeliveryState.EXPIRED


async def test_a_popup_that_cannot_be_read_any_more_expires(tmp_path: Path, redis_url: Secret) -> None:
    watch = Watch()
    async with open_stage(tmp_path, redis_url, clock=watch.clock()) as stage:
        stage.talk()
        popup, delivery_id = await clicked(stage)
        await stage.redis.set(keys.popup(popup["popup_id"]), '{"popup": {"of": "another version"}}')
        watch.turn(121)
        await deliver(delivery_id, stage.services)
        assert (await state(stage, delivery_id)).state is DeliveryState.EXPIRED


async def test_waiting_for_a_place_uses_up_no_rate(tmp_path: Path, redis_url: Secret) -> None:
    watch = Watch()
    extra = {"POPBRIDGE_CRM__ACME__PUSHES_PER_SECOND": "2", "POPBRIDGE_CRM__ACME__PUSHES_AT_ONCE": "1"}
    async with open_stage(tmp_path, redis_url, clock=watch.clock(), extra=extra) as stage:
        stage.talk()
        ids = [(await clicked(stage))[1] for _ in range(4)]
        target = stage.services.targets["acme"]
        assert target.enter()
        for delivery_id in ids[:3]:
            await deliver(delivery_id, stage.services)
        target.leave(Visit.ANSWERED)
        await deliver(ids[3], stage.services)
        assert [one.webhook_id for one in stage.crm.received] == [ids[3]]


async def test_a_late_repeat_of_a_record_does_not_end_what_was_sent_again(stage: Stage) -> None:
    stage.talk()
    _, delivery_id = await clicked(stage)
    now = datetime.now(UTC)
    held = await claims.claim(stage.redis, delivery_id, now, LEASE)
    assert held is not None
    assert await results.record(stage.redis, held, now, end=DeliveryState.FAILED)
    assert await records.resend(stage.redis, delivery_id, now, now + LEASE) == records.RESENT
    assert not await results.record(stage.redis, held, now, end=DeliveryState.FAILED), "its reply had been lost"
    assert (await state(stage, delivery_id)).state is DeliveryState.PENDING


async def test_what_a_person_sent_again_is_no_latency(stage: Stage) -> None:
    stage.talk()
    stage.crm.faults.status = 410
    _, delivery_id = await clicked(stage)
    await deliver(delivery_id, stage.services)
    stage.crm.faults.status = 200
    now = datetime.now(UTC)
    await records.resend(stage.redis, delivery_id, now - timedelta(seconds=1), now + timedelta(hours=1))
    await deliver(delivery_id, stage.services)
    assert (await state(stage, delivery_id)).state is DeliveryState.DELIVERED
    assert not [name for name in await counters.every(stage.redis) if name[0].startswith("popup_latency")]


async def test_what_is_gone_leaves_nothing_behind_when_it_is_due(stage: Stage) -> None:
    stage.talk()
    _, delivery_id = await clicked(stage)
    await stage.redis.delete(keys.delivery(delivery_id))
    await ledger.queue_due(stage.redis, stage.services.jobs, datetime.now(UTC) + timedelta(seconds=6))
    assert await stage.redis.hgetall(keys.delivery(delivery_id)) == {}
    found, _ = await records.every(stage.redis, records.Wanted(), 10)
    assert delivery_id not in [one.delivery_id for one in found]
    await deliver(delivery_id, stage.services)
    due = [member for member, _ in await stage.redis.zrange(keys.DUE, 0, -1, withscores=True)]
    assert delivery_id not in due


async def test_how_long_popups_wait_is_told_though_the_sweeper_looks_at_them(tmp_path: Path, redis_url: Secret) -> None:
    watch = Watch()
    async with open_stage(tmp_path, redis_url, clock=watch.clock()) as stage:
        stage.talk()
        await clicked(stage)
        watch.turn(60)
        assert await ledger.queue_due(stage.redis, stage.services.jobs, watch.at) == 0, "their jobs wait"
        (line,) = [
            line
            for line in (await stage.get("/metrics")).text.splitlines()
            if line.startswith("popbridge_oldest_due_seconds ")
        ]
        assert float(line.split()[1]) > 50


async def test_a_crm_that_is_down_or_slow_is_attempted_again(stage: Stage) -> None:
    stage.talk()
    _, delivery_id = await clicked(stage)
    object.__setattr__(stage.services.settings.crm["acme"], "popup_url", "http://127.0.0.1:9/popups")
    await deliver(delivery_id, stage.services)
    found = await state(stage, delivery_id)
    assert (found.state, found.attempts[0].error) == (DeliveryState.PENDING, "no-connection")
    _, slow_id = await clicked(stage)
    object.__setattr__(stage.services.settings.crm["acme"], "popup_url", f"{stage.pbx_url}/crm/popups")
    object.__setattr__(stage.services.settings.crm["acme"], "push_timeout_seconds", 0.2)
    stage.crm.faults.slow_seconds = 0.6
    await deliver(slow_id, stage.services)
    found = await state(stage, slow_id)
    assert (found.state, found.attempts[0].error) == (DeliveryState.PENDING, "timeout")


async def test_two_workers_on_one_delivery_send_it_once(stage: Stage) -> None:
    stage.talk()
    _, delivery_id = await clicked(stage)
    now = datetime.now(UTC)
    first = await claims.claim(stage.redis, delivery_id, now, LEASE)
    assert first is not None
    assert await claims.claim(stage.redis, delivery_id, now, LEASE) is None, "the lease holds"
    later = now + LEASE + timedelta(seconds=1)
    second = await claims.claim(stage.redis, delivery_id, later, LEASE)
    assert second is not None
    late = await results.record(stage.redis, first, later, end=DeliveryState.FAILED)
    assert late is False, "whoever lost the claim records nothing"
    assert await results.record(stage.redis, second, later, end=DeliveryState.DELIVERED)
    assert (await state(stage, delivery_id)).state is DeliveryState.DELIVERED


async def test_a_delivery_that_is_not_kept_any_longer_leaves_the_ledger(stage: Stage) -> None:
    await stage.redis.eval("return redis.call('ZADD', KEYS[1], 1, 'dlv_gone')", 1, keys.DUE)
    await deliver("dlv_gone", stage.services)
    assert await stage.redis.zcard(keys.DUE) == 0


async def test_what_is_due_is_queued_again(stage: Stage) -> None:
    stage.talk()
    await clicked(stage)
    await stage.redis.delete("rq:queue:popbridge")
    now = datetime.now(UTC)
    assert await ledger.queue_due(stage.redis, stage.services.jobs, now) == 0
    later = now + timedelta(seconds=6)
    assert await ledger.queue_due(stage.redis, stage.services.jobs, later) == 2
    assert await stage.redis.llen("rq:queue:popbridge") == 2
    assert await ledger.queue_due(stage.redis, stage.services.jobs, later) == 0, "not again at once"
    assert await stage.redis.zcount(keys.DUE, "-inf", "+inf") == 2, "they stay in the ledger until they end"


async def test_what_waits_in_a_long_queue_is_not_queued_twice(stage: Stage) -> None:
    stage.talk()
    await clicked(stage)
    later = datetime.now(UTC) + timedelta(seconds=6)
    assert await ledger.queue_due(stage.redis, stage.services.jobs, later) == 0, "its jobs are still there"
    await stage.redis.delete("rq:queue:popbridge")
    await clicked(stage)
    first = await stage.redis.eval("return redis.call('LINDEX', KEYS[1], 0)", 1, "rq:queue:popbridge")
    await stage.redis.hset(f"rq:job:{first}", mapping={"enqueued_at": time_text(later)})
    later += timedelta(seconds=6)
    assert await ledger.queue_due(stage.redis, stage.services.jobs, later) == 4, "what is next came after all of them"
    assert await stage.redis.llen("rq:queue:popbridge") == 6
    assert await ledger.queue_due(stage.redis, stage.services.jobs, later + timedelta(seconds=6)) == 0


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert retry_after("7", NOW) == timedelta(seconds=7)
    assert retry_after("Sun, 22 Nov 2026 10:00:30 GMT", NOW) == timedelta(seconds=30)
    assert retry_after("Sun, 22 Nov 2026 09:00:00 GMT", NOW) == timedelta(0)
    for useless in (None, "", "soon", "-3", "1.5"):
        assert retry_after(useless, NOW) is None


def test_judgements_at_the_edges() -> None:
    judged = {status: type(judge(Reply(status, {}, b"", 1.0), NOW)) for status in range(200, 600)}
    assert {status for status in judged if judged[status] is Delivered} == set(range(200, 300))
    assert {status for status in judged if judged[status] is Retry} == {408, 421, 423, 425, 429, *range(500, 600)}
    for status in (408, 425, 429, 500, 502, 503, 504):
        assert judge(Reply(status, {"retry-after": "7"}, b"", 1.0), NOW) == Retry(
            timedelta(seconds=7), Reason(f"http-{status}")
        )
    assert {judged[status] for status in (300, 308, 400, 404, 410, 424, 499)} == {Rejected}


async def test_waits_grow_up_to_a_limit_and_differ_by_chance(stage: Stage) -> None:
    waits = [growing_wait(tries, stage.services.clock.chance()) for tries in range(12) for _ in range(20)]
    assert all(wait <= 30.0 * 1.25 for wait in waits)
    assert len(set(waits)) > 100
