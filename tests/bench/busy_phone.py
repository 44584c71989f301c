"""A phone system whose calls come and go: Voicenter's answers over HTTP, Asterisk's over its manager port.

A process of its own: `python -m tests.bench.busy_phone HTTP_PORT AMI_PORT EXTENSIONS [PUSH_PORT]`. With a PUSH_PORT
each change is told to the bridge there as Voicenter tells it. GET /start?RATE,SECONDS,SEED begins; GET /rang gives, by
ivrid, when each call began to ring (seconds, `time.monotonic`); GET /count how many questions were asked.
"""

import asyncio
import json
import re
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.bench.peers.feeder import moments
from tests.bench.phone import DELAY_SECONDS, EXTENSION, row

TALKING_SHARE, RINGING_SHARE = 0.3, 0.05
"""Of the extensions, at the start and all the time: each third change is a new call, an answer, an end."""
DID = "0776707528"
SECRET = "event-secret-of-the-bench"
ACCEPTED = b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
END = b"\r\n\r\n"
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")


@dataclass(slots=True)
class Phone:
    """One extension: its call's id ("": none), when it began and was answered (epoch seconds; 0: not yet)."""

    number: int
    ivrid: str = ""
    began: float = 0.0
    answered: float = 0.0
    as_row: bytes = b""
    as_channels: tuple[bytes, ...] = ()

    @property
    def code(self) -> str:
        """What the extension is called by both makes."""
        return f"SIP{self.number}"

    def redraw(self) -> None:
        """Write it down once for all questions until it changes again."""
        told = row(self.number, 0)
        told["calls"] = [self._call()] if self.ivrid else []
        self.as_row = json.dumps(told, ensure_ascii=False).encode()
        self.as_channels = tuple(self._channels()) if self.ivrid else ()

    @property
    def caller(self) -> str:
        """Another number for each call."""
        return f"050{2_000_000 + int(self.ivrid):07d}"

    def _call(self) -> dict[str, object]:
        found = row(self.number)["calls"][0]  # type: ignore[index]
        state = {"callstatus": "Talking", "answered": 1} if self.answered else {"callstatus": "Ringing", "answered": 0}
        times = {"callStarted": int(self.began), "callAnswered": int(self.answered)}
        return {**found, **state, **times, "ivrid": self.ivrid, "callerphone": self.caller}

    def _channels(self) -> list[bytes]:
        """The trunk's and the phone's, as `Status` lists them."""
        first = f"{int(self.began)}.{self.ivrid}"
        names = ("Up", "Up") if self.answered else ("Ring", "Ringing")
        trunk = ("PJSIP/provider", first, names[0], self.caller, self.code, "Dial", f"PJSIP/{self.code},60,tT")
        phone = (f"PJSIP/{self.code}", f"{first}1", names[1], self.code, self.caller, "AppDial", "(Outgoing Line)")
        return [self._channel(first, *each) for each in (trunk, phone)]

    def _channel(
        self, linked: str, name: str, uniqueid: str, state: str, number: str, other: str, runs: str, data: str
    ) -> bytes:
        bridge = f"{self.number:08x}-5976-4551-9cc2-80c427f9bf4b" if self.answered else ""
        fields = {
            "Privilege": "Call", "Channel": f"{name}-{int(self.ivrid):08x}", "ChannelState": "6",
            "ChannelStateDesc": state, "CallerIDNum": number, "CallerIDName": f"Name {number}",
            "ConnectedLineNum": other, "ConnectedLineName": f"Name {other}", "Language": "en", "AccountCode": "",
            "Context": "did", "Exten": DID, "Priority": "1", "Uniqueid": uniqueid, "Linkedid": linked, "Type": "PJSIP",
            "DNID": DID, "EffectiveConnectedLineNum": other, "EffectiveConnectedLineName": f"Name {other}",
            "TimeToHangup": "0", "BridgeID": bridge, "Application": runs, "Data": data, "Nativeformats": "(ulaw)",
            "Readformat": "ulaw", "Readtrans": "", "Writeformat": "ulaw", "Writetrans": "", "Callgroup": "0",
            "Pickupgroup": "0", "Seconds": "12",
        }  # fmt: skip
        told = {"CHANNEL(onhold)": "0", "CDR(answer,u)": f"{self.answered:.6f}", "FROM_DID": DID}
        lines = [f"{key}: {value}" for key, value in fields.items()]
        return "\r\n".join([*lines, *(f"Variable: {key}={value}" for key, value in told.items())]).encode() + END


@dataclass(slots=True)
class Account:
    """All extensions, and what becomes of them. `tell` hears of each change."""

    phones: list[Phone]
    tell: list[Callable[[Phone, str], None]] = field(default_factory=list)
    rang: dict[str, float] = field(default_factory=dict)
    asked: int = 0
    idle: deque[Phone] = field(default_factory=deque)
    ringing: deque[Phone] = field(default_factory=deque)
    talking: deque[Phone] = field(default_factory=deque)
    _calls: int = 0

    def __post_init__(self) -> None:
        self.idle.extend(self.phones)
        for phone in self.phones:
            phone.redraw()
        for _ in range(int(len(self.phones) * (TALKING_SHARE + RINGING_SHARE))):
            self.ring()
        for _ in range(int(len(self.phones) * TALKING_SHARE)):
            self.answer()

    def ring(self) -> None:
        """A call for whoever has been idle longest."""
        phone = self.idle.popleft()
        self._calls += 1
        phone.ivrid, phone.began, phone.answered = str(self._calls), time.time(), 0.0
        self.ringing.append(phone)
        self.rang[phone.ivrid] = time.monotonic()
        self._changed(phone, "ring")

    def answer(self) -> None:
        """Whoever rings longest answers."""
        phone = self.ringing.popleft()
        phone.answered = time.time()
        self.talking.append(phone)
        self._changed(phone, "answer")

    def end(self) -> None:
        """Whoever talks longest hangs up."""
        phone = self.talking.popleft()
        phone.ivrid = ""
        self.idle.append(phone)
        self._changed(phone, "end")

    def _changed(self, phone: Phone, what: str) -> None:
        phone.redraw()
        for tell in self.tell:
            tell(phone, what)

    def status(self, mark: bytes = b"", only: bytes | None = None) -> bytes:
        """Asterisk's list of channels, or one of them; `mark` is a line that each block gets."""
        self.asked += 1
        channels = [each for phone in self.phones for each in phone.as_channels]
        if only is not None:
            channels = [each for each in channels if b"\r\nChannel: %s\r\n" % only in each]
            if not channels:
                return b"Response: Error\r\n" + mark + b"Message: No such channel" + END
        first = b"Response: Success\r\n" + mark + b"EventList: start\r\nMessage: Channel status will follow" + END
        events = b"".join(b"Event: Status\r\n" + mark + each for each in channels)
        last = b"EventList: Complete\r\nListItems: %d\r\nItems: %d" % (len(channels), len(channels))
        return first + events + b"Event: StatusComplete\r\n" + mark + last + END

    async def live(self, rate: float, seconds: float, seed: int) -> None:
        """So many changes a second, at moments drawn beforehand."""
        start, steps = time.monotonic(), (self.ring, self.answer, self.end)
        for number, moment in enumerate(moments(rate, seconds, seed)):
            await asyncio.sleep(start + moment - time.monotonic())
            steps[number % 3]()


class Web(asyncio.Protocol):
    """Voicenter's API, and what whoever measures asks. One kept connection."""

    def __init__(self, account: Account) -> None:
        self._account, self._heard, self._loop = account, bytearray(), asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (end := self._heard.find(END)) >= 0:
            length = LENGTH.search(self._heard[: end + 2])
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._heard) < whole:
                return
            question = bytes(self._heard[:whole])
            del self._heard[:whole]
            self._answer(question)

    def _answer(self, question: bytes) -> None:
        path = question.split(b" ", 2)[1]
        if path == b"/count":
            self._tell(str(self._account.asked).encode())
        elif path == b"/rang":
            self._tell(json.dumps(self._account.rang).encode())
        elif path.startswith(b"/start?"):
            rate, seconds, seed = path.decode().partition("?")[2].split(",")
            self._life = asyncio.create_task(self._account.live(float(rate), float(seconds), int(seed)))
            self._tell(b"{}")
        elif path.startswith(b"/rawman"):
            self._tell(ACCEPTED if b"login" in question else self._account.status())
        else:
            self._account.asked += 1
            found = EXTENSION.search(question)
            phones = self._account.phones
            told = b",".join(phone.as_row for phone in ([phones[int(found[1][3:])]] if found else phones))
            self._loop.call_later(DELAY_SECONDS, self._tell, b'{"ERR":0,"DESC":"OK","EXTENSIONS":[%s]}' % told)

    def _tell(self, body: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(HEAD % len(body) + body)


class Manager(asyncio.Protocol):
    """Asterisk's manager port: a connection that is told of changes, and asks for the channels."""

    def __init__(self, account: Account) -> None:
        self._account, self._heard = account, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"Asterisk Call Manager/11.0.0\r\n")
        self._account.tell.append(self._event)

    def connection_lost(self, error: Exception | None) -> None:
        self._account.tell.remove(self._event)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (end := self._heard.find(END)) >= 0:
            fields = dict(line.split(b": ", 1) for line in bytes(self._heard[:end]).split(b"\r\n"))
            del self._heard[: end + 4]
            self._act(fields)

    def _act(self, fields: dict[bytes, bytes]) -> None:
        mark = b"ActionID: %s\r\n" % fields[b"ActionID"]
        if fields[b"Action"] != b"Status":
            self._transport.write(b"Response: Success\r\n" + mark + b"Message: Authentication accepted" + END)
            return
        self._transport.write(self._account.status(mark, fields.get(b"Channel")))

    def _event(self, phone: Phone, what: str) -> None:
        """About as many events as a real one sends for such a change."""
        names = {
            "ring": ("Newchannel", "Newchannel", "NewConnectedLine", "DialBegin", "DialState", "Newstate"),
            "answer": ("Newstate", "DialEnd", "Newstate", "BridgeEnter", "BridgeEnter"),
            "end": ("BridgeLeave", "Hangup", "BridgeLeave", "Hangup"),
        }[what]
        told = phone.as_channels or (b"Channel: gone" + END,) * 2
        for number, name in enumerate(names):
            self._transport.write(b"Event: %s\r\n" % name.encode() + told[number % 2])


class Pusher:
    """Tells the bridge of each change, on connections that are kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._telling: set[asyncio.Task[None]] = set()

    def tell(self, phone: Phone, _: str) -> None:
        """One notification."""
        task = asyncio.create_task(self._send(phone.code))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _send(self, code: str) -> None:
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        path = f"/events/main?secret={SECRET}&extenUser={code}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = (await reader.readuntil(END)).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
        assert b" 200 " in head.split(b"\r\n")[0], head
        self._idle.append((reader, writer))


async def serve(http: int, ami: int, extensions: int, push: int | None) -> None:
    """Answer for ever."""
    account, loop = Account([Phone(number) for number in range(extensions)]), asyncio.get_running_loop()
    if push is not None:
        account.tell.append(Pusher(push).tell)
    await loop.create_server(lambda: Manager(account), "127.0.0.1", ami)
    server = await loop.create_server(lambda: Web(account), "127.0.0.1", http, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    given = [*map(int, sys.argv[1:])]
    asyncio.run(serve(given[0], given[1], given[2], given[3] if len(given) > 3 else None))
