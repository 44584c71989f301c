"""`/`: a page for people in their language, the same as JSON for programs."""

import re

import pytest

from tests.stage import Stage

pytestmark = pytest.mark.anyio

HTML = {"Accept": "text/html,application/xhtml+xml"}


async def test_people_are_shown_the_ways(stage: Stage) -> None:
    page = await stage.get("/", HTML)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].endswith("frame-ancestors 'none'")
    for address in re.findall(r'<a href="([^"]+)"', page.text):
        assert (await stage.get(address)).status_code in (200, 307), address
    assert {"/desktop", "/console", "/docs", "/readyz"} <= set(re.findall(r'<a href="([^"]+)"', page.text))
    assert "popbridge token create --role supervisor" in page.text
    assert "Sign in with" not in page.text, "no identity provider is set up"


@pytest.mark.parametrize(("path", "language"), [("/", "he-IL,he;q=0.9"), ("/?lang=he", "en-GB")])
async def test_in_the_readers_language(stage: Stage, path: str, language: str) -> None:
    page = await stage.get(path, {**HTML, "Accept-Language": language})
    assert '<html lang="he" dir="rtl">' in page.text
    assert "איך מתחברים" in page.text


async def test_programs_get_json(stage: Stage) -> None:
    told = (await stage.get("/", {"Accept": "*/*"})).json()
    assert told["pages"] == {"desktop": "/desktop", "console": "/console", "docs": "/docs", "health": "/readyz"}
    assert (told["name"], told["api"], told["sign_in"]) == ("popbridge", "/openapi.json", ["token", "link"])
