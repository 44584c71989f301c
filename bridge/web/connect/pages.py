"""`/docs/connect`: the guides as pages, for everybody; nothing of an installation is in them."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bridge import __version__
from bridge.connect import guides


async def index(request: Request) -> Response:
    """`GET /docs/connect`: what is the same for every make, and all of them."""
    every = guides.every().values()
    groups = [(words, [one for one in every if one.group == group]) for group, words in _GROUPS.items()]
    return _page(request, title="Connect a phone system and a CRM", body=guides.general(), groups=groups)


async def guide(request: Request) -> Response:
    """`GET /docs/connect/{kind}`: one make's guide; 404 names the makes there are."""
    kind = request.path_params["kind"]
    if kind not in guides.every():
        raise HTTPException(404, f"There is no guide for this kind; there are: {', '.join(sorted(guides.every()))}.")
    found = guides.guide(kind)
    return _page(request, title=found.title, body=found.html, about=found, groups=[])


_GROUPS = {"crm": "CRMs", "pbx": "Phone systems"}


def _page(request: Request, **told: object) -> Response:
    template = request.app.state.pages.get_template("guide.html")
    return HTMLResponse(template.render(version=__version__, **told))
