"""A session that keeps what is sent and answered, for whoever tests an account; and what a test remembers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bridge.core.http_types import Reply, Request
from bridge.core.session import Session
from bridge.core.tokens import KeptTokens, RateLimit
from bridge.pbx.recording import Recorded, RecordingSession


@dataclass(slots=True)
class Watched:
    """What was sent through one session, and what came back; `Recorded.raw` what came on a connection of its own."""

    requests: list[Request] = field(default_factory=list)
    recorded: Recorded = field(default_factory=lambda: Recorded("test"))

    def over(self, session: Session) -> Session:
        """A session over `session` that is watched."""
        return _WatchedSession(session, self)


class _WatchedSession(RecordingSession):
    def __init__(self, session: Session, watched: Watched) -> None:
        super().__init__(session, watched.recorded)
        self._watched = watched

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        """As `Session.send`."""
        self._watched.requests.append(request)
        return await super().send(request, repeatable, wants_body)

    async def send_authorized(self, request: Request, repeatable: bool = False) -> Reply:
        """As `Session.send_authorized`."""
        self._watched.requests.append(request)
        return await super().send_authorized(request, repeatable)


class Aside:
    """What all processes keep for an account, for the length of a test: nothing of it is stored."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self.tokens: KeptTokens | None = None

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        """See `Session.remember`."""
        self._values[key] = value

    async def recall(self, key: str) -> str | None:
        """See `Session.recall`."""
        return self._values.get(key)

    async def take_turn(self, limits: Sequence[RateLimit], patience: float = 0.0) -> float:
        """A test sends a handful of requests: the vendor's own limit is not counted."""
        return 0.0

    async def load_tokens(self) -> KeptTokens | None:
        """None before the first."""
        return self.tokens

    async def save_tokens(self, tokens: KeptTokens) -> None:
        """Kept for this test."""
        self.tokens = tokens

    async def lock(self, holder: str, seconds: float) -> bool:
        """There is nobody else."""
        return True

    async def unlock(self, holder: str) -> None:
        """There is nobody else."""
