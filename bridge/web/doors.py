"""`/`: the front door, and what the pages of signing in look like."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from bridge import __version__
from bridge.core.reasons import Words
from bridge.services import Services
from bridge.web import languages

Way = tuple[str, str, str]
"""An address, its name, and a line about it."""


def wants_page(request: Request) -> bool:
    """Whether a browser asks, which names HTML; programs do not."""
    return "text/html" in request.headers.get("accept", "")


def words_for(request: Request) -> tuple[str, Words]:
    """The language of `?lang=`, else the browser's."""
    asked = request.query_params.get("lang", "")
    return languages.chosen(f"{asked},{request.headers.get('accept-language', '')}" if asked else
                            request.headers.get("accept-language", ""))  # fmt: skip


def page(request: Request, title: str, texts: Sequence[str], status: int = 200, **more: Any) -> Response:
    """A page with a title, some text, and ways to go on."""
    lang, say = words_for(request)
    shown = {"facts": (), "ways": (), "sections": (), "script": "", "fine": "", **more}
    template = request.app.state.pages.get_template("door.html")
    return HTMLResponse(template.render(lang=lang, say=say, title=title, texts=texts, **shown), status)


async def front(request: Request) -> Response:
    """`GET /`: where everything is, and how to sign in. JSON for programs."""
    services: Services = request.app.state.services
    oidc = services.settings.signin.oidc
    if not wants_page(request):
        pages = {"desktop": "/desktop", "console": "/console", "docs": "/docs", "health": "/readyz"}
        kinds = ["token", "link", *(["openid-connect"] if oidc else [])]
        told = {"name": "popbridge", "version": __version__, "pages": pages, "api": "/openapi.json", "sign_in": kinds}
        return JSONResponse(told)
    _, say = words_for(request)
    ways: list[Way] = [
        (f"/{name}", say[f"door.{name}"], say[f"door.{name}.text"]) for name in ("desktop", "console", "docs")
    ]
    ways.append(("/readyz", say["door.health"], say["door.health.text"]))
    return page(
        request, "popbridge", [say["door.text"]], ways=ways, sections=[(say["door.signin"], _how(say, services))]
    )


def _how(say: Words, services: Services) -> list[tuple[str, str]]:
    oidc = services.settings.signin.oidc
    known = [(say["door.signin.oidc"].replace("{name}", oidc.name), "")] if oidc else []
    return [
        *known,
        (say["door.signin.agent"], ""),
        (say["door.signin.supervisor"], "popbridge token create --role supervisor"),
    ]
