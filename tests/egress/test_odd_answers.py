"""Receivers that break HTTP's rules: a push believes a complete status line, a phone system's fault is named."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bridge.core.delivery import DeliveryState
from bridge.core.errors import RequestFailed
from bridge.core.http_types import Request, Secret
from bridge.egress.client import MAX_REPLY_BYTES, open_client
from bridge.egress.response_head import read
from bridge.store.deliveries import records
from tests.faults.test_installations import worker_of
from tests.stage import open_stage, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]


class Raw:
    """A receiver that writes bytes, whatever they are; `times` counts requests."""

    def __init__(self, answers: list[bytes], closes: bool) -> None:
        self.answers, self.closes, self.times, self.port = answers, closes, 0, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                self.times += 1
                writer.write(self.answers[min(self.times, len(self.answers)) - 1])
                await writer.drain()
                if self.closes:
                    break
        with suppress(OSError):
            writer.close()


@asynccontextmanager
async def raw(*answers: bytes, closes: bool = False) -> AsyncIterator[Raw]:
    receiver = Raw(list(answers), closes)
    listening = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = listening.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        listening.close()


OK = b"HTTP/1.1 200 OK\r\n"
NOTHING = b"HTTP/1.1 204 No Content\r\n"
TWO, CHUNKED = b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"\r\n2\r\n{}\r\n0\r\n\r\n"
BODY = b"\r\n{}"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n"
NONE = b"Content-Length: 0\r\n"
LONG = b"Set-Cookie: " + b"x" * 9 * 1024 + b"\r\n"
ODD: dict[str, tuple[bytes, int, str]] = {
    # what is written, the status that a push believes, and what is said of a phone system ("": it is read)
    "204 with a length and a body": (NOTHING + TWO + BODY, 204, "response-body-not-allowed"),
    "204 chunked": (NOTHING + CHUNKED + CHUNKS, 204, "response-body-not-allowed"),
    "304 with a body": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n{}", 304, "response-body-not-allowed"),
    "a header of 9 KB": (OK + LONG + b"Content-Length: 2\r\n\r\n{}", 200, ""),
    "a header of 70 KB": (OK + LONG[:-2] * 8 + b"\r\n" + TWO + BODY, 200, "response-header-too-long"),
    "300 headers": (OK + b"X-More: y\r\n" * 300 + b"Content-Length: 2\r\n\r\n{}", 200, "response-header-too-long"),
    "two equal lengths": (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 200, "response-two-lengths"),
    "two lengths that differ": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 200, "response-two-lengths"),
    "length and chunked": (OK + TWO + CHUNKED + CHUNKS, 200, "response-length-and-chunked"),
    "chunked and length": (OK + CHUNKED + TWO + CHUNKS, 200, "response-length-and-chunked"),
    "a line without a colon": (OK + b"this is no header\r\nContent-Length: 2\r\n\r\n{}", 200, "response-no-colon"),
    "a name with a space": (OK + b"My Header: x\r\nContent-Length: 2\r\n\r\n{}", 200, "response-bad-header"),
    "no name": (OK + b": x\r\nContent-Length: 2\r\n\r\n{}", 200, "response-bad-header"),
    "a zero byte in a header": (OK + b"X-A: a\0b\r\nContent-Length: 2\r\n\r\n{}", 200, "response-bad-header"),
    "a length that is none": (OK + b"Content-Length: two\r\n\r\n{}", 200, "response-bad-length"),
    "a length with a sign": (OK + b"Content-Length: +2\r\n\r\n{}", 200, "response-bad-length"),
    "a negative length": (OK + b"Content-Length: -2\r\n\r\n{}", 200, "response-bad-length"),
    "a chunk of no length": (OK + b"Transfer-Encoding: chunked\r\n\r\nmany\r\n{}\r\n", 200, "response-malformed"),
    "an announcement, then two lengths": (EARLY + OK + TWO + TWO + BODY, 200, "response-two-lengths"),
    "410 without a colon": (b"HTTP/1.1 410 Gone\r\nnonsense\r\n\r\n", 410, "response-no-colon"),
    "503 that says when": (BUSY + NONE + NONE + b"\r\n", 503, "response-two-lengths"),
    "no reason phrase": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}", 200, ""),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, ""),
}
ENDS = {
    "ends after the status line": (OK, 200, "response-head-cut-off"),
    "ends within a header": (OK + b"Content-Ty", 200, "response-head-cut-off"),
    "ends within the body": (OK + b"Content-Length: 20\r\n\r\n{", 200, "response-cut-off"),
}
NOT_HTTP = [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 fine OK\r\n\r\n", b"HTTP/1.1 20", b"", b"200 OK\r\n\r\n"]


@pytest.mark.parametrize("way", [*ODD, *ENDS])
async def test_a_push_believes_a_complete_status_line(way: str) -> None:
    answer, status, _ = {**ODD, **ENDS}[way]
    async with raw(answer, closes=way in ENDS) as receiver, open_client() as client:
        url = f"http://127.0.0.1:{receiver.port}/popups"
        for _ in range(3):
            reply = await client.send(Request("POST", url, {}, b"{}"), 5.0, max_bytes=0)
            assert reply.status == status
        assert receiver.times == 3
    assert reply.headers.get("retry-after") == ("7" if status == 503 else None)


@pytest.mark.parametrize("way", [*ODD, *ENDS])
async def test_what_is_wrong_with_a_phone_systems_answer_is_named(way: str) -> None:
    answer, status, code = {**ODD, **ENDS}[way]
    async with raw(answer, closes=way in ENDS) as receiver, open_client() as client:
        request = Request("GET", f"http://127.0.0.1:{receiver.port}/calls?code=ACCOUNTCODE77")
        if not code:
            assert (await client.send(request, 5.0, MAX_REPLY_BYTES)).body == b"{}"
            return
        failure, reply = None, None
        try:
            reply = await client.send(request, 5.0, MAX_REPLY_BYTES)
        except RequestFailed as error:
            failure = error
    if reply is not None:  # a body that must not be there and comes late is not seen: the response is whole
        assert (reply.status in (204, 304), reply.body) == (True, b"")
        return
    assert failure is not None
    assert failure.reason.code == code
    assert str(status) in str(failure)
    assert "does not speak HTTP" not in str(failure)
    assert "ACCOUNTCODE77" not in str(failure)


@pytest.mark.parametrize("answer", NOT_HTTP)
async def test_what_is_no_http_is_believed_by_nobody(answer: bytes) -> None:
    async with raw(answer, closes=True) as receiver, open_client() as client:
        for max_bytes in (0, MAX_REPLY_BYTES):
            with pytest.raises(RequestFailed) as failure:
                await client.send(Request("POST", f"http://127.0.0.1:{receiver.port}/x"), 5.0, max_bytes)
            assert failure.value.cause == "broken-connection"


async def test_a_body_that_must_not_be_there_is_never_taken_for_the_next_answer() -> None:
    smuggled = (
        b"HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n" + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    )
    honest = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    async with raw(smuggled, honest) as receiver, open_client() as client:
        url = f"http://127.0.0.1:{receiver.port}/popups"
        first = await client.send(Request("POST", url, {}, b"{}"), 5.0, max_bytes=0)
        second = await client.send(Request("POST", url, {}, b"{}"), 5.0, max_bytes=0)
    assert (first.status, second.status) == (204, 410)


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK", b"\r\n" * 50, bytes(range(256)), b"HTTP/1.1 100 Go\r\n\r\n"]
)
def test_what_has_no_complete_status_line_has_no_head(data: bytes) -> None:  # fmt: skip
    assert read(data) is None


@pytest.mark.parametrize("way", ["204 with a length and a body", "two equal lengths", "a line without a colon"])
async def test_a_popup_is_delivered_to_such_a_receiver_once(tmp_path: Path, redis_url: Secret, way: str) -> None:
    async with raw(ODD[way][0]) as receiver:
        extra = {"POPBRIDGE_CRM__ACME__POPUP_URL": f"http://127.0.0.1:{receiver.port}/popups"}
        async with open_stage(tmp_path, redis_url, extra=extra) as stage:
            with worker_of(stage):
                stage.talk()
                await stage.click()

                async def ended() -> bool:
                    items, _ = await records.every(stage.redis, records.Wanted(target="acme"), 10)
                    return [one.state for one in items] == [DeliveryState.DELIVERED]

                await until(ended, 20)
        assert receiver.times == 1


async def test_a_phone_system_that_answers_so_is_named_to_the_agent(tmp_path: Path, redis_url: Secret) -> None:
    body = json.dumps({"ERR": 0}).encode()
    twice = OK + b"Content-Length: %d\r\n" % len(body) * 2 + b"\r\n" + body
    async with raw(twice.replace(OK, b"").join([OK, b""])) as receiver:
        extra = {"POPBRIDGE_PBX__MAIN__BASE_URL": f"http://127.0.0.1:{receiver.port}/api"}
        async with open_stage(tmp_path, redis_url, extra=extra) as stage:
            answer = (await stage.click()).json()
    assert answer["outcome"] == "pbx-unintelligible"
    assert "more than one Content-Length" in answer["why"]
