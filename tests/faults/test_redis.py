"""Redis goes away at the worst moment: nothing doubled, nothing dropped, nothing half-written."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from redis import Redis

from bridge.core.http_types import Secret
from bridge.core.model import Click
from bridge.delivery.deliver import deliver
from bridge.store import keys
from bridge.store.clicks import accept
from bridge.store.client import Batch, open_async
from bridge.store.desktop.stream import PUSH
from bridge.store.jobs import QUEUE
from bridge.store.scripts import name_of
from tests.faults.proxy import Passing, ProxyConnection, redis_line
from tests.faults.seams import Seam, seam_of
from tests.stage import Stage, open_stage

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cut(tmp_path: Path, redis_url: Secret) -> AsyncIterator[tuple[ProxyConnection, Stage, "Redis"]]:
    """A stage whose Redis is reached over a line that can be cut, and a client that needs no line."""
    async with redis_line(redis_url) as (line, address), open_stage(tmp_path, address) as stage:
        with Redis.from_url(redis_url.reveal(), decode_responses=True) as direct:
            yield line, stage, direct


def written(direct: "Redis") -> dict[str, int]:
    return {
        "audit": direct.xlen(keys.AUDIT),
        "jobs": direct.llen(f"rq:queue:{QUEUE}"),
        "deliveries": len(direct.keys("popbridge:delivery:*")),
        "due": direct.zcard(keys.DUE),
        "popups": len(direct.keys("popbridge:popup:*")),
        "stories": len(direct.keys("popbridge:click:*")),
    }


ONE_CLICK = {"audit": 1, "jobs": 2, "deliveries": 2, "due": 2, "popups": 1, "stories": 1}
NOTHING = dict.fromkeys(ONE_CLICK, 0)


async def test_a_lost_reply_gives_one_popup_and_one_audit_line(cut: tuple[ProxyConnection, Stage, "Redis"]) -> None:
    line, stage, direct = cut
    stage.talk()
    line.lose_reply = 1
    response = await stage.click(message_id="msg_lost_reply")
    assert (response.status_code, line.cuts) == (200, 1)
    answer = response.json()
    assert "duplicate" not in answer, "it is the click's own answer that was found"
    assert written(direct) == ONE_CLICK
    again = await stage.click(message_id="msg_lost_reply")
    assert again.json() == {**answer, "duplicate": True}
    assert written(direct) == ONE_CLICK


async def test_a_lost_reply_is_as_harmless_without_an_id(cut: tuple[ProxyConnection, Stage, "Redis"]) -> None:
    line, stage, direct = cut
    stage.talk()
    line.lose_reply = 1
    response = await stage.http.get(
        f"{stage.bridge_url}/clicks/acme", params={"agent": "dana@acme.example", "token": "token-of-acme-0123456789"}
    )
    assert (response.status_code, line.cuts) == (200, 1)
    assert written(direct) == ONE_CLICK


async def test_a_transaction_that_never_arrives_is_sent_again(cut: tuple[ProxyConnection, Stage, "Redis"]) -> None:
    line, stage, direct = cut
    stage.talk()
    line.lose_command = 2
    response = await stage.click()
    assert (response.status_code, line.cuts) == (200, 2)
    assert written(direct) == ONE_CLICK


async def test_many_lost_replies_among_many_clicks(cut: tuple[ProxyConnection, Stage, "Redis"]) -> None:
    line, stage, direct = cut
    stage.talk()
    line.lose_reply, line.lose_command = 3, 1
    responses = await asyncio.gather(*(stage.click() for _ in range(30)))
    assert {response.status_code for response in responses} == {200}
    assert line.cuts == 4
    assert written(direct) == {name: 30 * count for name, count in ONE_CLICK.items()}


async def in_question(stage: Stage, direct: "Redis", message_id: str) -> "asyncio.Task[httpx.Response]":
    """A click that was taken on and now asks the phone system: what follows meets its transaction."""
    stage.talk()
    stage.pbx.faults.slow_seconds = 0.3
    clicking = asyncio.create_task(stage.click(message_id=message_id))
    while not direct.keys("popbridge:accepted:*"):
        await asyncio.sleep(0.01)
    return clicking


async def test_redis_gone_between_lookup_and_transaction_is_503_and_nothing_half_written(
    cut: tuple[ProxyConnection, Stage, "Redis"],
) -> None:
    line, stage, direct = cut
    clicking = await in_question(stage, direct, "msg_503")
    line.down = True
    line.cut()
    response = await clicking
    assert (response.status_code, response.json()["reason"]) == (503, "unavailable")
    assert int(response.headers["retry-after"]) > 0
    assert written(direct) == NOTHING
    line.down = False
    stage.pbx.faults.slow_seconds = 0.0
    again = await stage.click(message_id="msg_503")
    assert (again.status_code, again.json()["outcome"]) == (200, "found")
    assert "duplicate" not in again.json()
    assert written(direct) == ONE_CLICK


async def test_no_redis_at_all_is_503_and_not_ready(cut: tuple[ProxyConnection, Stage, "Redis"]) -> None:
    line, stage, _ = cut
    stage.talk()
    line.down = True
    line.cut()
    response = await stage.click()
    assert (response.status_code, response.json()["reason"]) == (503, "unavailable")
    ready = await stage.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["redis"]) == (503, "cannot be reached")
    assert (await stage.get("/livez")).status_code == 200
    line.down = False
    assert (await stage.click()).status_code == 200, "kept connections that died do not fail the first clicks after"


@pytest.mark.parametrize(("name", "refusing"), [("maxmemory", "1"), ("min-replicas-to-write", "1")])
async def test_redis_that_takes_no_writes_is_503_and_nothing_half_written(
    cut: tuple[ProxyConnection, Stage, "Redis"], name: str, refusing: str
) -> None:
    """Told between the lookup and the transaction, so that it is the transaction which is refused."""
    _, stage, direct = cut
    clicking = await in_question(stage, direct, "msg_no_writes")
    direct.config_set(name, refusing)
    try:
        response = await clicking
    finally:
        direct.config_set(name, "0")
    assert (response.status_code, response.json()["reason"]) == (503, "unavailable")
    assert written(direct) == NOTHING


async def test_a_page_that_cannot_be_reached_keeps_no_answer_back(
    cut: tuple[ProxyConnection, Stage, "Redis"],
) -> None:
    line, stage, direct = cut

    async def hear(passing: Passing) -> bool:
        return passing.script not in (PUSH.encode(), name_of(PUSH).encode())

    line.hear = hear
    response = await stage.click()
    assert (response.status_code, response.json()["outcome"]) == (200, "no-active-call")
    assert line.cuts == 1
    assert direct.xlen(keys.AUDIT) == 1


async def test_two_who_answer_the_same_click_at_once_leave_one_answer(
    cut: tuple[ProxyConnection, Stage, "Redis"],
) -> None:
    """Whoever held the click too long finds that another has answered it meanwhile, in the very last moment."""
    _, stage, direct = cut
    click = Click("clk_mine", "acme", datetime.now(UTC), "127.0.0.1", agent="x", key="webhook-id:same")
    key, theirs = keys.accepted("acme", "webhook-id:same"), json.dumps({"click_id": "clk_theirs"})

    def write(pipe: Batch) -> None:
        direct.set(key, theirs)
        pipe.set("popbridge:mine", "1")

    stands = await accept.commit(stage.services.scripts, click, json.dumps({"click_id": "clk_mine"}), write)
    assert stands == theirs
    assert not direct.exists("popbridge:mine")


async def test_a_click_that_failed_is_given_up_at_once(cut: tuple[ProxyConnection, Stage, "Redis"]) -> None:
    _, stage, direct = cut
    click = Click("clk_mine", "acme", datetime.now(UTC), "127.0.0.1", agent="x", key="webhook-id:mine")
    assert await accept.begin(stage.services.scripts, click, 5.0) is None
    await accept.abandon(stage.services.scripts, click)
    assert not direct.exists(keys.accepted("acme", "webhook-id:mine"))


@pytest.mark.parametrize("status", [200, 500], ids=["delivered", "to be tried again"])
@pytest.mark.parametrize("seam", [Seam.BEFORE_RECORD, Seam.DURING_RECORD])
async def test_what_became_of_a_delivery_is_written_once_however_often_the_connection_breaks(
    cut: tuple[ProxyConnection, Stage, "Redis"], seam: Seam, status: int
) -> None:
    line, stage, direct = cut
    stage.talk()
    stage.crm.faults.status = status
    await stage.click()
    (to_crm,) = (key for key in direct.keys("popbridge:delivery:*") if direct.hget(key, "target") == "acme")
    left = 2

    async def hear(passing: Passing) -> bool:
        nonlocal left
        lost = left > 0 and seam_of(passing) is seam
        left -= lost
        return not lost

    line.hear = hear
    await deliver(to_crm.rpartition(":")[2], stage.services)
    assert len(stage.crm.received) == 1
    assert line.cuts == 2
    assert direct.llen(to_crm.replace("delivery", "attempts")) == 1
    assert direct.hget(to_crm, "state") == ("delivered" if status == 200 else "pending")
    assert direct.hget(to_crm, "lease_ms") is None
    assert (direct.zscore(keys.DUE, to_crm.rpartition(":")[2]) is None) == (status == 200)


async def test_what_was_given_up_before_it_was_sent_is_not_carried_out(
    cut: tuple[ProxyConnection, Stage, "Redis"],
) -> None:
    line, stage, direct = cut
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold(passing: Passing) -> bool:
        if passing.reply is not None and passing.script is not None:
            reached.set()
            await go_on.wait()
        return True

    line.hear = hold
    ask = stage.services.scripts.eval
    script = "return redis.call('SET', KEYS[1], '1')"
    first = asyncio.create_task(ask(script, 1, "first"))
    await reached.wait()
    given_up, last = asyncio.create_task(ask(script, 1, "given up")), asyncio.create_task(ask(script, 1, "last"))
    await asyncio.sleep(0)
    given_up.cancel()
    go_on.set()
    await asyncio.gather(first, last)
    assert direct.exists("first", "last") == 2
    assert not direct.exists("given up")


async def test_whoever_is_cancelled_while_asking_redis_ends(redis_url: Secret) -> None:
    redis = open_async(redis_url)

    async def ask_for_ever() -> None:
        while True:
            await redis.get("anything")

    for wait in range(100):
        asking = asyncio.create_task(ask_for_ever())
        await asyncio.sleep(wait * 0.00003)
        asking.cancel()
        await asyncio.wait([asking], timeout=2)
        assert asking.cancelled(), "the cancellation was forgotten"
    await redis.aclose()
