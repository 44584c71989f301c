"""Floods of event streams: they are limited, and clicks are answered meanwhile."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.exceptions import MaxConnectionsError

from bridge.core.http_types import Secret
from bridge.store.tokens import Role
from tests.stage import DANA, OMER, Stage, open_stage, until
from tests.web.desk import ask, bearer, clicked, page

pytestmark = pytest.mark.anyio

FLOOD = 1500


@asynccontextmanager
async def limited(folder: Path, redis_url: Secret, **limits: int) -> AsyncIterator[Stage]:
    extra = {f"POPBRIDGE_DESKTOP__{name.upper()}": str(most) for name, most in limits.items()}
    async with open_stage(folder, redis_url, extra=extra) as stage:
        yield stage


class Streams:
    """Raw connections that ask for the event stream, all at once; `statuses` are the answers to them."""

    def __init__(self, stage: Stage) -> None:
        self._address = urlsplit(stage.bridge_url)
        self._writers: list[asyncio.StreamWriter] = []
        self.statuses: Counter[int] = Counter()
        self.heads: list[bytes] = []

    async def open(self, token: dict[str, str], count: int) -> None:
        """So many more; returns when each has its first line."""
        await asyncio.gather(*(self._one(token) for _ in range(count)))

    async def _one(self, token: dict[str, str]) -> None:
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        self._writers.append(writer)
        head = f"GET /desktop/events HTTP/1.1\r\nHost: x\r\nAuthorization: {token['Authorization']}\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(answer)
        self.statuses[int(answer.split()[1])] += 1

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@pytest.fixture
async def flooded(stage: Stage) -> AsyncIterator[Streams]:
    streams = Streams(stage)
    yield streams
    streams.close()


async def test_fifteen_hundred_streams_of_one_token_starve_no_click(stage: Stage, flooded: Streams) -> None:
    stage.talk()
    flood = asyncio.create_task(flooded.open(await stage.token(Role.AGENT, OMER), FLOOD))
    answers = []
    while not flood.done():
        answers.append(await stage.click())
    await flood
    assert flooded.statuses == {200: 50, 429: FLOOD - 50}
    assert {answer.status_code for answer in answers} == {200}
    async with page(stage, await stage.token(Role.AGENT, DANA)) as hers:
        popup = await clicked(stage)
        assert popup in await hers.until("popup")


async def test_streams_of_very_many_agents_starve_no_click(tmp_path: Path, redis_url: Secret) -> None:
    """Nothing refuses them: a page that comes back after a restart waits for its turn."""
    async with limited(tmp_path, redis_url, streams_per_agent=0, streams_per_address=0) as stage:
        stage.talk()
        streams = Streams(stage)
        flood = asyncio.create_task(streams.open(await stage.token(Role.AGENT, OMER), FLOOD))
        answers = [await stage.click() for _ in range(20)]
        await flood
        assert streams.statuses == {200: FLOOD}
        assert {answer.status_code for answer in answers} == {200}
        streams.close()


async def test_clicks_need_none_of_the_pages_connections(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool of the pages is empty: whoever asks there is told to come again, and clicks are answered."""
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    pool = stage.redis.connection_pool  # type: ignore[attr-defined]
    taken = []

    async def is_empty() -> bool:
        """What the bridge itself gives back meanwhile is taken, too."""
        with suppress(MaxConnectionsError):
            while True:
                taken.append(await pool.get_connection())
        return (await ask(stage, "GET", "preferences", dana)).status_code == 503

    await until(is_empty)
    assert (await stage.click()).json()["outcome"] == "found"
    for connection in taken:
        await pool.release(connection)
    assert (await ask(stage, "GET", "preferences", dana)).status_code == 200


async def test_the_refusal_says_what_allows_no_more(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, streams_per_agent=2) as stage:
        dana = await stage.token(Role.AGENT, DANA)
        async with page(stage, dana), page(stage, dana):
            refused = await ask(stage, "GET", "events", dana)
            assert (refused.status_code, refused.json()["reason"]) == (429, "too-many-streams")
            assert refused.json()["detail"] == (
                "2 desktop pages of this agent are open already: desktop.streams_per_agent allows no more."
            )
            assert refused.headers["content-type"] == "application/problem+json"
            assert int(refused.headers["retry-after"]) > 0
            assert refused.headers["connection"] == "close"
            async with page(stage, await stage.token(Role.AGENT, OMER)):
                pass


async def test_a_page_that_closes_makes_room_for_the_next(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, streams_per_agent=1, streams_per_address=1) as stage:
        dana = await stage.token(Role.AGENT, DANA)
        for _ in range(3):
            async with page(stage, dana):
                pass
            await until(lambda: _is_empty(stage))


async def _is_empty(stage: Stage) -> bool:
    return not stage.app.state.seats._agents and not stage.app.state.seats._addresses


async def test_sessions_made_of_one_token_count_together(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, streams_per_agent=2) as stage:
        dana = await stage.token(Role.AGENT, DANA)
        sessions = [bearer((await ask(stage, "POST", "session", dana)).json()["session"]) for _ in range(2)]
        async with page(stage, sessions[0]), page(stage, sessions[1]):
            for token in (dana, await stage.token(Role.AGENT, DANA)):
                assert (await ask(stage, "GET", "events", token)).status_code == 429


async def test_streams_of_one_address_are_limited_whatever_their_agents(tmp_path: Path, redis_url: Secret) -> None:
    async with (
        limited(tmp_path, redis_url, streams_per_address=1) as stage,
        page(stage, await stage.token(Role.AGENT, DANA)),
    ):
        refused = await ask(stage, "GET", "events", await stage.token(Role.AGENT, OMER))
        assert (refused.status_code, refused.json()["reason"]) == (429, "too-many-streams")
        assert "from this address" in refused.json()["detail"]


async def test_a_wrong_token_takes_no_place(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, streams_per_agent=1, streams_per_address=1) as stage:
        for _ in range(3):
            assert (await ask(stage, "GET", "events", bearer("pbt_ffffffffffff_nobody"))).status_code == 401
        async with page(stage, await stage.token(Role.AGENT, DANA)):
            pass


async def test_asking_takes_a_place_too_and_gives_it_back(
    tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.web.desktop.hub.BEAT_SECONDS", 0.01)
    async with limited(tmp_path, redis_url, streams_per_agent=1) as stage:
        dana = await stage.token(Role.AGENT, DANA)
        assert (await ask(stage, "GET", "poll?page=a", dana)).status_code == 200
        assert (await ask(stage, "GET", "poll?page=b", dana)).status_code == 429
        await until(lambda: _is_empty(stage))
        assert (await ask(stage, "GET", "poll?page=b", dana)).status_code == 200


async def test_a_flood_is_logged_once(tmp_path: Path, redis_url: Secret, caplog: pytest.LogCaptureFixture) -> None:
    async with limited(tmp_path, redis_url, streams_per_agent=1) as stage:
        dana = await stage.token(Role.AGENT, DANA)
        async with page(stage, dana):
            for _ in range(5):
                assert (await ask(stage, "GET", "events", dana)).status_code == 429
        assert [each.getMessage() for each in caplog.records if "refused" in each.getMessage()] == [
            "a desktop page is refused: 1 of this agent are open (desktop.streams_per_agent)"
        ]


async def test_pages_are_under_the_installations_prefix_too(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_REDIS__PREFIX": "staging"}) as stage:
        stage.talk()
        async with page(stage, await stage.token(Role.AGENT, DANA)) as hers:
            assert await clicked(stage) in await hers.until("popup")
