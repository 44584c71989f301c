"""The words that pages and scripts speak: `core.reasons` has them all, one catalogue for each language."""

import json
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.core.reasons import FALLBACK, Words, languages

STATIC = Path(__file__).parent / "static"
OLD_CODES = {"iw": "he"}
FOR_BUTTONS = ("dir", "button", "answer.", "state.", "caller.withheld", "caller.unknown", "reason.")
"""What the words begin with that the button brings along: where it runs it cannot fetch them."""
FOR_BUTTON, FOR_ANSWER = ("reasons.js", "shown.js"), ("shown.js",)
"""And which modules."""
AGAIN = {"Cache-Control": "no-cache"}


def chosen(accept_language: str) -> tuple[str, Words]:
    """The code and the words of the first language a browser names (`he-IL,he;q=0.9`) that there is, else English."""
    names = [part.split(";")[0].strip().lower().split("-")[0] for part in accept_language.split(",")]
    codes = [OLD_CODES.get(name, name) for name in names]
    code = next((code for code in codes if code in languages()), FALLBACK)
    return code, languages()[code]


async def listed(request: Request) -> Response:
    """`GET /static/lang/languages.json`: `[{"code", "name", "dir"}]` for the pages."""
    told = [{"code": code, "name": words["name"], "dir": words["dir"]} for code, words in languages().items()]
    return JSONResponse(told, headers=AGAIN)


async def catalogue(request: Request) -> Response:
    """`GET /static/lang/{code}.json`: every word of one language, the makes' own too."""
    words = languages().get(request.path_params["code"])
    if words is None:
        raise HTTPException(404)
    return JSONResponse(dict(words), headers=AGAIN)


async def button(request: Request) -> Response:
    """`GET /button.js`: the script that draws the button into a CRM's page, with its words in every language."""
    words = json.dumps(_words_for_buttons(), ensure_ascii=False)
    return _script(_text("button.js", "const WORDS = {};", f"const WORDS = {words};", FOR_BUTTON))


async def answer(request: Request) -> Response:
    """`GET /answer.js`: the script of the page that a CRM's link opens."""
    return _script(_text("answer.js", "/* shown.js */", "", FOR_ANSWER))


def _script(text: str) -> Response:
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "public, max-age=300"})


@cache
def _words_for_buttons() -> dict[str, dict[str, str]]:
    return {
        code: {key: text for key, text in words.items() if key.startswith(FOR_BUTTONS)}
        for code, words in languages().items()
    }


@cache
def _text(name: str, place: str, before: str, modules: tuple[str, ...]) -> str:
    """A script that is no module, with the modules that it needs put in at `place`."""
    texts = [before, *((STATIC / module).read_text(encoding="utf-8") for module in modules)]
    script = (STATIC / name).read_text(encoding="utf-8")
    return script.replace(place, "\n".join(texts).replace("export ", ""), 1)
