"""One Chromium for all browser tests."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from bridge.core.http_types import Secret
from tests.browser.desk import Desks, open_desks
from tests.stage import Stage, open_stage

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a browser one test stands for all that are skipped: one line that says so."""
    of_browser = [item for item in items if item.path.is_relative_to(HERE)]
    if CHROMIUM or not of_browser:
        return
    reason = f"no Chromium here, {len(of_browser)} tests need one; on Debian, as root: apt-get install -y chromium"
    of_browser[0].add_marker(pytest.mark.skip(reason))
    config.hook.pytest_deselected(items=of_browser[1:])
    items[:] = [item for item in items if item not in of_browser[1:]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        await opened.close()


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """As everywhere, but calls are looked at more often: nobody wants to wait for the next look."""
    extra = {
        "POPBRIDGE_DESKTOP__REFRESH_SECONDS": "0.5",
        "POPBRIDGE_CRM__ACME__RECORD_HOSTS": "*.acme.example,crm.example",
    }
    async with open_stage(tmp_path, redis_url, extra=extra) as ready:
        yield ready


@pytest.fixture
async def desks(stage: Stage, browser: Browser) -> AsyncIterator[Desks]:
    async with open_desks(stage, browser) as opened:
        yield opened
