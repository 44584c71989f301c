"""The guides at /docs/connect: one for each make, safe to show, with links that lead somewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bridge.connect import guides
from bridge.core.reasons import languages
from bridge.crm import registry as crms
from bridge.pbx import registry as pbxs
from tests.stage import Stage

pytestmark = pytest.mark.anyio

KINDS = [*pbxs.packages(), *crms.packages()]


class Seen(HTMLParser):
    """The ids, links, pictures and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.ids |= {found["id"] or ""} if "id" in found else set()
        self.links |= {value for name in ("href", "src") if (value := found.get(name))}
        assert not [name for name in found if name.startswith("on") or name == "style"]


async def test_every_make_has_its_page_and_every_link_leads_somewhere(stage: Stage) -> None:
    index = Seen((await stage.get("/docs/connect")).text)
    assert {f"/docs/connect/{kind}" for kind in KINDS} <= index.links
    for path in ("/docs/connect", *(f"/docs/connect/{kind}" for kind in KINDS)):
        answer = await stage.get(path)
        assert answer.status_code == 200, path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        page = Seen(answer.text)
        assert page.tags.isdisjoint({"script", "iframe", "form", "style", "object"})
        for link in page.links:
            target, _, anchor = link.partition("#")
            if link.startswith("#"):
                assert anchor in page.ids, (path, link)
            elif link.startswith(("/", "?")):
                assert (await stage.get(target if target.startswith("/") else path + target)).status_code in (
                    200,
                    307,
                ), (path, link)
            else:
                assert link.startswith("https://"), (path, link)


async def test_the_frame_is_in_the_readers_language_and_the_guide_says_that_it_is_english(stage: Stage) -> None:
    page = (await stage.get("/docs/connect/asterisk?lang=he")).text
    hebrew = languages()["he"]
    assert '<html lang="he" dir="rtl">' in page
    assert '<div class="body" lang="en" dir="ltr">' in page
    assert f'<h2 id="settings" lang="he" dir="rtl">{hebrew["guide.section.settings"]}</h2>' in page
    for words in ("guide.guides", "guide.in-english", f"guide.proven.{guides.every()['asterisk'].proven}"):
        assert hebrew[words] in page
    assert 'href="/docs/connect?lang=he"' in page
    english = (await stage.get("/docs/connect/asterisk", headers={"Accept-Language": "en"})).text
    assert 'dir="rtl"' not in english
    assert languages()["en"]["guide.in-english"] not in english


async def test_what_is_the_same_for_every_make_is_in_every_language(stage: Stage) -> None:
    """With the same parts: another language is one file more."""
    english = (await stage.get("/docs/connect", headers={"Accept-Language": "en"})).text
    for lang, words in languages().items():
        page = (await stage.get(f"/docs/connect?lang={lang}")).text
        assert f'<div class="body" lang="{lang}" dir="{words["dir"]}">' in page
        for part in ("<h2", "<strong>", "<li>", "<code", "<img", "<tr>"):
            assert page.count(part) == english.count(part), (lang, part)


def test_most_headings_of_the_guides_have_words_in_every_language() -> None:
    """Those of one make alone stay English."""
    for kind in KINDS:
        headings = re.findall(r"<h2 (.*?)>", guides.guide(kind, "he").html)
        assert sum('lang="he"' in one for one in headings) >= 2, (kind, headings)


async def test_a_kind_that_there_is_not_is_told_those_there_are(stage: Stage) -> None:
    answer = await stage.get("/docs/connect/monday")
    assert answer.status_code == 404
    assert "hubspot" in answer.json()["detail"]


def test_what_a_guide_may_hold_is_only_text() -> None:
    hostile = "# T\n<script>x</script> <img src=x onerror=y>\n\n[a](javascript:alert(1)) [b](data:x,y) [c](//e.vil)\n"
    shown = guides.html(hostile, Path(__file__).parent)
    assert re.findall(r"<(?!/?p>)", shown) == []
    assert "href" not in shown
