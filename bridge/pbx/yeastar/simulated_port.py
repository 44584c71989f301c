"""The websocket of the simulated P-Series: who has subscribed is told of each call that changes, with its members."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge.pbx.yeastar.events import HEARTBEAT, HEARTBEAT_RESPONSE
from bridge.pbx.yeastar.exchange import Exchange

if TYPE_CHECKING:
    from bridge.pbx.yeastar.simulator import YeastarSimulator

LOOK_SECONDS, QUIET_SECONDS = 0.01, 60.0
CHANGED, ENDED = 30011, 30012
NORMAL = 1000
Calls = Mapping[str, Any]
"""Each call by its id."""


@dataclass(eq=False, slots=True)
class EventPort:
    """Its connections. `drop` cuts them all, as a restart of the PBX does; `joined` counts those that were let in, and
    `beats` the heartbeats that came."""

    pbx: "YeastarSimulator"
    sockets: set[WebSocket] = field(default_factory=set)
    joined: int = 0
    beats: int = 0

    def drop(self) -> None:
        """Cut every connection."""
        self.sockets.clear()

    async def serve(self, websocket: WebSocket) -> None:
        """One connection."""
        token = websocket.query_params.get("access_token", "")
        if not self.pbx.takes(token) or not websocket.headers.get("user-agent"):
            await websocket.send_denial_response(JSONResponse({"errcode": 10004, "errmsg": "TOKEN EXPIRED"}))
            return
        await websocket.accept()
        self.sockets.add(websocket)
        self.joined += 1
        topics = set[int]()
        hearing = asyncio.create_task(self._hear(websocket, topics))
        try:
            with suppress(WebSocketDisconnect):
                await self._tell(websocket, token, topics, hearing)
        finally:
            hearing.cancel()
            self.sockets.discard(websocket)

    async def _hear(self, websocket: WebSocket, topics: set[int]) -> None:
        """Until the other side leaves, or says nothing for a minute."""
        while True:
            async with asyncio.timeout(QUIET_SECONDS):
                said = await websocket.receive()
            if said["type"] == "websocket.disconnect":
                return
            text = said.get("text") or ""
            if text == HEARTBEAT:
                self.beats += 1
                if self.pbx.faults.events != "silent":
                    await websocket.send_text(HEARTBEAT_RESPONSE)
                continue
            topics.update(json.loads(text)["topic_list"])
            number = 10005 if self.pbx.faults.refused == "events" else 0
            await websocket.send_text(json.dumps({"errcode": number, "errmsg": "SUCCESS"}))

    async def _tell(self, websocket: WebSocket, token: str, topics: set[int], hearing: "asyncio.Task[None]") -> None:
        before = self._calls()
        while websocket in self.sockets and not hearing.done() and self.pbx.takes(token):
            await asyncio.sleep(LOOK_SECONDS)
            now = self._calls()
            for topic, told in _changes(before, now):
                if topic in topics and self.pbx.faults.events != "silent":
                    await websocket.send_text("{" if self.pbx.faults.events == "garbage" else told)
            before = now
        await websocket.close(NORMAL)

    def _calls(self) -> Calls:
        found = Exchange(self.pbx.switchboard, not self.pbx.faults.trunks_unmonitored).calls(None, None)
        return {call["call_id"]: call for call in found}


def _changes(before: Calls, now: Calls) -> Iterator[tuple[int, str]]:
    """The topic of each event, and the event. `msg` is a text that is JSON."""
    for call_id in {**before, **now}:
        if before.get(call_id) == now.get(call_id):
            continue
        call = now.get(call_id) or _left(before[call_id])
        yield CHANGED, _event(CHANGED, call)
        if call_id not in now:
            yield ENDED, _event(ENDED, {"call_id": call_id})


def _left(call: Mapping[str, Any]) -> dict[str, Any]:
    """The call once all its members have left."""
    members = [{side: {**said, "member_status": "BYE"} for side, said in one.items()} for one in call["members"]]
    return {**call, "members": members}


def _event(topic: int, message: object) -> str:
    return json.dumps({"type": topic, "sn": "3631A2155930", "msg": json.dumps(message)})
