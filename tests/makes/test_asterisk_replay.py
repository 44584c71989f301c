"""Events of a real Asterisk, replayed on a connection as they were recorded: they end in the same picture, and lead to
the same popups and ends of calls, as polling its recorded lists."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.calls.pictures import ANSWERED, Lines, live
from bridge.core.http_types import Secret
from bridge.core.model import Call
from bridge.pbx.asterisk.ami import block_of
from bridge.pbx.contract import Picture
from bridge.store import listeners
from tests.makes.test_asterisk_news import EVENTS, FOLLOWING
from tests.makes.test_asterisk_recordings import EXTENSIONS, KEYS, SAMPLES, Replay
from tests.stage import Make, Stage, open_stage, until, working

pytestmark = pytest.mark.anyio
END = b"\r\n\r\n"
SITUATIONS = sorted(file.stem for file in EVENTS.glob("*.txt"))
CALL = ("02_incoming_ringing", "03_incoming_answered", "04_incoming_hold_by_agent", "05_incoming_resumed",
        "06_incoming_hold_by_caller", "07_after_hangup")  # fmt: skip
GROUP = ("40_ringgroup_ringing", "41_ringgroup_answered_by_102", "01_idle")
TRANSFER = ("70_blind_transfer_ringing_102", "71_blind_transfer_talking_102", "01_idle")


@dataclass
class Recorded(Replay):
    """AMI's port beside its lists over HTTP, both in the same situation."""

    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    asked: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            for writer in self.writers:
                writer.close()
            server.close()

    def play(self, situation: str) -> None:
        """What was told on the way into a situation; from now on its lists are answered."""
        file = EVENTS / f"{situation}.txt"
        text = file.read_bytes() if file.exists() else self._hang_ups()
        self.situation = situation
        for writer in self.writers:
            writer.write(text.replace(b"\r\n", b"\n").strip().replace(b"\n", b"\r\n") + END)

    def _hang_ups(self) -> bytes:
        """Of every channel there is, where the end was not recorded."""
        blocks = (block_of(block + END) for block in (SAMPLES / f"{self.situation}.txt").read_bytes().split(END)[:-1])
        channels = [block.get("Channel") for block in blocks if block.get("Event") == "Status"]
        return "".join(f"Event: Hangup\nChannel: {channel}\n\n" for channel in channels).encode()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                fields = block_of(await reader.readuntil(END)).fields
                for block in self._answer(fields):
                    first, *rest = block.split(b"\r\n")
                    writer.write(b"\r\n".join([first, f"ActionID: {fields['ActionID']}".encode(), *rest]) + END)
                if fields["Action"] == "Login":
                    self.writers.append(writer)

    def _answer(self, fields: Any) -> list[bytes]:
        if fields["Action"] != "Status":
            return [b"Response: Success\r\nMessage: Authentication accepted"]
        self.asked += 1
        blocks = (SAMPLES / f"{self.situation}.txt").read_bytes().split(END)[:-1]
        channel = fields.get("Channel")
        if channel is None:
            return blocks
        named = [block for block in blocks if f"\r\nChannel: {channel}\r\n".encode() in block]
        gone = [b"Response: Error\r\nMessage: No such channel"]
        return (
            [
                b"Response: Success\r\nEventList: start",
                *named,
                b"Event: StatusComplete\r\nEventList: Complete\r\nListItems: 1\r\nItems: 1",
            ]
            if named
            else gone
        )


def by_extension(lines: Lines) -> dict[str, dict[str, Call]]:
    return {extension: {call.identity: call for call in calls} for extension, calls in lines.items() if calls}


def phases(lines: Lines) -> dict[str, dict[str, bool]]:
    """Each call and whether it was answered: what a picture is written down for."""
    return {
        extension: {call.identity: call.state in ANSWERED for call in calls} for extension, calls in live(lines).items()
    }


@asynccontextmanager
async def listened(folder: Path, redis_url: Secret, way: str, pop: str = "") -> AsyncIterator[tuple[Stage, Recorded]]:
    recorded = Recorded()

    def fake(_: object) -> Recorded:
        return recorded

    async with recorded.open() as port:
        make = Make("asterisk", lambda url: {**KEYS, "base_url": url, "interface": "ami"}, fake, "101", "102")
        keys = {"events": way, "events_port": port, "poll_seconds": 0.2}
        agents = [f"acme,{one}@acme.example,main,{one},Agent {one},{pop}" for one in EXTENSIONS]
        extra = {"POPBRIDGE_CRM__ACME__EVENTS": "call.popup,call.answered_elsewhere,call.ended"}
        async with open_stage(folder, redis_url, make, main_keys=keys, agents=agents, extra=extra) as stage:
            yield stage, recorded


async def test_every_situation_ends_in_the_picture_that_polling_gives(tmp_path: Path, redis_url: Secret) -> None:
    async with listened(tmp_path, redis_url, "connect") as (stage, recorded):
        system = stage.services.lookup.systems["main"]
        for situation in SITUATIONS:
            recorded.situation = FOLLOWING.get(situation, "01_idle")
            told = system.connection()
            assert isinstance(await anext(told), Picture)
            recorded.play(situation)
            wanted = by_extension((await system.snapshot(None, anew=True)).extensions)

            async def same(told: Any = told, wanted: Any = wanted) -> bool:
                seen = await anext(told)
                assert isinstance(seen, Picture)
                return by_extension(seen.listing.extensions) == wanted

            async with asyncio.timeout(5):
                while not await same():
                    pass
            await told.aclose()


@pytest.mark.parametrize("situations", [CALL, GROUP, TRANSFER], ids=["a call", "a ring group", "a transfer"])
async def test_replayed_they_lead_to_the_same_popups_and_ends(
    tmp_path: Path, redis_url: Secret, situations: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.events.lease.HOLD_SECONDS", 0.05)
    by_events, by_polling = [await _told(tmp_path / way, redis_url, way, situations) for way in ("connect", "poll")]
    assert by_events == by_polling
    assert {kind for kind, *_ in by_events} >= {"call.popup", "call.ended"}


async def _told(folder: Path, redis_url: Secret, way: str, situations: tuple[str, ...]) -> list[tuple[str, ...]]:
    """What the CRM is told while one situation follows the other."""
    folder.mkdir()
    async with listened(folder, redis_url, way, "ringing") as (stage, recorded), working(stage):
        await stage.redis.flushdb()

        async def is_ready() -> bool:
            found = await listeners.status(stage.redis, "main")
            return found is not None and bool(found.heard_at) and (way == "poll" or bool(recorded.writers))

        await until(is_ready)
        for situation in situations:
            recorded.play(situation)
            listing = await stage.services.lookup.systems["main"].snapshot(None, anew=True)
            wanted = phases(listing.extensions)

            async def is_known(wanted: Any = wanted) -> bool:
                return phases(await listeners.load_picture(stage.redis, "main")) == wanted

            await until(is_known)

        def told() -> list[tuple[str, ...]]:
            events = [one.event for one in stage.crm.accepted() if one.event]
            found = [
                (
                    event["type"],
                    data["agent"]["crm_user"],
                    data.get("ivrid") or data["call"]["ivrid"],
                    data.get("outcome", ""),
                )
                for event in events
                for data in (event["data"],)
            ]
            return sorted(found)

        async def is_over() -> bool:
            kinds = [kind for kind, *_ in told()]
            return bool(kinds) and kinds.count("call.popup") == kinds.count("call.ended")

        await until(is_over)
        return told()
