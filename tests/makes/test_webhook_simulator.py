"""The simulated receiver of webhooks: it takes what is signed, refuses what is not, and fails as it is told."""

import asyncio
import json
from datetime import UTC, datetime

import httpx
import pytest

from bridge.core.errors import BadSignature
from bridge.core.http_types import Incoming, Secret
from bridge.crm.webhook import signature
from bridge.crm.webhook import simulator as crm_fake
from bridge.crm.webhook import wire as crm_wire

WINTER = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KEY, OTHER_KEY = (Secret("whsec_" + letter * 32) for letter in "AB")
EVENT = {"type": "call.popup", "data": {"popup_id": "pop_1", "click_id": "clk_1"}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def push(
    crm: crm_fake.WebhookSimulator, secret: Secret = KEY, body: bytes = json.dumps(EVENT).encode()
) -> httpx.Response:
    headers = signature.headers([secret], "dlv_1", int(WINTER.timestamp()), body)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(crm.app()), base_url="http://crm") as client:
        return await client.post("/popups", content=body, headers=headers)


@pytest.fixture
def crm() -> crm_fake.WebhookSimulator:
    return crm_fake.WebhookSimulator([KEY], clock=WINTER.timestamp)


@pytest.mark.anyio
async def test_the_crm_takes_what_is_signed_and_tells_who_waits_for_it(crm: crm_fake.WebhookSimulator) -> None:
    waiting = asyncio.create_task(crm.wait_for("clk_1", seconds=5))
    assert (await push(crm)).status_code == 200
    received = await waiting
    assert (received.webhook_id, received.popup["popup_id"], received.at) == ("dlv_1", "pop_1", WINTER.timestamp())
    with pytest.raises(TimeoutError):
        await crm.wait_for("clk_2", seconds=0.01)


@pytest.mark.anyio
async def test_the_crm_refuses_what_is_not_signed_for_it(crm: crm_fake.WebhookSimulator) -> None:
    assert (await push(crm, OTHER_KEY)).status_code == 401
    assert (await push(crm, body=b"[1]")).status_code == 401
    assert crm.accepted() == []
    assert [each.popup for each in crm.received] == [{}, {}]


@pytest.mark.anyio
@pytest.mark.parametrize("status", [503, 429, 410, 404])
async def test_the_crm_fails_as_it_is_told(crm: crm_fake.WebhookSimulator, status: int) -> None:
    crm.faults.status, crm.faults.retry_after = status, 3
    answer = await push(crm)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("3" if status in (429, 503) else None)
    assert crm.accepted() == []
    crm.faults.status = 200
    assert (await push(crm)).status_code == 200


def test_the_buttons_click_is_proven_and_read_by_the_adapter() -> None:
    request = crm_fake.signed_click(
        "http://bridge", "acme", KEY, {"agent": "dana@acme.example"}, "press-1", WINTER.timestamp()
    )
    headers = {name.lower(): value for name, value in request.headers.items()}
    incoming = Incoming(request.method, request.url, headers, {}, request.body, WINTER)
    assert request.url == "http://bridge/clicks/acme"
    asked = crm_wire.read_click([KEY], None, incoming)
    assert (asked.agent, asked.key) == ("dana@acme.example", "webhook-id:press-1")
    with pytest.raises(BadSignature):
        crm_wire.read_click([OTHER_KEY], None, incoming)
