"""A phone system for the bench: Voicenter's answer about one extension or all, or Ozeki's, 40 ms after it was asked.

A process of its own on bare asyncio: `python -m tests.bench.phone PORT MAKE SIZE`; the size is Voicenter's extensions,
each with a call, or Ozeki's calls. GET /count tells how often it was asked.
"""

import asyncio
import json
import re
import sys
import time
from typing import cast

DELAY_SECONDS = 0.040
EXTENSION = re.compile(rb'extension"?[=:] ?"?(SIP\d+)')

CALL = """
<Call><CallId>{number}</CallId><Source>+3612345678</Source><CallerId>Kovács és Társa</CallerId>
<Destination>{extension}</Destination><CallerDialed>{extension}</CallerDialed><CalleeDialed>{extension}</CalleeDialed>
<StartTime>2026-11-22 10:59:30</StartTime><RingDuration>2.000</RingDuration><TalkDuration>8.000</TalkDuration>
<CallState>InCall</CallState></Call>"""


def extension(make: str, number: int) -> str:
    """What this make calls an extension."""
    return f"SIP{number}" if make == "voicenter" else str(100 + number)


def row(number: int, calls: int = 1) -> dict[str, object]:
    """One extension, on the phone `calls` times."""
    code, now = extension("voicenter", number), int(time.time())
    return {
        "name": f"Agent {number}",
        "representative": f"Agent {number}",
        "username": code,
        "extensionID": number,
        "userID": number,
        "onlineUserID": number,
        "onlineUserStatus": 1,
        "calls": [
            {
                "callStarted": now - 30,
                "callAnswered": now - 20,
                "answered": 1,
                "callername": "ישראל ישראלי",
                "callerphone": "0722776772",
                "callstatus": "Talking",
                "customdata": {"queue": "sales"},
                "direction": "Incoming",
                "ivrid": f"20261122100000{number:018x}{each}",
                "recording": {"Filename": f"aws_{number}.mp3", "IsMuted": 0},
                "did": "0776707528",
            }
            for each in range(calls)
        ],
    }


def answer(rows: list[dict[str, object]]) -> bytes:
    """The body of an answer."""
    return json.dumps({"ERR": 0, "DESC": "OK", "EXTENSIONS": rows}, ensure_ascii=False).encode()


def calls(count: int) -> bytes:
    """The body of Ozeki's answer with so many calls, each of an extension of its own."""
    told = "".join(CALL.format(number=number, extension=extension("ozeki", number)) for number in range(count))
    head = "<Code>200</Code><Message>Command successfully executed</Message>"
    return f'<?xml version="1.0"?><Response>{head}<ActiveCalls>{told}</ActiveCalls></Response>'.encode()


def answers(make: str, size: int) -> dict[bytes, bytes]:
    """The whole answer to each question: about one extension, or about all (an empty name)."""
    if make == "ozeki":
        return {b"": _whole(calls(size), b"application/xml")}
    rows = [row(number) for number in range(size)]
    found = {str(each["username"]).encode(): _whole(answer([each])) for each in rows}
    return found | {b"": _whole(answer(rows))}


def _whole(body: bytes, kind: bytes = b"application/json") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body)) + body


class Phone(asyncio.Protocol):
    """One kept connection."""

    asked = 0

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers, self._heard = answers, bytearray()
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (end := self._heard.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", self._heard[:end])
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._heard) < whole:
                return
            question = bytes(self._heard[:whole])
            del self._heard[:whole]
            self._answer(question)

    def _answer(self, question: bytes) -> None:
        if question.startswith(b"GET /count"):
            self._transport.write(_whole(str(Phone.asked).encode()))
            return
        Phone.asked += 1
        found = EXTENSION.search(question)
        self._loop.call_later(DELAY_SECONDS, self._tell, self._answers[found[1] if found else b""])

    def _tell(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def serve(port: int, make: str, size: int) -> None:
    """Answer for ever."""
    told, loop = answers(make, size), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Phone(told), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
