"""Several web processes on one Redis ask a phone system together: few questions, and nobody is told what is too old."""

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from redis import Redis

from bridge.calls import circle as circles
from bridge.calls import partners
from bridge.calls.live_calls import Lookup
from bridge.calls.shared_queries import QueryResult, SharedQueries
from bridge.calls.together import ask_together
from bridge.core import background
from bridge.core.clock import Clock
from bridge.core.errors import PbxUnreachable
from bridge.core.http_types import Secret
from bridge.core.model import ServedFrom
from bridge.core.reasons import Reason
from bridge.egress.circuit_breaker import CircuitBreaker
from bridge.pbx.contract import Listing
from bridge.pbx.ozeki import ADAPTER as OZEKI_ADAPTER
from bridge.store import keys
from bridge.store.client import TextRedis, open_async
from tests.stage import OZEKI, Stage, open_stage, until
from tests.unit.nouns import NOON, call

pytestmark = pytest.mark.anyio

ticks = Clock().ticks
FRESH = 0.25
SECRET = "INVENTED&42"


class Pbx:
    """A phone system that lists all calls, some time after it was asked, or when it is told to."""

    def __init__(self) -> None:
        self.live = {"101", "102"}
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.each = 1

    async def ask(self, extension: str | None) -> Listing:
        self.asked += 1
        live = set(self.live)  # as they are when the question arrives
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Listing({name: (call(f"id-{name}", extension=name),) * self.each for name in live})


def account(secret: str = SECRET) -> Any:
    keys_of = {"kind": "ozeki", "region": "HU", "base_url": "http://127.0.0.1:9", "username": "popbridge"}
    return OZEKI_ADAPTER.account.model_validate({**keys_of, "password": secret})


class Process:
    """One web process' questions to a phone system, and its connections to Redis."""

    def __init__(self, pbx: Pbx, redis: TextRedis, secret: str = SECRET) -> None:
        self.redis = redis
        self.questions = SharedQueries(pbx.ask, True, FRESH, ticks, CircuitBreaker(ticks))
        system = SimpleNamespace(account=account(secret), questions=self.questions)
        self._lookup = cast(Lookup, SimpleNamespace(systems={"main": system}))
        self.work = asyncio.create_task(ask_together(self._lookup, redis, ticks))

    @property
    def circle(self) -> circles.Circle:
        return cast(circles.Circle, self.questions.partners)

    async def click(self, extension: str = "101") -> QueryResult:
        return await self.questions.about(extension, ticks())

    async def knows_partners(self) -> bool:
        """It is busy, as its partners are."""
        self.questions.wanted += 5
        self.questions.usual = 0.2  # of a phone system of which a process has learned that it takes its time
        return self.questions.partners is not None and self.questions.partners.pays(self.questions.usual)


async def acquainted(*processes: Process) -> None:
    async def all_know() -> bool:
        return all([await one.knows_partners() for one in processes])

    await until(all_know)


@asynccontextmanager
async def running(redis_url: Secret, pbx: Pbx, *secrets: str) -> AsyncIterator[list[Process]]:
    """A process for each secret of the account, which know each other."""
    found = [Process(pbx, open_async(redis_url), secret) for secret in secrets]
    try:
        yield found
    finally:
        await background.end(*(one.work for one in found))
        for one in found:
            await one.redis.aclose()


@pytest.fixture
async def four(redis_url: Secret) -> AsyncIterator[tuple[Pbx, list[Process]]]:
    pbx = Pbx()
    async with running(redis_url, pbx, *[SECRET] * 4) as processes:
        await acquainted(*processes)
        yield pbx, processes


async def test_four_processes_ask_once_and_all_are_told(
    four: tuple[Pbx, list[Process]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pbx, processes = four
    monkeypatch.setattr(circles, "TAKE_SECONDS", 10.0)  # however busy the machine is
    pbx.gate.clear()
    clicks = [asyncio.create_task(one.click(name)) for one in processes for name in ("101", "102")]
    await asyncio.sleep(0.05)
    pbx.gate.set()
    results = await asyncio.gather(*clicks)
    assert pbx.asked == 1
    assert sorted(result.served_from for result in results) == [ServedFrom.PBX] + [ServedFrom.SHARED] * 7
    assert [result.listing.extensions[name] for result, name in zip(results, ("101", "102") * 4, strict=True)] == [
        (call(f"id-{name}", extension=name),) for name in ("101", "102") * 4
    ]
    recent = [await one.click() for one in processes]
    assert {result.served_from for result in recent} == {ServedFrom.RECENT}
    assert pbx.asked == 1


async def test_nothing_of_an_answer_is_kept_or_logged(
    four: tuple[Pbx, list[Process]], redis_url: Secret, said: io.StringIO
) -> None:
    _, processes = four
    await asyncio.gather(*(one.click() for one in processes))

    async def is_told() -> bool:
        with Redis.from_url(redis_url.reveal()) as client:
            return client.dbsize() == 0

    await until(is_told)
    assert call().caller.number not in said.getvalue()


async def test_what_a_partners_answer_does_not_name_is_asked_anew(four: tuple[Pbx, list[Process]]) -> None:
    pbx, processes = four
    await processes[0].click()
    pbx.live |= {"103"}  # it rings after the question was asked
    found = await processes[1].click("103")
    assert (found.served_from, found.listing.extensions["103"]) == (
        ServedFrom.PBX,
        (call("id-103", extension="103"),),
    )
    assert pbx.asked == 2


async def test_no_call_is_told_by_a_question_of_the_process_own_alone(four: tuple[Pbx, list[Process]]) -> None:
    pbx, processes = four
    pbx.gate.clear()
    first = asyncio.create_task(processes[0].click())
    while not pbx.asked:
        await asyncio.sleep(0.001)
    waiting = asyncio.create_task(processes[1].click("103"))
    await asyncio.sleep(0.05)
    assert pbx.asked == 1
    pbx.live |= {"103"}
    pbx.gate.set()
    assert (await waiting).listing.extensions["103"], "the partner's question, asked before the click, did not say so"
    assert "103" not in (await first).listing.extensions
    assert pbx.asked == 2


async def test_an_answer_of_a_partner_older_than_fresh_seconds_is_not_told(four: tuple[Pbx, list[Process]]) -> None:
    pbx, processes = four
    asked_at = ticks()
    await processes[0].click()

    async def has_heard() -> bool:
        return (await processes[1].questions.about("101", asked_at)).served_from is ServedFrom.RECENT

    await until(has_heard)
    asked = pbx.asked
    late = await processes[1].questions.about("101", ticks() + FRESH)
    assert late.served_from is ServedFrom.PBX
    assert pbx.asked == asked + 1


async def test_another_account_is_never_answered_by_this_ones(redis_url: Secret) -> None:
    pbx, other = Pbx(), Pbx()
    async with (
        running(redis_url, pbx, SECRET, SECRET) as ours,
        running(redis_url, other, "ANOTHER", "ANOTHER") as theirs,
    ):
        await acquainted(*ours, *theirs)
        await asyncio.gather(*(one.click() for one in (*ours, *theirs)))
        assert (pbx.asked, other.asked) == (1, 1)


async def test_a_process_alone_asks_redis_nothing(redis_url: Secret) -> None:
    pbx = Pbx()
    async with running(redis_url, pbx, SECRET) as [alone]:
        redis = alone.redis

        async def beats() -> bool:
            return bool((await redis.info("commandstats")).get("cmdstat_evalsha"))

        await until(beats)
        assert not await alone.knows_partners()
        await alone.click()
        assert not [name async for name in redis.scan_iter(match=keys.question("*"), count=100)]
        assert pbx.asked == 1


async def test_a_quick_phone_system_is_asked_by_each(four: tuple[Pbx, list[Process]]) -> None:
    pbx, processes = four
    for one in processes:
        one.questions.usual = 0.000_01
    await asyncio.gather(*(one.click() for one in processes))
    assert pbx.asked == 4


async def test_a_failure_is_told_to_nobody_else(four: tuple[Pbx, list[Process]]) -> None:
    pbx, (first, second, *_) = four
    pbx.error = PbxUnreachable(Reason("down"))
    pbx.gate.clear()
    failing = asyncio.create_task(first.click())
    while not pbx.asked:
        await asyncio.sleep(0.001)
    waiting = asyncio.create_task(second.click())
    await asyncio.sleep(0.05)
    assert pbx.asked == 1
    pbx.gate.set()
    with pytest.raises(PbxUnreachable):
        await failing
    pbx.error = None
    assert (await waiting).served_from is ServedFrom.PBX
    assert pbx.asked == 2


async def test_a_long_answer_is_not_passed_on(four: tuple[Pbx, list[Process]]) -> None:
    pbx, processes = four
    pbx.each = partners.MOST_CALLS
    await asyncio.gather(*(one.click() for one in processes))
    assert pbx.asked == 4, "each by itself, as soon as it is known"
    assert not any([await one.knows_partners() for one in processes]), "and for a while without waiting for others"


@contextmanager
def stopped(redis_url: Secret) -> Iterator[None]:
    with Redis.from_url(redis_url.reveal()) as client:
        pid = int(client.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_redis_that_stalls_holds_up_no_question(four: tuple[Pbx, list[Process]], redis_url: Secret) -> None:
    pbx, processes = four
    with stopped(redis_url):
        results = await asyncio.gather(*(one.click() for one in processes))
    assert {result.served_from for result in results} == {ServedFrom.PBX}
    assert pbx.asked == 4


async def test_who_was_said_to_ask_and_does_not_is_waited_for_once(
    four: tuple[Pbx, list[Process]], redis_url: Secret
) -> None:
    pbx, (dead, *others) = four
    assert await dead.circle.take("of a process that dies", 0.3) is None
    started = ticks()
    results = await asyncio.gather(*(one.click() for one in others))
    assert ticks() - started >= 0.2
    assert {result.served_from for result in results} == {ServedFrom.PBX}
    assert pbx.asked == len(others)


async def test_calls_are_passed_on_exactly() -> None:
    exact = replace(call(customdata={"k": "ש\x1f\n"}), started_at=NOON + timedelta(microseconds=123_456))
    text = await partners.written(Listing({"101": (exact, call(number="")), "102": ()}))
    found = partners.read(text).extensions
    assert found["101"] == (exact, call(number=""))
    assert "102" not in found
    assert dict(found) == {"101": (exact, call(number=""))}
    for broken in ("", "[]", '{"101": "[{}]"}', '{"101": 7}', '{"101": ["x"]}'):
        assert partners.read(broken).extensions.get("101") is None


# --- processes of their own --------------------------------------------------------------------------------------


@asynccontextmanager
async def web_processes(stage: Stage, count: int) -> AsyncIterator[list[tuple["subprocess.Popen[bytes]", str]]]:
    """So many, each with its address."""
    file, root = stage.write_settings(), Path(__file__).parents[2]
    logs = [stage.folder / f"serve-{number}.log" for number in range(count)]
    command = [sys.executable, "-m", "bridge", "--config", str(file), "serve"]
    started = []
    try:
        for log in logs:
            with log.open("wb") as errors:
                started.append(subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=errors))

        async def addresses() -> list[str]:
            told = [re.findall(r"listens on (http://[^\s\"]+)", log.read_text()) for log in logs]
            return [found[0] for found in told] if all(told) else []

        yield list(zip(started, await until(addresses, 40), strict=True))
    finally:
        for process in started:
            process.kill()
            process.wait()


async def clicks_at(stage: Stage, *addresses: str) -> list[dict[str, Any]]:
    """What a click at each of them is told, all at once."""

    async def click(address: str) -> dict[str, Any]:
        there = replace(stage, bridge_url=address)
        answer = await there.click()
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    return await asyncio.gather(*map(click, addresses))


async def shared_once(stage: Stage, *addresses: str) -> bool:
    """Whether clicks at all of them were one question."""
    before = stage.systems["main"].asked
    answers = await clicks_at(stage, *[address for address in addresses for _ in range(3)])
    assert {answer["outcome"] for answer in answers} == {"found"}
    return stage.systems["main"].asked == before + 1


async def test_real_processes_share_and_one_that_is_killed_over_it_costs_one_wait(
    tmp_path: Path, redis_url: Secret
) -> None:
    keys_of_main = {"fresh_seconds": 0.25, "timeout_seconds": 20.0}
    async with open_stage(tmp_path, redis_url, OZEKI, main_keys=keys_of_main) as stage:
        stage.talk()
        stage.pbx.faults.slow_seconds = 0.15
        async with web_processes(stage, 2) as [(first, one), (_, two)]:
            await until(lambda: shared_once(stage, one, two), 60)
            await asyncio.sleep(0.3)  # nothing that was answered is young any longer
            stage.pbx.faults.slow_seconds, before = 3.0, stage.systems["main"].asked
            killed = asyncio.create_task(clicks_at(stage, one))

            async def is_asked() -> bool:
                return stage.systems["main"].asked > before

            await until(is_asked)
            waiting = asyncio.create_task(clicks_at(stage, two))
            await asyncio.sleep(0.1)
            assert stage.systems["main"].asked == before + 1, "the second waits for the first"
            first.send_signal(signal.SIGKILL)
            stage.pbx.faults.slow_seconds = 0.0
            [answer] = await waiting
            assert (answer["outcome"], answer["served_from"]) == ("found", "pbx")
            assert answer["pbx_ms"] < 2000
            assert stage.systems["main"].asked == before + 2
            with pytest.raises(httpx.HTTPError):
                await killed


async def test_a_process_that_was_alone_answers_a_newcomer_at_once() -> None:
    now = 0.0
    line = circles.Line(cast(Any, None), lambda: now)
    assert line.is_alone
    waiting = asyncio.create_task(line.pause(60))
    await asyncio.sleep(0)
    line.meet()
    await asyncio.wait_for(waiting, 5)
    assert not line.is_alone
    line.meet()  # known already: it waits as long as it meant to
    again = asyncio.create_task(line.pause(60))
    assert not (await asyncio.wait([again], timeout=0.05))[0]
    await background.end(again)
    now = 2 * circles.GONE_SECONDS
    assert line.is_alone
