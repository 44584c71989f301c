"""The supervisor's console: its pages in one frame. What they show comes from the API, who is signed in from `session`.

A page NAME is `templates/console/NAME.html`, the folder `static/console/NAME` with `page.js` (and `page.css`), and its
words in `languages` here, `console.page.NAME` the first of them.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bridge.web.desktop.page import PAGE_POLICY
from bridge.web.languages import STATIC

TEMPLATES = Path(__file__).parents[1] / "templates" / "console"


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """One page. One that is `for_admins` is in nobody else's navigation and shows them nothing; its API decides."""

    name: str
    for_admins: bool = False

    @property
    def has_style(self) -> bool:
        """Whether it has CSS of its own."""
        return (STATIC / "console" / self.name / "page.css").is_file()


IN_ORDER = (
    ConsolePage("live"),
    ConsolePage("clicks"),
    ConsolePage("deliveries"),
    ConsolePage("audit"),
    ConsolePage("health"),
    ConsolePage("connect", for_admins=True),
)


@cache
def pages() -> dict[str, ConsolePage]:
    """The pages there are, in the order of the navigation."""
    return {page.name: page for page in IN_ORDER if (TEMPLATES / f"{page.name}.html").is_file()}


async def door(_: Request) -> Response:
    """`GET /console`: its first page; a browser takes the `#token=` of a link along."""
    return RedirectResponse(f"/console/{next(iter(pages()))}", 307)


async def page(request: Request) -> Response:
    """`GET /console/{page}`: a page without data; who may see what is decided by the token it brings to the API."""
    shown = pages().get(request.path_params["page"])
    if shown is None:
        raise HTTPException(404, f"There is no such page; known: {', '.join(pages())}")
    template = request.app.state.pages.get_template(f"console/{shown.name}.html")
    headers = {"Content-Security-Policy": f"{PAGE_POLICY}'none'", "Cache-Control": "no-cache"}
    return HTMLResponse(template.render(page=shown, pages=pages().values()), headers=headers)
