"""The simulated RingCentral's subscriptions: made only where the address echoes a token, expired after their time,
blacklisted once their address fails, and told of each change of presence."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.core.json_codec import time_text
from bridge.pbx.simulated_post import Answered

LONGEST_LIFE = 315_360_000
MOST_ANSWER_BYTES, ANSWER_SECONDS = 1024, 3.0
ACTIVE, BLACKLISTED = "Active", "Blacklisted"

Post = Callable[[str, Mapping[str, str], bytes, float], Awaitable[Answered | None]]


@dataclass(slots=True)
class Subscriptions:
    """Those of one application. `tests` counts the addresses that were tested."""

    clock: Callable[[], float]
    post: Post
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    tests: int = 0

    def listed(self) -> list[dict[str, Any]]:
        """Those that have not expired."""
        now = self.clock()
        self.rows = {its_id: row for its_id, row in self.rows.items() if row["until"] > now}
        return [self._shown(row) for row in self.rows.values()]

    async def make(self, said: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and body of the answer to a request to make one."""
        mode, filters = said.get("deliveryMode", {}), said.get("eventFilters")
        if mode.get("transportType") != "WebHook" or not filters or not mode.get("address"):
            return 400, _error("SUB-528", "Parameter value is invalid")
        token = secrets.token_hex(16)
        self.tests += 1
        headers = {"Validation-Token": token, "Content-Type": "application/json"}
        answer = await self.post(mode["address"], headers, b"", ANSWER_SECONDS)
        if answer is None or answer.status != 200 or answer.headers.get("validation-token") != token:
            return 400, _error("SUB-521", "WebHook is not reachable or does not echo the Validation-Token")
        if "json" not in answer.headers.get("content-type", "") or answer.bytes > MOST_ANSWER_BYTES:
            return 400, _error("SUB-525", "WebHook server response is invalid")
        its_id = f"sub-{len(self.rows) + 1}-{secrets.token_hex(4)}"
        life = min(int(said.get("expiresIn", LONGEST_LIFE)), LONGEST_LIFE)
        row = {"id": its_id, "status": ACTIVE, "eventFilters": filters, "deliveryMode": mode, "life": life}
        self.rows[its_id] = {**row, "until": self.clock() + life}
        return 200, self._shown(self.rows[its_id])

    def renew(self, its_id: str, said: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The answer to a PUT. One that is blacklisted stays so."""
        row = self.rows.get(its_id)
        if row is None:
            return 404, _error("CMN-102", "Resource for parameter [subscriptionId] is not found")
        row |= {"eventFilters": said["eventFilters"], "life": int(said["expiresIn"])}
        row["until"] = self.clock() + row["life"]
        return 200, self._shown(row)

    def remove(self, its_id: str) -> tuple[int, dict[str, Any]]:
        """The answer to a DELETE."""
        return (204, {}) if self.rows.pop(its_id, None) else (404, _error("CMN-102", "not found"))

    async def tell(self, extension_id: int, event: dict[str, Any]) -> None:
        """Send an event to everybody who has subscribed to it. Who does not take it is told nothing more, for good."""
        self.listed()
        for row in self.rows.values():
            wanted = any(f"/extension/{extension_id}/presence" in one for one in row["eventFilters"])
            if not wanted or row["status"] != ACTIVE:
                continue
            headers = {
                "Content-Type": "application/json",
                "Verification-Token": row["deliveryMode"]["verificationToken"],
            }
            body = json.dumps({**event, "subscriptionId": row["id"]}).encode()
            answer = await self.post(row["deliveryMode"]["address"], headers, body, ANSWER_SECONDS)
            if answer is None or answer.status != 200:
                row["status"] = BLACKLISTED

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        """As a list shows it: without the token."""
        mode = {name: value for name, value in row["deliveryMode"].items() if name != "verificationToken"}
        shown = {name: row[name] for name in ("id", "status", "eventFilters")}
        until = time_text(datetime.fromtimestamp(row["until"], UTC))
        return {**shown, "expirationTime": until, "expiresIn": row["life"], "deliveryMode": mode}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"errorCode": code, "message": message}
