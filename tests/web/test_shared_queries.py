"""Many clicks at once by real HTTP: few questions, right answers; a phone system that is down is not asked at once."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.pbx.switchboard import Extension
from tests.stage import Stage, open_stage, until

pytestmark = pytest.mark.anyio


async def test_sixty_different_clicks_at_once_are_a_handful_of_questions(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url) as stage:
        names = [f"SIP{number:03}x" for number in range(60)]
        now = datetime.now(UTC)
        for number, name in enumerate(names):
            stage.phone.extensions[name] = Extension(name, name)
            stage.phone._calls[name] = {}
            stage.phone.incoming([name], Caller(f"05412345{number:02}"), now)
        stage.pbx.faults.slow_seconds = 0.7
        responses = await asyncio.gather(*(stage.click({"extension": name}) for name in names))
        popups = [response.json()["popup"] for response in responses]
        assert [popup["call"]["extension"] for popup in popups] == names
        assert [popup["call"]["caller"]["number"] for popup in popups] == [f"05412345{n:02}" for n in range(60)]
        asked = stage.services.lookup.systems["main"].questions.asked
        assert asked <= 8, "a handful"
        sources = Counter(response.json()["served_from"] for response in responses)
        assert sources["pbx"] == asked
        assert sources["shared"] == 60 - asked


async def test_the_circuit_opens_shows_and_closes(stage: Stage) -> None:
    stage.talk()
    stage.pbx.faults.down = "503"
    for _ in range(5):
        assert (await stage.click()).json()["outcome"] == "pbx-unreachable"
    asked = stage.services.lookup.systems["main"].questions.asked
    answer = (await stage.click()).json()
    assert answer["outcome"] == "pbx-unreachable"
    assert "failed several times" in answer["why"]
    assert stage.services.lookup.systems["main"].questions.asked == asked
    ready = await stage.get("/readyz")
    assert ready.status_code == 200
    assert "circuit open" in ready.json()["checks"]["pbx main"]
    assert 'popbridge_pbx_circuit{pbx="main"} 2.0' in (await stage.get("/metrics")).text
    stage.pbx.faults.down = ""

    async def found() -> bool:
        return bool((await stage.click()).json()["outcome"] == "found")

    await until(found, 15)
    assert (await stage.get("/readyz")).json()["checks"]["pbx main"] == "ok"
