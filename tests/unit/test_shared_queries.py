"""Sharing queries: who may be told what, and how few are asked."""

import asyncio
from collections.abc import Callable

import pytest

from bridge.calls.partners import AskedElsewhere
from bridge.calls.shared_queries import BUSY, SharedQueries
from bridge.core.errors import PbxRefused, PbxUnreachable
from bridge.core.model import Call, Caller, CallState, Direction, ServedFrom
from bridge.core.reasons import Reason
from bridge.egress.circuit_breaker import CircuitBreaker, CircuitState
from bridge.pbx.contract import Listing

pytestmark = pytest.mark.anyio

FRESH = 0.25


def call(extension: str) -> Call:
    return Call(
        "main", extension, f"id-{extension}", None, "", None, Direction.INCOMING, CallState.TALKING, Caller("1"),
        None, None, None,
    )  # fmt: skip


class Pbx:
    """A phone system that answers when told to, over a clock set by hand."""

    def __init__(self, always_whole: bool = False, fresh: float = FRESH, whole_from: int | None = BUSY) -> None:
        self.at = 100.0
        self.live: set[str] = set()
        self.idle: set[str] = set()
        self.error: Exception | None = None
        self.asked: list[str | None] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.circuit = CircuitBreaker(lambda: self.at)
        self.questions = SharedQueries(self.ask, always_whole, fresh, lambda: self.at, self.circuit, lambda: whole_from)

    async def ask(self, extension: str | None) -> Listing:
        self.asked.append(extension)
        live, idle = set(self.live), set(self.idle)  # as they are when the question arrives
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        wanted = live | idle if extension is None else {extension} & (live | idle)
        return Listing({name: (call(name),) if name in live else () for name in wanted})

    async def click(self, extension: str) -> tuple[bool | None, ServedFrom]:
        """Whether a call was found (None: unknown extension), and how."""
        result = await self.questions.about(extension, self.at)
        calls = result.listing.extensions.get(extension)
        return (None if calls is None else bool(calls)), result.served_from


async def started(pbx: Pbx, *extensions: str) -> "list[asyncio.Task[tuple[bool | None, ServedFrom]]]":
    """Clicks that are waiting for their answers."""
    tasks = [asyncio.create_task(pbx.click(extension)) for extension in extensions]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_clicks_at_the_same_time_share_one_query() -> None:
    pbx = Pbx()
    pbx.live = {"A"}
    pbx.gate.clear()
    tasks = await started(pbx, "A", "A", "A")
    pbx.gate.set()
    answers = [await task for task in tasks]
    assert answers == [(True, ServedFrom.PBX), (True, ServedFrom.SHARED), (True, ServedFrom.SHARED)]
    assert pbx.asked == ["A"]


async def test_a_young_answer_serves_again_and_an_old_one_does_not() -> None:
    pbx = Pbx()
    pbx.live = {"A"}
    assert await pbx.click("A") == (True, ServedFrom.PBX)
    pbx.at += FRESH
    assert await pbx.click("A") == (True, ServedFrom.RECENT)
    pbx.at += 0.01
    assert await pbx.click("A") == (True, ServedFrom.PBX)
    assert len(pbx.asked) == 2


async def test_no_call_is_answered_only_from_a_query_sent_after_the_click() -> None:
    pbx = Pbx()
    pbx.idle = {"A"}
    assert await pbx.click("A") == (False, ServedFrom.PBX)
    pbx.live, pbx.idle = {"A"}, set()
    pbx.at += 0.01
    assert await pbx.click("A") == (True, ServedFrom.PBX), "the young 'no call' is not believed"


async def test_unknown_extension_is_answered_only_from_a_query_sent_after_the_click() -> None:
    pbx = Pbx(always_whole=True)
    assert await pbx.click("A") == (None, ServedFrom.PBX)
    pbx.idle = {"A"}
    pbx.at += 0.01
    assert await pbx.click("A") == (False, ServedFrom.PBX)


async def test_who_joined_a_query_older_than_the_click_and_got_no_call_asks_anew() -> None:
    pbx = Pbx()
    pbx.idle = {"A"}
    pbx.gate.clear()
    (early,) = await started(pbx, "A")
    pbx.at += 0.1
    pbx.live, pbx.idle = {"A"}, set()
    late = await started(pbx, "A", "A")
    pbx.gate.set()
    assert await early == (False, ServedFrom.PBX)
    assert {await task for task in late} == {(True, ServedFrom.PBX), (True, ServedFrom.SHARED)}
    assert pbx.asked == ["A", "A"], "the two late ones share the second question"


async def test_a_query_sent_too_long_before_the_click_is_not_joined() -> None:
    pbx = Pbx()
    pbx.live = {"A"}
    pbx.gate.clear()
    (early,) = await started(pbx, "A")
    pbx.at += FRESH + 0.01
    (late,) = await started(pbx, "A")
    pbx.gate.set()
    assert (await early, await late) == ((True, ServedFrom.PBX), (True, ServedFrom.PBX))
    assert len(pbx.asked) == 2


async def test_many_extensions_at_once_become_one_query_for_the_whole_account() -> None:
    pbx = Pbx()
    names = [f"E{number}" for number in range(60)]
    pbx.live = set(names)
    pbx.gate.clear()
    tasks = await started(pbx, *names)
    pbx.gate.set()
    assert [(await task)[0] for task in tasks] == [True] * 60
    assert pbx.asked == [*names[:BUSY], None]


async def test_without_freshness_a_click_asks_for_its_extension_alone_however_many_there_are() -> None:
    pbx = Pbx(fresh=0)
    pbx.live = {"A", "B", "C", "D", "E", "F"}
    pbx.gate.clear()
    tasks = []
    for extension in "ABCDEF":
        pbx.at += 0.001
        tasks += await started(pbx, extension)
    pbx.gate.set()
    assert {await task for task in tasks} == {(True, ServedFrom.PBX)}
    assert pbx.asked == ["A", "B", "C", "D", "E", "F"]


async def test_without_freshness_many_extensions_at_one_moment_are_one_query_all_the_same() -> None:
    pbx = Pbx(fresh=0)
    pbx.live = {"A", "B", "C", "D", "E", "F"}
    pbx.gate.clear()
    tasks = await started(pbx, *"ABCDEF")
    pbx.gate.set()
    await asyncio.gather(*tasks)
    assert pbx.asked == ["A", "B", "C", None]


async def test_the_whole_account_is_asked_again_as_long_as_many_are_served_by_it() -> None:
    pbx = Pbx()
    pbx.live = {"A", "B", "C", "D", "E", "F", "G", "H"}
    pbx.gate.clear()
    tasks = await started(pbx, "A", "B", "C", "D", "E", "F", "G")
    pbx.gate.set()
    await asyncio.gather(*tasks)
    assert pbx.asked == ["A", "B", "C", None]
    pbx.at += FRESH + 0.01
    assert await pbx.click("A") == (True, ServedFrom.PBX)
    assert await pbx.click("B") == (True, ServedFrom.RECENT)
    assert pbx.asked[4:] == [None]
    pbx.at += FRESH + 0.01
    assert await pbx.click("A") == (True, ServedFrom.PBX)
    assert pbx.asked[5:] == ["A"], "it served one click alone"


async def test_a_click_that_finds_no_call_in_a_young_answer_asks_for_itself() -> None:
    pbx = Pbx()
    pbx.live, pbx.idle = {"A", "B", "C", "D", "E", "F", "G"}, {"I"}
    pbx.gate.clear()
    tasks = await started(pbx, "A", "B", "C", "D", "E", "F", "G")
    pbx.gate.set()
    await asyncio.gather(*tasks)
    pbx.at += 0.01
    assert await pbx.click("I") == (False, ServedFrom.PBX)
    assert pbx.asked == ["A", "B", "C", None, "I"]


async def test_a_whole_account_that_is_always_listed_is_asked_once() -> None:
    pbx = Pbx(always_whole=True)
    pbx.live = {"A", "B"}
    pbx.gate.clear()
    tasks = await started(pbx, "A", "B")
    pbx.gate.set()
    assert [await task for task in tasks] == [(True, ServedFrom.PBX), (True, ServedFrom.SHARED)]
    assert pbx.asked == [None]


async def test_when_one_waiter_gives_up_the_others_get_theirs() -> None:
    pbx = Pbx()
    pbx.live = {"A"}
    pbx.gate.clear()
    first, second = await started(pbx, "A", "A")
    first.cancel()
    await asyncio.sleep(0)
    pbx.gate.set()
    assert await second == (True, ServedFrom.SHARED)
    assert first.cancelled()


async def test_a_failure_reaches_all_who_wait_and_nobody_later() -> None:
    pbx = Pbx()
    pbx.live, pbx.error = {"A"}, PbxRefused(Reason("no"))
    pbx.gate.clear()
    tasks = await started(pbx, "A", "A")
    pbx.gate.set()
    for task in tasks:
        with pytest.raises(PbxRefused):
            await task
    pbx.error = None
    assert await pbx.click("A") == (True, ServedFrom.PBX)


async def failing(pbx: Pbx, times: int, error: Callable[[], Exception]) -> None:
    for _ in range(times):
        pbx.error = error()
        with pytest.raises(type(pbx.error)):
            await pbx.click("A")


async def test_five_failures_in_a_row_open_the_circuit_and_one_tries_again() -> None:
    pbx = Pbx()
    pbx.live = {"A"}
    await failing(pbx, 5, lambda: PbxUnreachable(Reason("down")))
    assert pbx.circuit.state is CircuitState.OPEN
    with pytest.raises(PbxUnreachable, match="failed several times"):
        await pbx.click("A")
    assert len(pbx.asked) == 5, "nobody is sent there"
    pbx.at += 5
    assert pbx.circuit.state is CircuitState.HALF_OPEN
    pbx.gate.clear()
    trying, refused = await started(pbx, "A", "B")
    with pytest.raises(PbxUnreachable, match="failed several times"):
        await refused
    pbx.error = None
    pbx.gate.set()
    assert await trying == (True, ServedFrom.PBX)
    assert pbx.circuit.state is CircuitState.CLOSED


async def test_a_failed_try_opens_it_again_at_once() -> None:
    pbx = Pbx()
    await failing(pbx, 5, lambda: PbxUnreachable(Reason("down")))
    pbx.at += 5
    await failing(pbx, 1, lambda: PbxUnreachable(Reason("down")))
    assert pbx.circuit.state is CircuitState.OPEN


async def test_refusals_do_not_open_it_and_end_a_row_of_failures() -> None:
    pbx = Pbx()
    await failing(pbx, 20, lambda: PbxRefused(Reason("no")))
    assert pbx.circuit.state is CircuitState.CLOSED
    for _ in range(3):
        await failing(pbx, 4, lambda: PbxUnreachable(Reason("down")))
        await failing(pbx, 1, lambda: PbxRefused(Reason("no")))
    assert pbx.circuit.state is CircuitState.CLOSED


@pytest.mark.parametrize(("whole_from", "asked"), [(None, 9), (5, 6), (0, 1)])
async def test_when_many_become_one_is_the_makes_to_say(whole_from: int | None, asked: int) -> None:
    pbx = Pbx(whole_from=whole_from)
    pbx.live = {str(number) for number in range(9)}
    pbx.gate.clear()
    clicks = await started(pbx, *sorted(pbx.live))
    pbx.gate.set()
    assert {found for found, _ in await asyncio.gather(*clicks)} == {True}
    assert len(pbx.asked) == asked
    assert pbx.asked.count(None) == (whole_from is not None)


class Elsewhere:
    """Partners, of whom one asks (`asks`), or none does."""

    def __init__(self, clicks_per_second: float = 0.0, asks: AskedElsewhere | None = None) -> None:
        self._clicks, self._asks = clicks_per_second, asks
        self.told: list[Listing | None] = []

    def pays(self, usual: float) -> bool:
        return True

    def count(self) -> int:
        return 1

    def clicks_per_second(self) -> float:
        return self._clicks

    async def take(self, question: str, seconds: float) -> AskedElsewhere | None:
        return self._asks

    def announce(self, question: str, seconds: float) -> None: ...

    def tell(self, question: str, listing: Listing | None) -> None:
        self.told.append(listing)


@pytest.mark.parametrize(("clicks_per_second", "asked"), [(80, [None]), (70, ["A"])])
async def test_the_whole_account_is_asked_where_many_would_ask_in_all_processes(
    clicks_per_second: float, asked: list[str | None]
) -> None:
    pbx = Pbx()
    pbx.live = {"A"}
    pbx.questions.usual = 0.04
    pbx.questions.partners = partners = Elsewhere(clicks_per_second)
    assert await pbx.click("A") == (True, ServedFrom.PBX)
    assert pbx.asked == asked
    assert len(partners.told) == asked.count(None), "what was asked for one extension is of use to nobody else"


async def test_a_partner_whose_question_is_too_old_is_not_waited_for() -> None:
    pbx = Pbx(always_whole=True)
    pbx.live = {"A"}
    never = asyncio.get_running_loop().create_future()
    pbx.questions.partners = Elsewhere(asks=AskedElsewhere(pbx.at - FRESH - 0.01, never))
    assert await pbx.click("A") == (True, ServedFrom.PBX)
    assert pbx.asked == [None]


async def test_partners_are_told_of_a_failure() -> None:
    pbx = Pbx(always_whole=True)
    pbx.error, pbx.questions.partners = PbxRefused(Reason("no")), (partners := Elsewhere())
    with pytest.raises(PbxRefused):
        await pbx.click("A")
    assert partners.told == [None]


async def test_without_freshness_each_process_asks_for_itself() -> None:
    pbx = Pbx(always_whole=True, fresh=0)
    pbx.live, pbx.questions.partners = {"A"}, (partners := Elsewhere())
    assert await pbx.click("A") == (True, ServedFrom.PBX)
    assert not partners.told


@pytest.mark.parametrize(("usual", "is_together"), [(1.0, True), (1.1, False)])
async def test_a_phone_system_that_takes_long_is_asked_by_each_process(usual: float, is_together: bool) -> None:
    """Whoever waited in vain for a process that died would wait for the phone system after that."""
    pbx = Pbx(always_whole=True)
    pbx.live, pbx.questions.usual = {"A"}, usual
    pbx.questions.partners = partners = Elsewhere()
    assert await pbx.click("A") == (True, ServedFrom.PBX)
    assert bool(partners.told) is is_together


async def test_the_whole_account_is_asked_again_where_many_were_served_by_a_partner() -> None:
    pbx = Pbx()
    pbx.live = {"A"}
    answer: asyncio.Future[Listing] = asyncio.get_running_loop().create_future()
    pbx.questions.add(AskedElsewhere(pbx.at, answer))
    answer.set_result(Listing({"A": (call("A"),)}))
    assert [(await pbx.click("A"))[1] for _ in range(BUSY)] == [ServedFrom.RECENT] * BUSY
    pbx.at += FRESH + 0.01
    assert await pbx.click("A") == (True, ServedFrom.PBX)
    assert pbx.asked == [None]
