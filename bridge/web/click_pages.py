"""The answer to a click as a page, for a person: who follows a link, or whose CRM opens the answer in a frame."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bridge.core.errors import ClickRefused
from bridge.core.model import Answer
from bridge.core.reasons import say
from bridge.web import cors, languages, problems

UNWANTED = re.compile(r";q=0(?:\.0*)?(?:;|$)")
"""What a type bears in `Accept` that must not be sent."""


def is_wanted(request: Request) -> bool:
    """A person followed a link, or a CRM's page opened the answer in a frame: browsers ask for HTML by name, programs
    do not; some programs name it when they post, but none of these navigates."""
    if request.method != "GET" and request.headers.get("sec-fetch-mode") != "navigate":
        return False
    types = [part.replace(" ", "").lower() for part in request.headers.get("accept", "").split(",")]
    return any(part.split(";")[0] == "text/html" and not UNWANTED.search(part) for part in types)


def refused(request: Request, why: ClickRefused) -> Response:
    """Why a click is not accepted: as a page where that is wanted, else as problem+json."""
    told = problems.of_refusal(why)
    if not is_wanted(request):
        return told
    problem = {"title": why.title, "detail": why.detail, "reason": why.reason, "status": why.status}
    return page(request, why.status, problem=problem)


def page(request: Request, status: int, **context: Any) -> Response:
    """The page, in the browser's language; the CRM's own pages may show what they posted for in a frame."""
    lang, words = languages.chosen(request.headers.get("accept-language", ""))
    pages: Environment = request.app.state.pages
    told: Answer | None = context.get("answer")
    because = say(told.reason, lang) if told is not None and told.reason is not None else ""
    shown = {
        "answer": None,
        "problem": None,
        "lang": lang,
        "say": words,
        "because": because,
        "desktop_link": "",
        **context,
    }
    made = HTMLResponse(pages.get_template("answer.html").render(**shown), status)
    account = request.app.state.services.settings.crm.get(str(request.path_params["crm"]))
    return cors.framed(made, account.origins if account is not None and request.method == "POST" else ())


def open_pages() -> Environment:
    """The templates; everything in them is escaped."""
    return Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
