"""What the simulated RingCentral keeps of who asks it: sessions with their tokens, and how many questions; pure."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from bridge.core.http_types import Secret

ACCESS_SECONDS, REFRESH_SECONDS, MOST_SESSIONS = 3600, 7 * 86400, 5
LIMITS = {"light": 50, "medium": 40, "heavy": 10}
WINDOW_SECONDS, PENALTY_SECONDS = 60, 60


@dataclass(slots=True)
class Counted:
    """The questions of one plan group: since when they are counted, how many, and until when none is taken."""

    since: float = 0.0
    count: int = 0
    refused_until: float = 0.0

    def is_too_often(self, now: float, most: int) -> bool:
        """Counts a question. One during the penalty makes that begin again."""
        if now >= self.since + WINDOW_SECONDS:
            self.since, self.count = now, 0
        self.count += 1
        if self.count > most or now < self.refused_until:
            self.refused_until = now + PENALTY_SECONDS
        return now < self.refused_until


@dataclass(slots=True)
class Issued:
    """The sessions, oldest first: refresh token, access token, and until when the latter is good."""

    sessions: dict[str, tuple[str, float]] = field(default_factory=dict)
    log_ins: int = 0

    def open(self, now: float, instead_of: str = "") -> dict[str, Any]:
        """A new pair. A refresh token is good once, and its access token ends with it; so does the oldest session."""
        self.sessions.pop(instead_of, None)
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.sessions[refresh] = (access, now + ACCESS_SECONDS)
        self.sessions = dict(list(self.sessions.items())[-MOST_SESSIONS:])
        lives = {"expires_in": ACCESS_SECONDS, "refresh_token_expires_in": REFRESH_SECONDS}
        tokens = {"access_token": access, "token_type": "bearer", "refresh_token": refresh}
        return {**tokens, **lives, "scope": "ReadAccounts ReadPresence", "owner_id": "62000000"}

    def takes(self, access: str, now: float) -> bool:
        """Whether an access token is good."""
        return any(Secret(each).matches(access) and now < until for each, until in self.sessions.values())
