"""3CX's websocket: it tells which extensions to ask for again. So an event that is lost, doubled or late changes
nothing. Whoever is gone without a word is found out by pings.
"""

import asyncio
from collections.abc import AsyncIterator

from bridge.core.session import Socket
from bridge.pbx._3cx import events

GATHER_SECONDS, REST = 0.02, 3.0
"""How long events are gathered before one question; and how many times as long as the last question took, the next one
waits: a phone system that is slow to answer is not asked without end."""
QUIET_SECONDS = 60.0


async def changes(socket: Socket) -> AsyncIterator[frozenset[str]]:
    """The extensions that must be asked for again ("" among them: all), whenever there are any, until the websocket
    breaks. Raises `RequestFailed`."""
    ticks, took = asyncio.get_running_loop().time, 0.0
    while True:
        found = frozenset[str]()
        while not found:
            message = await socket.receive(QUIET_SECONDS)
            found = events.changed(message) if message is not None else found
        until = ticks() + max(GATHER_SECONDS, REST * took)
        while (left := until - ticks()) > 0:
            message = await socket.receive(left)
            found |= events.changed(message) if message is not None else frozenset()
        started = ticks()
        yield found
        took = ticks() - started
