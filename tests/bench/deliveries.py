"""popbridge's own feeder: each delivery is left by the transaction of a click that found its call.

`python -m tests.bench.deliveries backlog COUNT | open RATE SECONDS SEED`; BENCH_AGE: how many seconds ago each click
was, as far as the ledger is told (less than 0: in the future, so that the sweeper has no cause to look yet).
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

from bridge.clicks.commit import Entry, commit
from bridge.config.models import Settings
from bridge.core.clock import new_id
from bridge.core.delivery import DeliveryEvent, Event
from bridge.core.http_types import Secret
from bridge.core.model import (
    Agent,
    Answer,
    Call,
    Caller,
    CallerKind,
    CallState,
    Click,
    Direction,
    ExtensionId,
    Outcome,
    Popup,
    PopupAgent,
    Recording,
    ServedFrom,
)
from bridge.crm.webhook import wire
from bridge.settings import load_settings
from bridge.store.calls import popups
from bridge.store.client import open_async, open_sync
from bridge.store.jobs import Jobs
from bridge.store.scripts import Scripts
from tests.bench.peers.feeder import feed

CRM, PBX, EXTENSION, DANA = "acme", "main", "SIPDana1", "dana@acme.example"
TTL = timedelta(seconds=120)


def entry(now: datetime) -> Entry:
    """A click at `now` that found Dana talking with a customer."""
    click = Click(new_id("clk", now), CRM, now, "203.0.113.7", agent=DANA, key=f"webhook-id:{new_id('msg', now)}")
    found = popup(click, now)
    answer = Answer(click.click_id, Outcome.FOUND, found.why, found, ServedFrom.PBX, 41.7, 48.2)
    agent = Agent(CRM, DANA, "Dana Cohen", (ExtensionId(PBX, EXTENSION),))
    steps = {"directory": 0.1, "lookup": 41.9, "choose": 0.1}
    calls, regions = (found.call,), {PBX: "IL"}
    return Entry(click, answer, agent, live_calls=calls, targets=(CRM,), steps=steps, regions=regions)


def popup(click: Click, now: datetime) -> Popup:
    """What Dana is shown."""
    agent = PopupAgent(CRM, DANA, "Dana Cohen", PBX, EXTENSION)
    why = "1 call on SIPDana1, talking since 10:00:07"
    record = {"type": "contact", "id": "0035g00000ABCDE"}
    at = new_id("pop", now)
    return Popup(at, click.click_id, now, now + TTL, agent, call(now), (), why, record)


def call(now: datetime) -> Call:
    """As Voicenter tells of one."""
    return Call(
        pbx=PBX,
        extension=EXTENSION,
        ivrid="20261122100000aaaabbbbccccdddd0001",
        original_ivrid=None,
        did="0776707528",
        did_label="Sales line",
        direction=Direction.INCOMING,
        state=CallState.TALKING,
        caller=Caller("0722776772", "+972722776772", "ישראל ישראלי", CallerKind.NUMBER),
        started_at=now - timedelta(seconds=12),
        answered_at=now - timedelta(seconds=5),
        recording=Recording("aws_2026112210000012345.mp3", False),
        customdata={"queue": "sales", "campaign": "autumn"},
    )


def body(settings: Settings) -> bytes:
    """What a CRM is sent of such a click: the peers push the same."""
    now = datetime.now(UTC)
    event = DeliveryEvent(Event.POPUP, new_id("dlv", now), now, entry(now).answer.popup)
    return wire.write_event("http://127.0.0.1:9", dict(settings.crm[CRM])["popup_secrets"], event, now).body


async def main() -> None:
    """Feed as the arguments say."""
    settings = load_settings(os.environ["BENCH_CONFIG"], {})
    url, age = settings.redis.url or Secret(""), timedelta(seconds=float(os.environ.get("BENCH_AGE", "0")))
    redis, queue_connection = open_async(url), open_sync(url)
    queue, scripts = Jobs(queue_connection), Scripts(redis)

    async def put() -> str:
        clicked = entry(datetime.now(UTC) - age)
        await commit(scripts, queue, clicked)
        assert clicked.answer.popup is not None
        kept = await popups.popup(redis, clicked.answer.popup.popup_id)
        assert kept is not None
        return kept[1][0]

    await feed(put, sys.argv[1:])
    await redis.aclose()
    queue_connection.close()


if __name__ == "__main__":
    asyncio.run(main())
