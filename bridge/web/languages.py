"""The languages that pages speak: one JSON catalogue each in static/lang, which holds its own `name` and `dir`."""

import json
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

STATIC = Path(__file__).parent / "static"
FALLBACK = "en"
OLD_CODES = {"iw": "he"}
FOR_BUTTONS = ("dir", "button", "answer.", "state.", "caller.withheld", "caller.unknown", "sentence.")
FOR_ANSWERS = ("sentence.",)
"""What words begin with that these scripts bring along: from where they run they cannot fetch them."""
BROUGHT_ALONG = ("sentences.js", "shown.js")

Catalogue = dict[str, str]


@cache
def catalogues() -> dict[str, Catalogue]:
    """Every language's words by its code. Another language is another file."""
    files = sorted((STATIC / "lang").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def chosen(accept_language: str) -> tuple[str, Catalogue]:
    """The code and the words of the first language a browser names (`he-IL,he;q=0.9`) that there is, else English."""
    names = [part.split(";")[0].strip().lower().split("-")[0] for part in accept_language.split(",")]
    codes = [OLD_CODES.get(name, name) for name in names]
    code = next((code for code in codes if code in catalogues()), FALLBACK)
    return code, catalogues()[code]


async def listed(request: Request) -> Response:
    """`GET /static/lang/languages.json`: `[{"code", "name", "dir"}]` for the pages."""
    told = [{"code": code, "name": words["name"], "dir": words["dir"]} for code, words in catalogues().items()]
    return JSONResponse(told, headers={"Cache-Control": "no-cache"})


async def button(request: Request) -> Response:
    """`GET /button.js`: the script that draws the button into a CRM's page, with its words in every language."""
    return _script(_with_words("button.js", FOR_BUTTONS))


async def answer(request: Request) -> Response:
    """`GET /answer.js`: the script of the page that a CRM's link opens, with the bridge's sentences."""
    return _script(_with_words("answer.js", FOR_ANSWERS))


def _script(text: str) -> Response:
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "public, max-age=300"})


@cache
def _with_words(name: str, beginnings: tuple[str, ...]) -> str:
    """A script that is no module, with its words and the modules that it needs put in."""
    words = {
        code: {key: text for key, text in catalogue.items() if key.startswith(beginnings)}
        for code, catalogue in catalogues().items()
    }
    modules = [(STATIC / module).read_text(encoding="utf-8") for module in BROUGHT_ALONG]
    script = (STATIC / name).read_text(encoding="utf-8")
    brought = f"const WORDS = {json.dumps(words, ensure_ascii=False)};\n" + "\n".join(modules).replace("export ", "")
    return script.replace("const WORDS = {};", brought, 1)
