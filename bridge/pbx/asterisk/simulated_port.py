"""AMI's own TCP port of the simulated Asterisk: actions with their answers, and an event whenever a channel changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bridge.pbx.asterisk.ami import block_of
from bridge.pbx.asterisk.channel import Channel
from bridge.pbx.asterisk.listing import Block, Blocks, split, status, written

if TYPE_CHECKING:
    from bridge.pbx.asterisk.simulator import AsteriskSimulator

LOOK_SECONDS = 0.01


@dataclass(eq=False, slots=True)
class ManagerPort:
    """Its connections. `drop` cuts them all, as a restart of Asterisk does."""

    asterisk: "AsteriskSimulator"
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    logins: int = 0

    @asynccontextmanager
    async def open(self, host: str = "127.0.0.1") -> AsyncIterator[int]:
        """The port it listens on, while the block lasts."""
        server = await asyncio.start_server(self._serve, host, 0)
        watching = asyncio.create_task(self._watch())
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            watching.cancel()
            self.drop()
            server.close()

    def drop(self) -> None:
        """Cut every connection."""
        for writer in [*self.writers]:
            writer.close()
        self.writers.clear()

    async def _watch(self) -> None:
        before = self._channels()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = self._channels()
            new = [("Newstate", channel) for name, channel in now.items() if channel != before.get(name)]
            gone = [("Hangup", channel) for name, channel in before.items() if name not in now]
            self._tell([_event(*each) for each in (*new, *gone)])
            before = now

    def _channels(self) -> dict[str, Channel]:
        return {channel.channel: channel for channel in self.asterisk.exchange.channels()}

    def _tell(self, blocks: Blocks) -> None:
        for writer in self.writers:
            writer.write(written(blocks).encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                fields = block_of(await reader.readuntil(b"\r\n\r\n")).fields
                mark = ("ActionID", fields.get("ActionID", ""))
                answer = self._answer(fields, writer)
                writer.write(written([[block[0], mark, *block[1:]] for block in answer]).encode())
                await writer.drain()
        self.writers.discard(writer)
        writer.close()

    def _answer(self, fields: dict[str, str], writer: asyncio.StreamWriter) -> Blocks:
        action = fields.get("Action", "")
        if action == "Login":
            right = (self.asterisk.username, self.asterisk.password)
            if (fields.get("Username"), fields.get("Secret")) != right or self.asterisk.faults.refused == "login":
                return [[("Response", "Error"), ("Message", "Authentication failed")]]
            self.logins += 1
            self.writers.add(writer)
            return [[("Response", "Success"), ("Message", "Authentication accepted")]]
        if writer not in self.writers:
            return [[("Response", "Error"), ("Message", "Permission denied")]]
        if action == "Status":
            asked = [name for name in split(fields.get("Variables", "")) if name]
            channels = self._channels()
            if "Channel" not in fields:
                return status([*channels.values()], datetime.now(UTC), asked)
            if fields["Channel"] not in channels:
                return [[("Response", "Error"), ("Message", "No such channel")]]
            return status([channels[fields["Channel"]]], datetime.now(UTC), asked)
        return [[("Response", "Success"), ("Ping", "Pong")]]


def _event(name: str, channel: Channel) -> Block:
    """What has happened to a channel; Asterisk says the state before the bridge and the caller."""
    named = [("Channel", channel.channel), ("Uniqueid", channel.uniqueid), ("Linkedid", channel.linkedid)]
    return [("Event", name), ("Privilege", "call,all"), *named, ("ChannelStateDesc", channel.state)]
