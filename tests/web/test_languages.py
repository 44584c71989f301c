"""The pages' words: every language says everything, and everything the pages say is there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.core.errors import ClickRefused
from bridge.core.model import Outcome
from bridge.core.reasons import languages as catalogues
from bridge.core.reasons import read, reason, say
from bridge.web.languages import STATIC, chosen
from tests.stage import DANA, TOKEN, Stage

ENGLISH = catalogues()["en"]
PAGES = [*STATIC.glob("*.js"), *STATIC.glob("desktop/*.js"), *STATIC.glob("console/*.js"), *STATIC.glob("*.html")]
each_language = pytest.mark.parametrize("code", catalogues())


def stem(key: str) -> str:
    """A key without its plural form: languages differ in how many they have."""
    return re.sub(r"\.(one|two|few|many|other)$", "", key) if key.startswith("reason.") else key


@each_language
def test_every_language_says_the_same_things(code: str) -> None:
    words = catalogues()[code]
    assert {stem(key) for key in words} == {stem(key) for key in ENGLISH}
    names = re.compile(r"\{\w+\}")
    assert {
        key for key in words if stem(key) == key and set(names.findall(words[key])) != set(names.findall(ENGLISH[key]))
    } == set()
    assert {key for key, text in words.items() if not text.strip()} == set()
    assert words["dir"] in ("ltr", "rtl")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_all_that_a_page_says_is_in_the_catalogues(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    said = re.findall(r'\bsay\("([\w.-]+)"', text) + re.findall(r'data-(?:say|label)="([\w.-]+)"', text)
    assert [key for key in said if key not in ENGLISH] == []


def test_every_outcome_and_every_refusal_has_words() -> None:
    assert [outcome for outcome in Outcome if f"answer.title.{outcome}" not in ENGLISH] == []
    assert [outcome for outcome in Outcome if outcome != "found" and f"answer.next.{outcome}" not in ENGLISH] == []
    spoken_of = {key.removeprefix("answer.problem.") for key in ENGLISH if key.startswith("answer.problem.")}
    reasons = {refused.reason for refused in [ClickRefused, *ClickRefused.__subclasses__()]}
    assert spoken_of <= reasons
    in_console = [*(f"console.outcome.{one}" for one in Outcome), *(f"console.reason.{one}" for one in reasons)]
    to_do = [f"console.do.{one}" for one in {*map(str, Outcome), *reasons} - {"found"}]
    assert [key for key in (*in_console, *to_do) if key not in ENGLISH] == []


@pytest.mark.parametrize(
    ("wanted", "code"),
    [("he-IL,he;q=0.9,en;q=0.8", "he"), ("iw", "he"), ("fr,he;q=0.5", "he"), ("fr", "en"), ("", "en"), ("EN-gb", "en")],
)
def test_a_browser_gets_the_first_of_its_languages_that_there_is(wanted: str, code: str) -> None:
    assert chosen(wanted) == (code, catalogues()[code])


@pytest.mark.anyio
async def test_pages_are_told_which_languages_there_are(stage: Stage) -> None:
    told = (await stage.get("/static/lang/languages.json")).json()
    assert {"code": "he", "name": "עברית", "dir": "rtl"} in told
    assert [each["code"] for each in told] == sorted(catalogues())


@pytest.mark.anyio
async def test_the_links_page_is_in_the_browsers_language(stage: Stage) -> None:
    link = f"/clicks/acme?agent={DANA}&token={TOKEN.reveal()}"
    page = await stage.get(link, {"accept": "text/html", "accept-language": "he-IL"})
    assert '<html lang="he" dir="rtl">' in page.text
    assert catalogues()["he"]["answer.title.no-active-call"] in page.text


@pytest.mark.anyio
async def test_the_links_page_says_the_reason_in_the_browsers_language(stage: Stage) -> None:
    link = f"/clicks/acme?agent={DANA}&token={TOKEN.reveal()}"
    page = await stage.get(link, {"accept": "text/html", "accept-language": "he-IL"})
    assert say(reason("no-call", count=1, extensions=["SIPDana1"]), "he") in page.text


@pytest.mark.anyio
async def test_a_language_has_the_words_of_every_make(stage: Stage) -> None:
    assert (await stage.get("/static/lang/he.json")).json() == catalogues()["he"]
    assert (await stage.get("/static/lang/xx.json")).status_code == 404


CODES = sorted({stem(key).removeprefix("reason.") for key in ENGLISH if key.startswith("reason.")})
PARAMS = {"count": 2, "extensions": ["10", "11"], "state": {"code": "state-hold"}, "seconds": 5, "host": "crm.example"}


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@each_language
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_pages_say_each_reason_as_the_program_does(code: str, count: int) -> None:
    told = [{"code": one, "params": {**PARAMS, "count": count}, "also": [{"code": "only-call"}]} for one in CODES]
    module, words = json.dumps(str(STATIC / "reasons.js")), json.dumps(catalogues()[code])
    script = f"""
import {{ sayReason }} from {module};
console.log(JSON.stringify({json.dumps(told)}.map((one) => sayReason(one, {words}, {json.dumps(code)}))));
"""
    said = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == [say(read(one), code) for one in told]


@pytest.mark.anyio
async def test_the_buttons_script_brings_its_words_along(stage: Stage) -> None:
    script = await stage.get("/button.js")
    assert script.headers["content-type"].startswith("text/javascript")
    for words in catalogues().values():
        assert words["button"] in script.text
        assert words["answer.next.no-active-call"] in script.text
        assert words["settings.theme"] not in script.text
