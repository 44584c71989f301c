"""One press of the button, followed to its end: what was sent, what was answered, who has got the popup and when."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.core.delivery import DESKTOP
from bridge.core.errors import RequestFailed
from bridge.core.http_types import Request
from bridge.core.reasons import Reason
from bridge.crm.simulation import CrmSimulator
from bridge.crm.simulation import Press as ButtonPress
from bridge.demo.cast import CRM, DANA, Customer
from bridge.demo.stage import POPUP_TTL_SECONDS, Stage
from bridge.egress.client import EgressClient

CLICK_SECONDS = 15.0
FIRST_LOOK_SECONDS, SLOWEST_LOOK_SECONDS = 0.03, 1.0


@dataclass(slots=True)
class Press:
    """What is known of one press so far. `pressed_at` is epoch seconds, and what ends in `at_ms` counts from it.

    `problem` is why the click was not accepted; `answer` is the bridge's; `story` is what it tells of the click later.
    """

    number: int
    by_itself: bool
    pressed_at: float
    answered_at_ms: float | None = None
    problem: str | None = None
    answer: Mapping[str, Any] | None = None
    story: Mapping[str, Any] | None = None
    crm_at_ms: float | None = None
    desktop_at_ms: float | None = None

    def shown(self) -> dict[str, Any]:
        """As JSON for the page."""
        return asdict(self)


@dataclass(slots=True)
class Button:
    """The CRM's button: `press` sends the signed click, then follows it until every delivery has ended."""

    stage: Stage
    client: EgressClient
    crm: CrmSimulator
    open_page: Callable[[], Customer | None] = lambda: None
    """The contact whose page Dana has open in her CRM."""
    supervisor_token: str = field(default="", repr=False)
    presses: list[Press] = field(default_factory=list)
    keep: int = 8
    _count: int = 0

    async def press(self, by_itself: bool = False) -> Press:
        """Press it; comes back when the click is answered. The rest is `follow`'s."""
        self._count += 1
        press = Press(self._count, by_itself, time.time())
        self.presses[:] = [press, *self.presses][: self.keep]
        started = time.perf_counter()
        try:
            await self._send(press)
        except RequestFailed as failure:
            press.problem = f"the bridge cannot be reached: {failure}"
        press.answered_at_ms = _since(started)
        return press

    async def _send(self, press: Press) -> None:
        make = self.stage.button.press
        if make is None:
            raise RequestFailed("no-button", Reason("no-button"))
        at = datetime.fromtimestamp(press.pressed_at, UTC)
        open_page = self.open_page()
        record, url = (open_page.contact(), self.stage.contact_url(open_page.contact_id)) if open_page else (None, "")
        pressed = ButtonPress(DANA.user(), f"press-{secrets.token_hex(8)}", at, record, url)
        request = make(self.stage.bridge_url, CRM, self.stage.crm_secret, pressed)
        reply = await self.client.send(request, CLICK_SECONDS)
        told = json.loads(reply.body)
        if reply.status == 200:
            press.answer = told
        else:
            press.problem = f"{reply.status} {told.get('reason')}: {told.get('detail')}"

    async def follow(self, press: Press) -> None:
        """Look again and again what became of the press, until every delivery has ended or the popup is out of date."""
        if press.answer is None:
            return
        wait = FIRST_LOOK_SECONDS
        try:
            async with asyncio.timeout(POPUP_TTL_SECONDS + 10):
                while not await self._look(press):
                    await asyncio.sleep(wait)
                    wait = min(wait * 1.5, SLOWEST_LOOK_SECONDS)
        except (TimeoutError, RequestFailed):
            return

    async def _look(self, press: Press) -> bool:
        """Whether there is nothing more to come."""
        assert press.answer is not None  # noqa: S101 - for the type checker: `follow` has looked
        click_id = press.answer["click_id"]
        story = await self.ask(f"/api/clicks/{click_id}")
        press.story = story
        popup = (press.answer.get("popup") or {}).get("popup_id")
        for shown in self.crm.shown():
            if popup and (shown.popup_id == popup or (not shown.popup_id and shown.at >= press.pressed_at)):
                press.crm_at_ms = press.crm_at_ms or _ms(shown.at - press.pressed_at)
        deliveries = story.get("deliveries", [])
        for delivery in deliveries:
            if delivery["target"] == DESKTOP and delivery["state"] == "delivered":
                press.desktop_at_ms = _ms(datetime.fromisoformat(delivery["ended_at"]).timestamp() - press.pressed_at)
        return all(delivery["state"] != "pending" for delivery in deliveries)

    async def ask(self, path: str) -> dict[str, Any]:
        """What the bridge's API says to a supervisor; an empty object when it does not say 200."""
        headers = {"Authorization": f"Bearer {self.supervisor_token}"}
        reply = await self.client.send(Request("GET", self.stage.bridge_url + path, headers), timeout_seconds=5)
        told = json.loads(reply.body) if reply.status == 200 else {}
        return told if isinstance(told, dict) else {}


def _since(started: float) -> float:
    return _ms(time.perf_counter() - started)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
