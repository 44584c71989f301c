"""The event socket for events: they say that something has happened, and the list of channels on the same connection
says what. So an event that is lost, doubled or late changes nothing. Source: the vendor's pages on
mod_event_socket and on its events.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from bridge.core.errors import PbxUnreachable
from bridge.core.http_types import Reply
from bridge.core.reasons import reason
from bridge.pbx.freeswitch.event_socket import EventSocket

EVENTS = (
    "CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE"
    " CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_CALLSTATE CHANNEL_HANGUP_COMPLETE CHANNEL_UUID CHANNEL_PARK"
)
GATHER_SECONDS, REST = 0.02, 3.0
"""How long events are gathered before one question; and how many times as long as the last question took, the next one
waits."""
QUIET_SECONDS, REPLY_SECONDS = 20.0, 10.0
"""After so long a silence it is asked whether it is still there; and how long anything may take to be answered."""
STILL_THERE = "uptime"


async def lists(socket: EventSocket, channels: str) -> AsyncIterator[Reply]:
    """The list of channels (the answer to that command) now, and again whenever something has happened, until the
    connection breaks. Raises `PbxError`."""
    ticks = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            await socket.subscribe(EVENTS)
        while True:
            started = ticks()
            async with asyncio.timeout(REPLY_SECONDS):
                reply = await socket.ask(channels)
            took = ticks() - started
            yield reply
            await _news(socket)
            await asyncio.sleep(max(GATHER_SECONDS, REST * took - (ticks() - started)))
    except TimeoutError:
        raise PbxUnreachable(reason("freeswitch.connection-closed")) from None


async def _news(socket: EventSocket) -> None:
    while not socket.has_news:
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_SECONDS):
                await socket.event()
            continue
        async with asyncio.timeout(REPLY_SECONDS):
            await socket.ask(STILL_THERE)
