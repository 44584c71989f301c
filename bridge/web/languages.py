"""The words of the pages, and the scripts that bring their words and modules along.

The words themselves are `core.reasons`': one catalogue for each language, the makes' words included.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bridge.core.reasons import FALLBACK, Words, languages

STATIC = Path(__file__).parent / "static"
OLD_CODES = {"iw": "he"}
BUTTON_KEYS = ("dir", "dry-run", "button", "answer.", "state.", "caller.withheld", "caller.unknown", "reason.")
"""What the keys begin with that the button needs: on a CRM's page it cannot fetch its words."""
OF_FINDINGS = re.compile(r"reason\.(?:[a-z0-9]+\.)?(?:found|fix|csv|file|value|refused)-")
"""The keys of what tests of phone systems, CRMs, the bridge and typed values find, and of refusals: the console alone
shows them."""
OF_CONSOLE = ("console.", "connect.")
OF_SETTINGS = "setting."
"""How the keys of the settings' help begin: /console/connect alone shows it, and gets it with the settings."""
FRAME_KEYS = ("dir", "frame.", "unloaded.")
"""The same for a page in a frame that lets it fetch nothing."""
IMPORT = re.compile(r'^import [^;]*? from "(\./[\w./]+)";\n', re.M)
NOTHING = re.compile(r"(?!)")
REVALIDATE = "no-cache"
"""A page asks each time, and is told 304 while nothing has changed: after an update no page mixes old and new words."""
FIVE_MINUTES = "public, max-age=300"


def chosen(accept_language: str) -> tuple[str, Words]:
    """The code and the words of the first language in an `Accept-Language` that there is, else English."""
    names = [part.split(";")[0].strip().lower().split("-")[0] for part in accept_language.split(",")]
    codes = [OLD_CODES.get(name, name) for name in names]
    code = next((code for code in codes if code in languages()), FALLBACK)
    return code, languages()[code]


async def listed(request: Request) -> Response:
    """`GET /static/lang/languages.json`: `[{"code", "name", "dir"}]` for the pages."""
    found = [{"code": code, "name": words["name"], "dir": words["dir"]} for code, words in languages().items()]
    return _answered(request, _json(found), "application/json", REVALIDATE)


async def catalogue(request: Request) -> Response:
    """`GET /static/lang/{code}.json`: the pages' words in one language; with `?for=desktop` without those that the
    console alone shows, a third of them. 404 for a language that there is not."""
    code = request.path_params["code"]
    if code not in languages():
        raise HTTPException(404)
    words = {key: text for key, text in languages()[code].items() if not key.startswith(OF_SETTINGS)}
    if request.query_params.get("for") == "desktop":
        words = {key: text for key, text in words.items() if not _is_of_console(key)}
    return _answered(request, _json(words), "application/json", REVALIDATE)


async def button(request: Request) -> Response:
    """`GET /button.js`: the script that puts the button into a CRM's page, with its words in every language."""
    return _answered(request, _button(), "text/javascript", FIVE_MINUTES)


async def answer(request: Request) -> Response:
    """`GET /answer.js`: the script of the page that a CRM's link opens."""
    return _answered(request, _script("answer.js"), "text/javascript", FIVE_MINUTES)


async def frame(request: Request) -> Response:
    """`GET /static/frame.js`: the script that says why the desktop page cannot work where it is shown."""
    text = _words(FRAME_KEYS) + "\n" + (STATIC / "frame.js").read_text(encoding="utf-8")
    return _answered(request, text.encode(), "text/javascript", REVALIDATE)


def _answered(request: Request, body: bytes, media_type: str, cached: str) -> Response:
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {"ETag": tag, "Cache-Control": cached}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _is_of_console(key: str) -> bool:
    return key.startswith(OF_CONSOLE) or OF_FINDINGS.match(key) is not None


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _button() -> bytes:
    return _script("button.js", _words(BUTTON_KEYS, leave_out=OF_FINDINGS))


def _words(beginnings: tuple[str, ...], leave_out: re.Pattern[str] = NOTHING) -> str:
    """The words whose keys begin so, in every language, as a line of script."""
    words = {
        code: {key: text for key, text in known.items() if key.startswith(beginnings) and not leave_out.match(key)}
        for code, known in languages().items()
    }
    return f"const WORDS = {_json(words).decode()};"


def _script(name: str, before: str = "") -> bytes:
    """A module and all that it imports as one plain script: only such a one knows where in a CRM's page it stands."""
    parts = before + "\n" + _joined(name)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'.encode()


@cache
def _joined(name: str) -> str:
    return "\n".join(_modules(STATIC / name, set()))


def _modules(module: Path, seen: set[Path]) -> Iterator[str]:
    """The text of each module, once, after those that it imports."""
    if module in seen:
        return
    seen.add(module)
    text = module.read_text(encoding="utf-8")
    for name in IMPORT.findall(text):
        yield from _modules((module.parent / name).resolve(), seen)
    yield re.sub(r"^export ", "", IMPORT.sub("", text), flags=re.M)
