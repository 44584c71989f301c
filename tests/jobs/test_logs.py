"""The click's id goes with it: from the web door, over the job, to the push."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.delivery.deliver import deliver
from bridge.observability import logs
from bridge.store.tokens import Role
from tests.stage import CALLER, DANA, Stage, listening, open_stage

pytestmark = pytest.mark.anyio


class Told(logging.Handler):
    """The fields of each line, as the formatters see them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append({"message": record.getMessage(), **logs._fields(record)})

    def of(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == message]


@pytest.fixture
def told() -> Iterator[Told]:
    handler = Told()
    with listening(handler, logging.INFO):
        yield handler


async def test_a_click_and_its_deliveries_have_a_line_each_with_its_id(stage: Stage, told: Told) -> None:
    stage.talk()
    answer = (await stage.click()).json()
    (line,) = told.of("click")
    assert (line["click_id"], line["crm"], line["outcome"]) == (answer["click_id"], "acme", "found")
    assert line["caller"] == "07227…72"
    popup = answer["popup"]["popup_id"]
    kept = (await stage.get(f"/api/popups/{popup}", await stage.token(Role.SUPERVISOR))).json()
    for delivery in kept["deliveries"]:
        await deliver(delivery["delivery_id"], stage.services)
    assert {(line["click_id"], line["target"], line["state"]) for line in told.of("delivery")} == {
        (answer["click_id"], "acme", "delivered"),
        (answer["click_id"], "desktop", "pending"),
    }
    page = await stage.token(Role.AGENT, DANA)
    ack = {"popup_id": popup, "event": "shown"}
    await stage.http.post(f"{stage.bridge_url}/desktop/ack", json=ack, headers=page)
    last = told.of("delivery")[-1]
    assert (last["click_id"], last["target"], last["state"]) == (answer["click_id"], "desktop", "delivered")
    assert CALLER not in repr(told.lines)


async def test_a_refused_click_has_its_line_too(stage: Stage, told: Told) -> None:
    await stage.raw(b"{")
    (line,) = told.of("click")
    assert (line["outcome"], line["reason"], line["crm"]) == ("refused", "malformed", "acme")


async def test_numbers_are_logged_in_full_on_demand(tmp_path: Path, redis_url: Secret, told: Told) -> None:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_LOG__NUMBERS": "true"}) as stage:
        stage.talk()
        await stage.click()
    assert told.of("click")[0]["caller"] == CALLER
