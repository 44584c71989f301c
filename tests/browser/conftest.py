"""One Chromium for all browser tests, and a stage whose deliveries are pushed as soon as they are there."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from playwright.async_api import Browser, async_playwright

from bridge.push import push
from bridge.store.tokens import Role
from tests.browser.desk import Desks
from tests.stage import Stage

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LOOK_SECONDS = 0.02


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; on Debian, as root: apt-get install -y chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        await opened.close()


@pytest.fixture
async def desks(stage: Stage, browser: Browser) -> AsyncIterator[Desks]:
    """Desktop pages over a stage with a worker. A page that wrote an error to its console fails the test."""
    working = asyncio.create_task(work(stage))
    opened = Desks(stage, browser)
    yield opened
    await opened.close()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    assert opened.errors == []


async def work(stage: Stage) -> None:
    """What the workers do: every delivery is pushed once."""
    supervisor, done = await stage.token(Role.SUPERVISOR), set()
    while True:
        listed = (await stage.get("/api/deliveries?state=pending", supervisor)).json()
        for delivery in [each["delivery_id"] for each in listed["items"] if each["delivery_id"] not in done]:
            done.add(delivery)
            await push(delivery, stage.kit)
        await asyncio.sleep(LOOK_SECONDS)
