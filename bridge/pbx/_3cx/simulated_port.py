"""The websocket of the simulated 3CX: an event for each participant that comes, changes or goes."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

if TYPE_CHECKING:
    from bridge.pbx._3cx.simulator import ThreeCxSimulator

LOOK_SECONDS = 0.01
UPSERT, REMOVE = 0, 1
GOING_AWAY = 1001
HUGE = 2 * 1024 * 1024
Legs = Mapping[str, object]
"""What there is to be told of: each participant by its path."""


@dataclass(eq=False, slots=True)
class EventPort:
    """Its connections. `drop` cuts them all, as a restart of 3CX does; `joined` counts those that were let in."""

    three_cx: "ThreeCxSimulator"
    sockets: set[WebSocket] = field(default_factory=set)
    joined: int = 0

    def drop(self) -> None:
        """Cut every connection."""
        self.sockets.clear()

    async def serve(self, websocket: WebSocket) -> None:
        """One connection."""
        if (refused := self.three_cx.refusal(websocket)) is not None:
            await websocket.send_denial_response(Response(status_code=refused))
            return
        await websocket.accept()
        self.sockets.add(websocket)
        self.joined += 1
        hearing = asyncio.create_task(self._hear(websocket))
        try:
            with suppress(WebSocketDisconnect):
                await self._tell(websocket, hearing)
        finally:
            hearing.cancel()
            self.sockets.discard(websocket)

    async def _hear(self, websocket: WebSocket) -> None:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass

    async def _tell(self, websocket: WebSocket, hearing: "asyncio.Task[None]") -> None:
        before, sequence = self._legs(), 0
        while websocket in self.sockets and not hearing.done():
            await asyncio.sleep(LOOK_SECONDS)
            now = self._legs()
            for kind, entity in _changes(before, now):
                sequence += 1
                await websocket.send_text(self._written(sequence, kind, entity))
            before = now
        if not hearing.done():
            await websocket.close(GOING_AWAY)

    def _legs(self) -> Legs:
        rows: list[dict[str, Any]] = self.three_cx.numbers()
        return {
            f"/callcontrol/{row['dn']}/participants/{leg['id']}": leg for row in rows for leg in row["participants"]
        }

    def _written(self, sequence: int, kind: int, entity: str) -> str:
        match self.three_cx.faults.events:
            case "garbage":
                return '{"sequence": 1, "event": [' + entity
            case "huge":
                return "x" * HUGE
        event = {"event_type": kind, "entity": entity, "attached_data": None}
        return json.dumps({"sequence": sequence, "event": event})


def _changes(before: Legs, now: Legs) -> Iterator[tuple[int, str]]:
    yield from ((UPSERT, entity) for entity, leg in now.items() if before.get(entity) != leg)
    yield from ((REMOVE, entity) for entity in before if entity not in now)
