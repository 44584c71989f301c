"""A search for a contact whose worker died, or whose job was lost, is queued again; until the contact is known."""

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.clicks.contact import find_contact
from bridge.core.http_types import Secret
from bridge.store import keys, searches
from bridge.store.calls import popups
from bridge.store.jobs import CONTACT
from tests.stage import Stage, open_stage

pytestmark = pytest.mark.anyio


class Queue:
    """What was put on it."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, ...]] = []

    def add(self, pipeline: object, name: str, *args: str) -> None:
        self.jobs.append((name, *args))


async def pressed(stage: Stage) -> str:
    stage.talk(number="0522340002")
    answer = (await stage.press("sales", "press-1")).json()
    return str(answer["popup"]["popup_id"])


async def lost(stage: Stage, seconds: float) -> list[tuple[str, ...]]:
    """What is queued again after so many seconds."""
    queue, now = Queue(), stage.services.clock.now() + timedelta(seconds=seconds)
    assert await searches.are_due(stage.redis, now) or seconds < searches.PATIENCE.total_seconds()
    await searches.queue_lost(stage.redis, queue, now)
    return queue.jobs


async def test_a_search_that_nobody_has_is_queued_again_until_the_contact_is_known(
    tmp_path: Path, redis_url: Secret
) -> None:
    async with open_stage(tmp_path, redis_url, crms={"sales": "espocrm"}) as stage:
        popup_id = await pressed(stage)
        assert await lost(stage, 5) == [], "it is under way"
        assert await lost(stage, 11) == [], "its job still waits"
        await stage.redis.delete("rq:queue:popbridge")
        assert await lost(stage, 23) == [(CONTACT, popup_id)]
        assert await lost(stage, 34) == [(CONTACT, popup_id)], "lost once more"
        await find_contact(popup_id, stage.services)
        assert await stage.redis.zcard(keys.SEARCHES) == 0
        kept = await popups.popup(stage.redis, popup_id)
        assert kept is not None
        assert kept[0].contact is not None
        assert kept[0].contact.records


async def test_what_is_gone_is_searched_for_no_longer(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, crms={"sales": "espocrm"}) as stage:
        popup_id = await pressed(stage)
        await stage.redis.delete(keys.popup(popup_id))
        await find_contact(popup_id, stage.services)
        assert await stage.redis.zcard(keys.SEARCHES) == 0
