"""More clicks than can wait: the next ones are turned away at once, cheaply, and everything else goes on."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bridge.core.http_types import Secret
from bridge.observability import open_files
from bridge.store.tokens import Role
from bridge.web import metrics
from bridge.web.click_room import FEW, LATE_SECONDS, ClickRoom
from tests.stage import DANA, TOKEN, Stage, open_stage, until

pytestmark = pytest.mark.anyio
BODY = json.dumps({"agent": DANA}).encode()


@pytest.fixture
async def narrow(tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """Two clicks may wait, and the phone system holds its answers."""
    extra = {"POPBRIDGE_SERVER__WAITING_CLICKS": "2"}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        stage.talk()
        yield stage


def request(method: str = "POST", target: str = "/clicks/acme", body: bytes = BODY, *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKEN.reveal()}", *headers]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Line:
    """One connection to the bridge, as it is on the wire."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(first.split(" ")[1]), headers, body


async def connected(stage: Stage) -> Line:
    place = urlsplit(stage.bridge_url)
    return Line(*await asyncio.open_connection(place.hostname, place.port))


async def fill(stage: Stage) -> list["asyncio.Task[object]"]:
    """Two clicks that wait for the phone system."""
    stage.pbx.faults.slow_seconds = 1.0
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(stage.click()) for _ in range(2)]

    async def full() -> bool:
        return bool(stage.app.state.click_room.is_full)

    await until(full)
    return tasks


async def test_the_next_click_is_503_at_once_and_counted(narrow: Stage) -> None:
    waiting = await fill(narrow)
    refused = await asyncio.gather(*(narrow.click() for _ in range(5)))
    assert [answer.status_code for answer in refused] == [503] * 5
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert {answer.json()["reason"] for answer in refused} == {"unavailable"}
    assert all(answer.elapsed.total_seconds() < 1 for answer in refused)
    assert (await narrow.get("/livez")).status_code == 200
    assert (await narrow.get("/api/deliveries", await narrow.token(Role.SUPERVISOR))).status_code == 200
    found = [answer.json()["outcome"] for answer in await asyncio.gather(*waiting)]  # type: ignore[attr-defined]
    assert found == ["found", "found"], "those that waited are answered"

    async def counted() -> bool:
        return 'popbridge_clicks_overload_total{crm="acme"} 5.0' in (await metrics.text(narrow.services)).decode()

    await until(counted)
    assert narrow.app.state.click_room.waiting == 0


async def test_a_connection_that_was_turned_away_goes_on(narrow: Stage) -> None:
    """Its body is read over, in however many pieces it comes."""
    waiting, line = await fill(narrow), await connected(narrow)
    whole = request(body=BODY + b" " * 3000)
    for piece in (whole[:-2500], whole[-2500:-10], whole[-10:] + request() + request("GET", "/livez", b"")):
        line.writer.write(piece)
        await line.writer.drain()
    statuses = [(await line.answer())[0] for _ in range(3)]
    assert statuses == [503, 503, 200]
    await asyncio.gather(*waiting)
    line.writer.write(request())
    assert (await line.answer())[0] == 200
    line.writer.close()


@pytest.mark.parametrize("header", ["Origin: https://crm.acme.example", "Connection: close", "Expect: 100-continue"])
async def test_what_only_the_application_answers_rightly_is_turned_away_there(narrow: Stage, header: str) -> None:
    waiting, line = await fill(narrow), await connected(narrow)
    line.writer.write(request("POST", "/clicks/acme", BODY, header))
    status, headers, _ = await line.answer()
    assert (status, headers["retry-after"]) == (503, "1")
    assert ("close" in headers.get("connection", "")) == (header == "Connection: close")
    await asyncio.gather(*waiting)
    line.writer.close()


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 200000",),
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: +5",),
        ("Content-Length : 5",),
        ("X: y\nContent-Length: 5",),
        ("Transfer-Encoding: chunked",),
        ("Transfer-Encoding : chunked",),
    ],
    ids=str,
)
async def test_no_body_is_ever_taken_for_the_next_request(narrow: Stage, headers: tuple[str, ...]) -> None:
    """Behind a proxy the next request on the connection is another sender's."""
    waiting, line = await fill(narrow), await connected(narrow)
    inner = request("GET", "/version", b"")
    line.writer.write("\r\n".join(["POST /clicks/acme HTTP/1.1", "Host: x", *headers, "", ""]).encode() + inner)
    line.writer.write_eof()
    told = await line.reader.read()
    line.writer.close()
    await asyncio.gather(*waiting)
    assert b'"version"' not in told, told


async def test_who_leaves_gives_the_place_back(narrow: Stage) -> None:
    narrow.pbx.faults.slow_seconds = 1.0
    lines = [await connected(narrow) for _ in range(2)]
    for line in lines:
        line.writer.write(request())

    async def waiting(number: int) -> bool:
        return bool(narrow.app.state.click_room.waiting == number)

    await until(lambda: waiting(2))
    for line in lines:
        line.writer.transport.abort()
    await until(lambda: waiting(0))


async def test_who_sends_the_body_slowly_takes_no_place(narrow: Stage) -> None:
    lines = [await connected(narrow) for _ in range(20)]
    for line in lines:
        line.writer.write(request()[:-5])
        await line.writer.drain()
    assert (await narrow.click()).status_code == 200
    for line in lines:
        line.writer.close()


async def test_above_the_files_that_may_be_open_connections_are_told_to_come_again(
    narrow: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "for_connections", lambda: 6)
    lines = [await connected(narrow) for _ in range(12)]
    for line in lines:
        line.writer.write(request("GET", "/livez", b""))
    assert Counter([(await line.answer())[0] for line in lines]) == {200: 6, 503: 6}
    for line in lines:
        line.writer.close()


def test_a_late_process_turns_away_before_all_places_are_taken() -> None:
    room = ClickRoom(200, {"acme"})
    room.waiting = 199
    room.look(4 * LATE_SECONDS)
    assert not room.is_full, "a pause alone turns nobody away"
    for _ in range(40):
        room.look(2 * LATE_SECONDS)
    assert room.is_full
    room.waiting = FEW
    assert room.is_full
    room.waiting = FEW - 1
    assert not room.is_full, "a few may wait however late it is"
    for _ in range(200):
        room.look(0.0)
    room.waiting = 199
    assert not room.is_full, "it is not late any more"
    room.waiting = 200
    assert room.is_full


def test_names_that_nobody_has_are_counted_as_one() -> None:
    room = ClickRoom(1, {"acme"})
    for name in ("acme", "a", "b"):
        room.turn_away(name)
    assert room._turned_away == {"acme": 1, "": 2}
