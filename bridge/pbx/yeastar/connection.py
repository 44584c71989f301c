"""The Open API's websocket: subscribe, keep it alive, and read whose calls to ask for again. So an event that is lost,
doubled or late changes nothing. Source: the vendor's guide, Monitor Events via WebSocket.

After 60 seconds without a word the PBX closes it; it answers `heartbeat` with `heartbeat response`. It closes too when
the access token ends, half an hour after it was made, or when another program logs in with the same Client ID.
"""

import asyncio
from collections.abc import AsyncIterator

from bridge.core.errors import PbxUnreachable
from bridge.core.http_types import Secret
from bridge.core.reasons import reason
from bridge.core.session import Socket
from bridge.pbx.contract import AskAgain
from bridge.pbx.yeastar import events

BEAT_SECONDS, REPLY_SECONDS = 25.0, 10.0
"""How often the heartbeat is sent, well within the vendor's 60; and how long anything may take to be answered."""


async def subscribe(socket: Socket, secret: Secret) -> None:
    """Have events of calls sent from now on. Raises `PbxError`; `RequestFailed` when it breaks."""
    await socket.send(events.SUBSCRIPTION)
    answer = await socket.receive(REPLY_SECONDS)
    if answer is None:
        raise PbxUnreachable(reason("yeastar.silent", seconds=REPLY_SECONDS))
    events.check_subscribed(answer, secret)


async def hints(socket: Socket) -> AsyncIterator[AskAgain]:
    """Whose calls to ask for again, until the websocket breaks. Raises `PbxUnreachable` when nothing answers any
    more."""
    ticks = asyncio.get_running_loop().time
    beat_at, answer_until = ticks() + BEAT_SECONDS, 0.0
    while True:
        message = await socket.receive((answer_until or beat_at) - ticks())
        if message is not None:
            answer_until = 0.0
            if (told := events.read_message(message)) is not None:
                yield told
        elif answer_until:
            raise PbxUnreachable(reason("yeastar.silent", seconds=REPLY_SECONDS))
        if ticks() >= beat_at:
            await socket.send(events.HEARTBEAT)
            beat_at, answer_until = ticks() + BEAT_SECONDS, ticks() + REPLY_SECONDS
