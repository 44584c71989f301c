"""A session that waits for the vendor's rate limit: a test sends several questions, and is in no hurry."""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.core.errors import RateLimited
from bridge.core.http_types import Reply, Request
from bridge.core.session import Session
from bridge.pbx.recording import Recorded, RecordingSession

LONGEST_SECONDS = 2.0


class Patient(RecordingSession):
    """As the session, but what is limited for a moment is sent after it."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, Recorded("test"))
        self._inner = session

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        """As `Session.send`."""
        return await _again(lambda: self._inner.send(request, repeatable, wants_body))

    async def send_authorized(self, request: Request, repeatable: bool = False) -> Reply:
        """As `Session.send_authorized`."""
        return await _again(lambda: self._inner.send_authorized(request, repeatable))


async def _again(sending: Callable[[], Awaitable[Reply]]) -> Reply:
    while True:
        try:
            return await sending()
        except RateLimited as error:
            if error.after > LONGEST_SECONDS:
                raise
            await asyncio.sleep(error.after)
